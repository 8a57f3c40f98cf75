//! Whether both sides did the same work, in every run.

use std::fmt;

use common::outcome::{Better, Metric, Model, Outcome};
use serde_json::Value;

use crate::run::{figures, plan::Slice, samples::Sample};

/// Why an outcome cannot be compared with earlier ones.
#[derive(Debug)]
pub enum Disagreement {
    /// It has no answer, so nothing proves what was done.
    NoAnswer,
    /// Two of its metrics have this name.
    SameName(String),
    /// No ratio can be computed from a negative or infinite figure.
    NoFigure(String, f64),
    /// It has a metric that, according to itself, only the other side has.
    OfTheOtherSide(String, Model),
    /// Both sides must agree in something, and do not.
    Unlike {
        /// What this run did.
        this: String,
        /// What an earlier run did.
        that: String,
        /// The earlier one.
        earlier: Slice,
    },
}

impl fmt::Display for Disagreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Disagreement::NoAnswer => "it gave no answer".into(),
            Disagreement::SameName(metric) => {
                format!("it has two metrics called {metric}")
            }
            Disagreement::NoFigure(what, value) => {
                format!("its {what} is {value}")
            }
            Disagreement::OfTheOtherSide(metric, model) => {
                format!("it has {metric}, but says that only {model} have it")
            }
            Disagreement::Unlike { this, that, earlier } => {
                format!("it {this}, but {earlier}, {that}")
            }
        };
        formatter.write_str(&words)
    }
}

/// Compares a sample with earlier ones of the same part.
///
/// The answer must be the same in all slices: one worker and many share out the
/// same work in scenarios that run with both. What may depend on the number of
/// workers is compared with a slice of as many: with the other side's, and with
/// its own, because only its own has what only one side can do.
pub fn check(sample: &Sample, earlier: &[Sample]) -> Result<(), Disagreement> {
    check_alone(sample)?;
    let is_like = |other: &&Sample| other.slice.part == sample.slice.part;
    let alike = || earlier.iter().filter(is_like);
    if let Some(first) = earlier.first() {
        check_build(sample, first)?;
    }
    if let Some(first) = alike().next() {
        check_answer(sample, first)?;
    }
    for model in [Model::Threads, Model::Processes] {
        let first = alike().find(|Sample { slice, .. }| {
            slice.model == model && slice.workers == sample.slice.workers
        });
        if let Some(first) = first {
            check_parameters(sample, first)?;
            check_metrics(sample, first)?;
        }
    }
    Ok(())
}

/// Compares a run in one language with one of the same work in another. If the
/// outcome says how, the last bits of floats in an answer are ignored: see
/// [`Portable`](common::outcome::Portable).
pub fn check_across(
    sample: &Sample,
    pair: &Sample,
) -> Result<(), Disagreement> {
    let (Some(this), Some(that)) =
        (&sample.outcome.portable, &pair.outcome.portable)
    else {
        return check_answer(sample, pair);
    };
    let answered = |outcome: &Outcome| match &outcome.portable {
        Some(portable) => format!("answered {}", beginning(&portable.answer)),
        None => "gave no portable answer".into(),
    };
    if this.answer != that.answer {
        return Err(unlike(sample, pair, answered));
    }
    match first_difference(&this.figures, &that.figures) {
        None => Ok(()),
        Some(index) => Err(unlike(sample, pair, |outcome| {
            let portable = outcome.portable.as_ref();
            match portable.and_then(|it| it.figures.get(index)) {
                Some(figure) => format!("found {figure} as figure {index}"),
                None => format!("has no figure {index}"),
            }
        })),
    }
}

/// Libraries sum in different orders: results then differ by rounding, in
/// proportion to the largest of them.
fn first_difference(these: &[f64], those: &[f64]) -> Option<usize> {
    const SHARE: f64 = 1e-9;
    let largest = those.iter().fold(0.0, |most: f64, one| most.max(one.abs()));
    let differs = |index: &usize| match (these.get(*index), those.get(*index)) {
        (Some(this), Some(that)) => {
            let difference = (this - that).abs();
            // NaN is close to nothing.
            let is_near = difference <= SHARE * largest;
            !is_near
        }
        _ => true,
    };
    (0..these.len().max(those.len())).find(differs)
}

fn beginning(answer: &str) -> String {
    answer.chars().take(8).collect()
}

