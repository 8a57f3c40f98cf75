//! What changed between two comparisons: each side against its own older
//! figures, with the judge that otherwise compares the two sides.
//!
//! Programs with the same pair number form a pair here too, but programs from
//! two files did not take turns. So a machine that has become slower looks like
//! a program that has: the interval covers the variation between pairs, not the
//! variation from one day to the next.

use std::fmt;

use anyhow::ensure;
use common::{
    estimate::{self, Estimate},
    outcome::{Better, Metric, Model},
};

use crate::{
    judge::{
        finding::{self, Finding},
        results::Results,
        words::{TIMES, comparative, interval, times},
    },
    run::{figures, measured::Measured},
};

const BOTH: [Model; 2] = [Model::Threads, Model::Processes];

/// One of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// The baseline.
    Old,
    /// The one compared with it.
    New,
}

impl fmt::Display for Age {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Age::Old => "old",
            Age::New => "new",
        })
    }
}

/// One row.
#[derive(Debug)]
pub struct Change {
    /// The side and the metric.
    pub name: String,
    /// See [`Metric::unit`].
    pub unit: String,
    /// The median of the old pairs.
    pub old: Option<f64>,
    /// The median of the new pairs.
    pub new: Option<f64>,
    /// None if there is nothing to compare, or if neither direction is better.
    pub finding: Option<Finding<Age>>,
    /// The verdict as text.
    pub words: String,
}

impl Change {
    /// Whether the old one was clearly better.
    pub fn is_for_the_worse(&self) -> bool {
        self.finding == Some(Finding::Better(Age::Old))
    }
}

/// What became of one scenario.
#[derive(Debug)]
pub enum Changed {
    /// Comparable.
    Rows(Vec<Change>),
    /// Missing in the other file.
    OnlyIn(Age),
    /// In both, but not the same work, or already refused in one of them.
    Refused(String),
}

impl Changed {
    /// Whether a script should raise the alarm. What cannot be compared might
    /// hide anything.
    pub fn is_for_the_worse(&self) -> bool {
        match self {
            Changed::Rows(rows) => rows.iter().any(Change::is_for_the_worse),
            Changed::OnlyIn(_) => false,
            Changed::Refused(_) => true,
        }
    }
}

/// The changes of every scenario in either file, in the order of the new one.
///
/// # Errors
///
/// Fails if the files have no scenario in common, or if only one was measured
/// with `--quick`, which not every program reports among its parameters.
pub fn changes(
    old: &Results,
    new: &Results,
) -> anyhow::Result<Vec<(&'static str, Changed)>> {
    ensure!(
        old.heading.is_quick() == new.heading.is_quick(),
        "not the same work: only one of the two files was measured with \
         --quick; measure both with it or both without"
    );
    let mut changes: Vec<(&str, Changed)> = Vec::new();
    for measured in new.scenarios.iter().chain(&old.scenarios) {
        let name = measured.plan.scenario.name;
        if !changes.iter().any(|(known, _)| *known == name) {
            changes.push((name, changed(name, old, new)));
        }
    }
    let in_both = |(_, it): &(_, Changed)| !matches!(it, Changed::OnlyIn(_));
    ensure!(
        changes.iter().any(in_both),
        "nothing to compare: no scenario is in both files"
    );
    Ok(changes)
}

fn changed(name: &str, old: &Results, new: &Results) -> Changed {
    let (old, new) = match (old.find(name), new.find(name)) {
        (Some(old), Some(new)) => (old, new),
        (Some(_), None) => return Changed::OnlyIn(Age::Old),
        _ => return Changed::OnlyIn(Age::New),
    };
    if let Some(objection) = objection(old, new) {
        return Changed::Refused(objection);
    }
    let rows = BOTH.into_iter().flat_map(|model| side(old, new, model));
    Changed::Rows(rows.collect())
}

/// Why two scenarios of the same name cannot be compared.
fn objection(old: &Measured, new: &Measured) -> Option<String> {
    for (measured, age) in [(old, Age::Old), (new, Age::New)] {
        if !measured.is_sound() {
            return Some(format!("it was refused in the {age} file"));
        }
    }
    BOTH.into_iter().find_map(|model| unlike(old, new, model))
}

