//! Whether both sides did the same work, in every run.

use std::fmt;

use common::outcome::{Better, Metric, Outcome};
use serde_json::Value;

use crate::{figures, plan::Run, samples::Sample};

/// Why an outcome cannot be compared with those before it.
#[derive(Debug)]
pub enum Disagreement {
    /// It has no answer, so nothing proves what was done.
    NoAnswer,
    /// Two of its metrics have this name.
    SameName(String),
    /// No ratio can be made of a metric that is negative.
    Negative(String, f64),
    /// Both sides must be alike in something, and are not.
    Unlike {
        /// What this run did.
        this: String,
        /// What an earlier one did.
        that: String,
        /// The earlier one.
        earlier: Run,
    },
}

impl fmt::Display for Disagreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Disagreement::NoAnswer => "it gave no answer".into(),
            Disagreement::SameName(metric) => {
                format!("it has two metrics called {metric}")
            }
            Disagreement::Negative(metric, value) => {
                format!("its metric {metric} is {value}")
            }
            Disagreement::Unlike { this, that, earlier } => {
                format!("it {this}, but {earlier}, {that}")
            }
        };
        formatter.write_str(&words)
    }
}

/// Holds a sample against what came before it in its scenario.
///
/// The answer must be the same in all runs: one worker and many share out
/// the same work, where a scenario is run with both. What may depend on the
/// number of workers is held against a run with as many.
pub fn check(sample: &Sample, earlier: &[Sample]) -> Result<(), Disagreement> {
    let mut alike =
        earlier.iter().filter(|other| other.run.workers == sample.run.workers);
    check_alone(sample)?;
    if let Some(first) = earlier.first() {
        check_answer(sample, first)?;
        check_build(sample, first)?;
    }
    if let Some(first) = alike.next() {
        check_parameters(sample, first)?;
        check_metrics(sample, first)?;
    }
    Ok(())
}

fn check_alone(sample: &Sample) -> Result<(), Disagreement> {
    if sample.outcome.answer.is_empty() {
        return Err(Disagreement::NoAnswer);
    }
    for (index, metric) in sample.figures.iter().enumerate() {
        if figures::find(metric, &sample.figures[..index]).is_some() {
            return Err(Disagreement::SameName(name(metric)));
        }
        if metric.better != Better::Neither && metric.value < 0.0 {
            return Err(Disagreement::Negative(name(metric), metric.value));
        }
    }
    Ok(())
}

fn check_answer(sample: &Sample, first: &Sample) -> Result<(), Disagreement> {
    if sample.outcome.answer == first.outcome.answer {
        return Ok(());
    }
    let answered = |outcome: &Outcome| {
        let digits: String = outcome.answer.chars().take(8).collect();
        format!("answered {digits}")
    };
    Err(unlike(sample, first, answered))
}

/// A debug build against a release build compares no models.
fn check_build(sample: &Sample, first: &Sample) -> Result<(), Disagreement> {
    let built = |outcome: &Outcome| {
        let machine = &outcome.machine;
        format!("is a {} build by {}", machine.profile, machine.rustc)
    };
    match built(&sample.outcome) == built(&first.outcome) {
        true => Ok(()),
        false => Err(unlike(sample, first, built)),
    }
}

fn check_parameters(
    sample: &Sample,
    first: &Sample,
) -> Result<(), Disagreement> {
    let these = &sample.outcome.parameters;
    let those = &first.outcome.parameters;
    if these == those {
        return Ok(());
    }
    let key = different_key(these, those);
    let ran = |outcome: &Outcome| match &key {
        Some(key) => format!("ran with {key} {}", outcome.parameters[key]),
        None => format!("ran with the parameters {}", outcome.parameters),
    };
    Err(unlike(sample, first, ran))
}

fn different_key(these: &Value, those: &Value) -> Option<String> {
    let (these, those) = (these.as_object()?, those.as_object()?);
    these
        .keys()
        .chain(those.keys())
        .find(|key| these.get(*key) != those.get(*key))
        .cloned()
}

/// A metric that one side lacks would be a gap in the table.
fn check_metrics(sample: &Sample, first: &Sample) -> Result<(), Disagreement> {
    let mut all = sample.figures.iter().chain(&first.figures);
    let has = |sample: &Sample, metric| match figures::find(
        metric,
        &sample.figures,
    ) {
        Some(metric) => format!("has {}", sense(metric)),
        None => format!("has no {}", name(metric)),
    };
    match all.find(|metric| has(sample, metric) != has(first, metric)) {
        None => Ok(()),
        Some(metric) => Err(Disagreement::Unlike {
            this: has(sample, metric),
            that: has(first, metric),
            earlier: first.run,
        }),
    }
}

fn unlike(
    sample: &Sample,
    first: &Sample,
    did: impl Fn(&Outcome) -> String,
) -> Disagreement {
    Disagreement::Unlike {
        this: did(&sample.outcome),
        that: did(&first.outcome),
        earlier: first.run,
    }
}

fn name(metric: &Metric) -> String {
    figures::name(&metric.name, metric.variant.as_deref())
}

/// What its value means.
fn sense(metric: &Metric) -> String {
    let better = match metric.better {
        Better::Higher => ", the higher the better",
        Better::Lower => ", the lower the better",
        Better::Neither => "",
    };
    format!("{} in {}{better}", name(metric), metric.unit)
}