/// Checks one sample alone: everything that needs no other sample.
pub fn check_alone(sample: &Sample) -> Result<(), Disagreement> {
    let Outcome { answer, laps, resources, .. } = &sample.outcome;
    if answer.is_empty() {
        return Err(Disagreement::NoAnswer);
    }
    for (name, seconds) in [
        ("laps.start", laps.start),
        ("laps.work", laps.work),
        ("laps.stop", laps.stop),
        ("resources.cpu_user", resources.cpu_user),
        ("resources.cpu_system", resources.cpu_system),
    ] {
        if !is_possible(seconds) {
            return Err(Disagreement::NoFigure(name.into(), seconds));
        }
    }
    for (index, metric) in sample.figures.iter().enumerate() {
        if figures::find(metric, &sample.figures[..index]).is_some() {
            return Err(Disagreement::SameName(name(metric)));
        }
        if let Some(value) = metric.value
            && metric.better != Better::Neither
            && !is_possible(value)
        {
            let name = format!("metric {}", name(metric));
            return Err(Disagreement::NoFigure(name, value));
        }
        if let Some(only) = metric.only
            && only != sample.outcome.model
        {
            return Err(Disagreement::OfTheOtherSide(name(metric), only));
        }
    }
    Ok(())
}

fn is_possible(figure: f64) -> bool {
    figure >= 0.0 && figure.is_finite()
}

fn check_answer(sample: &Sample, first: &Sample) -> Result<(), Disagreement> {
    if sample.outcome.answer == first.outcome.answer {
        return Ok(());
    }
    let answered =
        |outcome: &Outcome| format!("answered {}", beginning(&outcome.answer));
    Err(unlike(sample, first, answered))
}