/// Compares a side's parameters, answer and build.
fn unlike(old: &Measured, new: &Measured, model: Model) -> Option<String> {
    let of = |measured: &Measured, part: &str| {
        let mut samples = measured.of(model);
        let sample = samples.find(|sample| sample.slice.part == part)?;
        let outcome = &sample.outcome;
        Some([
            ("parameters", outcome.parameters.to_string()),
            ("answer", outcome.answer.clone()),
            ("build", outcome.machine.profile.clone()),
        ])
    };
    new.plan.parts().find_map(|part| {
        let pairs = of(old, part.name)?.into_iter().zip(of(new, part.name)?);
        let ((what, old), (_, new)) =
            pairs.into_iter().find(|(a, b)| a != b)?;
        Some(format!(
            "not the same work: the {what} of {model}, {}, was {old} and is \
             now {new}; measure both with the same arguments",
            part.name
        ))
    })
}

/// The rows of one side.
fn side(old: &Measured, new: &Measured, model: Model) -> Vec<Change> {
    let [before, now] = [old, new].map(|measured| measured.metrics(model));
    figures::merged(now, before)
        .into_iter()
        .filter(|metric| !metric.detail)
        .map(|metric| change(old, new, model, metric))
        .collect()
}

fn change(
    old: &Measured,
    new: &Measured,
    model: Model,
    metric: &Metric,
) -> Change {
    let [before, now] =
        [old, new].map(|measured| pairs(measured, model, metric));
    let ratio = advantage(&before, &now, metric.better);
    let name = metric.name();
    Change {
        name: format!("{model}: {name}"),
        unit: metric.unit.clone(),
        old: estimate::median(&before),
        new: estimate::median(&now),
        finding: ratio.map(finding),
        words: match ratio {
            _ if !has(old, model, metric) => "only in the new file".into(),
            _ if !has(new, model, metric) => "only in the old file".into(),
            _ if before.is_empty() => "not available in the old file".into(),
            _ if now.is_empty() => "not available in the new file".into(),
            Some(ratio) => words(ratio, metric),
            None => "shown, not judged".into(),
        },
    }
}

/// The figure of each pair. Empty if there is none or it is unknown. In a
/// different unit, it is a different figure.
fn pairs(measured: &Measured, model: Model, metric: &Metric) -> Vec<f64> {
    let figure = measured.by_pair(model, measured.plan.workers, |sample| {
        let figure = figures::find(metric, &sample.figures)?;
        (figure.unit == metric.unit).then_some(figure.value)
    });
    figure.unwrap_or_default()
}

/// Whether there is such a figure, known or not.
fn has(measured: &Measured, model: Model, metric: &Metric) -> bool {
    measured.of(model).any(|sample| {
        let figure = figures::find(metric, &sample.figures);
        figure.is_some_and(|figure| figure.unit == metric.unit)
    })
}

/// How many times better it is now, over the pairs in both files. None if there
/// are none, or if neither direction is better.
fn advantage(before: &[f64], now: &[f64], better: Better) -> Option<Estimate> {
    let both = before.len().min(now.len());
    match both {
        0 => None,
        _ => finding::advantage(&now[..both], &before[..both], better),
    }
}

fn finding(ratio: Estimate) -> Finding<Age> {
    Finding::between(ratio, [Age::New, Age::Old])
}

fn words(ratio: Estimate, metric: &Metric) -> String {
    let better = comparative(&metric.unit, metric.better);
    let told = |how: &str, ratio: Estimate| {
        let factor = times(ratio.median);
        format!("{factor}{TIMES} {how} now {}", interval(ratio))
    };
    match finding(ratio) {
        Finding::Better(Age::New) => told(better, ratio),
        Finding::Better(Age::Old) => told(opposite(better), ratio.inverse()),
        Finding::NoClearDifference => {
            format!("no clear difference {}", interval(ratio))
        }
        Finding::NoLargeDifference => {
            format!("no large difference {}", interval(ratio))
        }
        Finding::TooNoisy => format!("too noisy to tell {}", interval(ratio)),
    }
}

fn opposite(comparative: &str) -> &'static str {
    match comparative {
        "faster" => "slower",
        "smaller" => "larger",
        "better" => "worse",
        "fewer" => "more",
        _ => "fewer",
    }
}