/// Comparing a debug build with a release build compares no models.
fn check_build(sample: &Sample, first: &Sample) -> Result<(), Disagreement> {
    let built = |outcome: &Outcome| {
        let machine = &outcome.machine;
        format!("is a {} build by {}", machine.profile, machine.rustc)
    };
    if built(&sample.outcome) == built(&first.outcome) {
        Ok(())
    } else {
        Err(unlike(sample, first, built))
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

/// A metric that one side lacks would be a gap in the table, unless the other
/// says that only it can have one.
fn check_metrics(sample: &Sample, first: &Sample) -> Result<(), Disagreement> {
    let mut all = sample.figures.iter().chain(&first.figures);
    let has = |sample: &Sample, metric| match figures::find(
        metric,
        &sample.figures,
    ) {
        Some(metric) => format!("has {}", sense(metric)),
        None => format!("has no {}", name(metric)),
    };
    match all.find(|metric| !is_in_order(metric, sample, first)) {
        None => Ok(()),
        Some(metric) => Err(Disagreement::Unlike {
            this: has(sample, metric),
            that: has(first, metric),
            earlier: first.slice,
        }),
    }
}

/// Whether both have it in the same sense, or one lacks what it cannot have.
/// Two sides never agree on a metric that one calls its own: the other would
/// have to call it that side's too, and was refused for it.
fn is_in_order(metric: &Metric, sample: &Sample, first: &Sample) -> bool {
    let [this, that] =
        [sample, first].map(|one| figures::find(metric, &one.figures));
    match (this, that) {
        (Some(this), Some(that)) => {
            let sense =
                |it: &Metric| (it.unit.clone(), it.better, it.detail, it.only);
            sense(this) == sense(that)
        }
        _ => metric.only.is_some() && sample.slice.model != first.slice.model,
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
        earlier: first.slice,
    }
}

fn name(metric: &Metric) -> String {
    metric.name()
}

/// What its value means, and to whom.
fn sense(metric: &Metric) -> String {
    let better = match metric.better {
        Better::Higher => ", higher is better",
        Better::Lower => ", lower is better",
        Better::Neither => "",
    };
    let detail = if metric.detail { ", as a detail" } else { "" };
    let only = metric
        .only
        .map_or(String::new(), |model| format!(", for {model} only"));
    format!("{} in {}{better}{detail}{only}", name(metric), metric.unit)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use common::laps::Laps;
    use proptest::{prelude::*, sample::Index};
    use serde_json::value::RawValue;

    use super::*;
    use crate::run::plan::Series;

    /// The first of each side, and some more.
    const ORDER: [Model; 6] = [
        Model::Threads,
        Model::Processes,
        Model::Threads,
        Model::Processes,
        Model::Processes,
        Model::Threads,
    ];

    fn sample(model: Model, metrics: Vec<Metric>) -> Sample {
        let slice = Slice {
            series: Series::Pair,
            model,
            part: "planted",
            workers: 2,
            pair: 1,
            slice: 1,
            turn: 1,
        };
        let document = RawValue::from_string("null".into()).unwrap();
        let outcome = Outcome {
            answer: "9f3c1234".into(),
            metrics,
            ..Outcome::new("ipc", model, &Laps::none())
        };
        Sample::new(slice, document, outcome)
    }

    /// The position of the first sample that disagrees, and why.
    fn first_fault(samples: &[Sample]) -> Option<(usize, String)> {
        samples.iter().enumerate().find_map(|(index, sample)| {
            let fault = check(sample, &samples[..index]).err()?;
            Some((index, fault.to_string()))
        })
    }

    /// Metrics of both sides and of only one, details among them.
    fn metrics() -> impl Strategy<Value = Vec<Metric>> {
        let only = prop::option::of(prop::sample::select(&ORDER[..2]));
        prop::collection::vec((only, any::<bool>()), 1..8).prop_map(|kinds| {
            let metrics = kinds.into_iter().zip(0..);
            let metrics = metrics.map(|((only, detail), number)| Metric {
                only,
                detail,
                ..Metric::new("wait", "wait", "s", Better::Lower, 1.0)
                    .of(number)
            });
            metrics.collect()
        })
    }

    fn runs(metrics: &[Metric]) -> [Vec<Metric>; 6] {
        ORDER.map(|model| {
            let can =
                |metric: &&Metric| metric.only.is_none_or(|only| only == model);
            metrics.iter().filter(can).cloned().collect()
        })
    }

    fn samples(runs: [Vec<Metric>; 6]) -> Vec<Sample> {
        let runs = ORDER.into_iter().zip(runs);
        runs.map(|(model, metrics)| sample(model, metrics)).collect()
    }

    /// One of the ways to differ from the others.
    fn spoil(metrics: &mut Vec<Metric>, which: usize, how: usize) {
        let metric = &mut metrics[which];
        match how {
            0 => metric.unit = "op/s".into(),
            1 => metric.better = Better::Higher,
            2 => metric.detail = !metric.detail,
            3 if metric.only.is_some() => metric.only = None,
            3 => metric.only = Some(Model::Processes),
            4 if metric.only != Some(Model::Threads) => {
                metric.only = Some(Model::Threads);
            }
            4 => metric.only = Some(Model::Processes),
            5 => metric.id = "delay".into(),
            _ => drop(metrics.remove(which)),
        }
    }

    #[test]
    fn each_side_may_have_its_own() {
        let wait = |variant| {
            Metric::new("wait", "wait", "s", Better::Lower, 1.0).of(variant)
        };
        let threads = vec![wait("channel").only(Model::Threads)];
        let processes = vec![wait("pipe").only(Model::Processes)];
        let runs = ORDER.map(|model| match model {
            Model::Threads => threads.clone(),
            Model::Processes => processes.clone(),
        });
        assert_eq!(first_fault(&samples(runs)), None);
    }

    proptest! {
        #[test]
        fn runs_that_are_alike_agree(metrics in metrics()) {
            prop_assert_eq!(first_fault(&samples(runs(&metrics))), None);
        }

        #[test]
        fn one_run_that_is_unlike_the_others_is_found(
            metrics in metrics(),
            run in 0..ORDER.len(),
            which in any::<Index>(),
            how in 0_usize..7,
        ) {
            let mut runs = runs(&metrics);
            prop_assume!(!runs[run].is_empty());
            let which = which.index(runs[run].len());
            spoil(&mut runs[run], which, how);
            prop_assert_ne!(first_fault(&samples(runs)), None);
        }

        /// What one side calls its own, the other must not have, whatever it
        /// calls it.
        #[test]
        fn nobody_has_what_another_calls_its_own(
            mut metrics in metrics(),
            which in any::<Index>(),
            only in prop::sample::select(&ORDER[..2]),
            claimed in prop::option::of(prop::sample::select(&ORDER[..2])),
        ) {
            let which = which.index(metrics.len());
            metrics[which].only = None;
            let mut runs = runs(&metrics);
            let id = metrics[which].id.clone();
            for (model, metrics) in ORDER.into_iter().zip(&mut runs) {
                let mut metrics = metrics.iter_mut();
                let metric = metrics.find(|metric| metric.id == id);
                let claim = if model == only { Some(only) } else { claimed };
                metric.unwrap().only = claim;
            }
            let (at, words) = first_fault(&samples(runs)).unwrap();
            prop_assert!(at <= 1, "{words}");
        }
    }
}
