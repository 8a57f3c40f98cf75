//! What the figures of a scenario say, in words.

use common::{
    estimate::{self, Estimate},
    outcome::{Better, Metric, Model},
    units,
};
use serde::Serialize;

use crate::{
    judge::{
        finding::Finding,
        stopping,
        words::{TIMES, Words, times},
    },
    run::{figures, measured::Measured, samples::Sample},
};

/// One row of the comparison.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// The scenario's name.
    pub scenario: &'static str,
    /// The key of what was measured, see [`Metric::id`].
    pub id: String,
    /// What was measured, for a person.
    pub label: String,
    /// Of which variant, where the scenario has variants, for a person.
    pub variant: Option<String>,
    /// In what, see [`Metric::unit`].
    pub unit: String,
    /// Whether it answers its scenario's question.
    pub is_headline: bool,
    /// The median of threads, if the row has a figure of theirs.
    pub threads: Option<f64>,
    /// The median of processes, if the row has a figure of theirs.
    pub processes: Option<f64>,
    /// How many times better threads are; in the row of a speed-up, the
    /// speed-up. None if nothing is judged.
    pub ratio: Option<Estimate>,
    /// What the ratio means, if it compares the sides.
    pub finding: Option<Finding>,
    /// The one side that can have such a figure, if not both can.
    pub only: Option<Model>,
    /// What a person reads.
    pub words: Words,
}

impl Verdict {
    /// As people call what was measured.
    pub fn name(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}, {variant}", self.label),
            None => self.label.clone(),
        }
    }

    /// One side's figure, as people write it. Empty if it has none.
    pub fn figure(&self, model: Model) -> String {
        let value = match model {
            Model::Threads => self.threads,
            Model::Processes => self.processes,
        };
        match (value, self.unit.as_str()) {
            (None, _) => String::new(),
            (Some(value), TIMES) => times(value) + TIMES,
            (Some(value), unit) => units::human(value, unit),
        }
    }
}

/// The rows of a scenario. None if it was refused: of sides that did not do
/// the same work, nothing is said.
pub fn verdicts(measured: &Measured) -> Vec<Verdict> {
    if !measured.is_sound() {
        return Vec::new();
    }
    rows(measured)
        .into_iter()
        .map(|metric| row(measured, metric))
        .chain(speed_ups(measured))
        .collect()
}

/// What is shown, in its order. All slices of a part have the same metrics.
fn rows(measured: &Measured) -> Vec<&Metric> {
    let [threads, processes] =
        [Model::Threads, Model::Processes].map(|model| measured.metrics(model));
    let mut rows = figures::merged(threads, processes);
    rows.retain(|metric| !metric.detail);
    rows
}

fn row(measured: &Measured, metric: &Metric) -> Verdict {
    let workers = measured.plan.workers;
    let [threads, processes] = [Model::Threads, Model::Processes]
        .map(|model| measured.figure(metric, model, workers));
    let ratio = ratio(measured, metric);
    let is_known = threads.is_some() && processes.is_some();
    Verdict {
        scenario: measured.plan.scenario.name,
        id: metric.id.clone(),
        label: metric.label.clone(),
        variant: metric.variant.clone(),
        unit: metric.unit.clone(),
        is_headline: measured.plan.is_headline(&metric.id),
        threads: threads.as_deref().and_then(estimate::median),
        processes: processes.as_deref().and_then(estimate::median),
        ratio,
        finding: ratio.map(Finding::of),
        only: metric.only,
        words: match is_known {
            true => conclusion(metric, ratio),
            false => Words::plain("not known here"),
        },
    }
}

/// How many times better threads are. None if nothing is judged.
pub fn ratio(measured: &Measured, metric: &Metric) -> Option<Estimate> {
    let ratios = measured.advantage(metric)?;
    metric.only.is_none().then(|| stopping::estimate(&ratios))
}

/// The figures of a part by which the sides are judged.
pub fn judged<'all>(
    measured: &'all Measured,
    part: &str,
) -> impl Iterator<Item = &'all Metric> {
    let mut samples = measured.of(Model::Threads);
    let first = samples.find(|sample| sample.slice.part == part);
    let figures = first.into_iter().flat_map(|sample| &sample.figures);
    figures.filter(|metric| {
        let is_shown = metric.detail || metric.better == Better::Neither;
        metric.only.is_none() && !is_shown
    })
}

/// What was found of all rows that are judged and answer a question.
pub fn findings(measured: &Measured) -> Vec<Finding> {
    let parts = measured.plan.parts();
    let rows = parts.flat_map(|part| judged(measured, part.name));
    rows.filter(|it| measured.plan.is_headline(&it.id))
        .filter_map(|metric| Some(Finding::of(ratio(measured, metric)?)))
        .collect()
}

fn conclusion(metric: &Metric, ratio: Option<Estimate>) -> Words {
    match (metric.only, ratio) {
        (Some(model), _) => Words::plain(format!("only {model} have it")),
        (None, Some(ratio)) => Words::of(ratio, &metric.unit, metric.better),
        (None, None) => Words::plain("shown, not judged"),
    }
}

/// What one worker took over what all took, for each side; part by part, if
/// the programs tell what each part of the work took.
pub fn speed_ups(measured: &Measured) -> impl Iterator<Item = Verdict> {
    let parts: Vec<Option<&Metric>> = match parts(measured) {
        _ if !measured.plan.scenario.scales => Vec::new(),
        parts if parts.is_empty() => vec![None],
        parts => parts.into_iter().map(Some).collect(),
    };
    let sides = [Model::Threads, Model::Processes];
    parts
        .into_iter()
        .flat_map(move |part| sides.map(|side| speed_up(measured, side, part)))
}

/// How the id of a metric begins that tells what a part of the work took.
pub const WORK: &str = "work.";

/// The parts of the work, in their order.
fn parts(measured: &Measured) -> Vec<&Metric> {
    let first = measured.samples.first();
    first
        .into_iter()
        .flat_map(|sample| &sample.figures)
        .filter(|metric| metric.id.starts_with(WORK))
        .collect()
}

fn speed_up(
    measured: &Measured,
    model: Model,
    part: Option<&Metric>,
) -> Verdict {
    let plan = &measured.plan;
    let work = |workers| {
        measured.by_pair(model, workers, |sample| Some(work(sample, part)))
    };
    let speed_up = plan.measures_speed_up().then(|| {
        let [one, all] =
            [1, plan.workers].map(|it| work(it).unwrap_or_default());
        stopping::estimate(&estimate::ratios(&one, &all))
    });
    let median = speed_up.map(|speed_up| speed_up.median);
    let figure = |side| median.filter(|_| side == model);
    let key = part.and_then(|part| part.id.strip_prefix(WORK));
    let id = match key {
        Some(key) => format!("speed-up.{model}.{key}"),
        None => format!("speed-up.{model}"),
    };
    Verdict {
        scenario: plan.scenario.name,
        is_headline: plan.is_headline(&id),
        id,
        label: format!("speed-up of {model}"),
        variant: part.and_then(|part| part.variant.clone()),
        unit: TIMES.into(),
        threads: figure(Model::Threads),
        processes: figure(Model::Processes),
        ratio: speed_up,
        finding: None,
        only: None,
        words: match speed_up {
            None => Words::plain("not measured: one worker"),
            Some(it) => Words::of_speed_up(it, plan.workers, measured.cores()),
        },
    }
}

/// What the work took, or a part of it.
fn work(sample: &Sample, part: Option<&Metric>) -> Option<f64> {
    match part {
        None => Some(sample.outcome.laps.work),
        Some(part) => figures::find(part, &sample.figures)?.value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::planted::Planted;

    const MATRIX: &str = "matrix";

    fn speed_ups_of(planted: &Planted) -> Vec<(String, String)> {
        let results = planted.results_in_cpython();
        let verdicts = verdicts(&results.beside[0].cpython[0]).into_iter();
        let is_speed_up =
            |verdict: &Verdict| verdict.id.starts_with("speed-up.");
        let figures = |verdict: Verdict| {
            let [threads, processes] = [Model::Threads, Model::Processes]
                .map(|side| verdict.figure(side));
            (verdict.name(), threads + &processes)
        };
        verdicts.filter(is_speed_up).map(figures).collect()
    }

    #[test]
    fn each_part_of_the_work_has_its_speed_up() {
        let (threads, processes) = (Model::Threads, Model::Processes);
        let whole = Planted::nothing()
            .speed_up(MATRIX, threads, 1.5)
            .speed_up(MATRIX, processes, 1.75);
        let row = |name: &str, figure: &str| (name.into(), figure.into());
        let rows = [
            row("speed-up of threads", "1.50×"),
            row("speed-up of processes", "1.75×"),
        ];
        assert_eq!(speed_ups_of(&whole), rows);
        let mut parted = whole;
        for (part, times) in [("pure", [1.0, 1.75]), ("native", [1.5, 1.5])] {
            for (side, times) in [threads, processes].into_iter().zip(times) {
                let (id, times) = (format!("work.{part}"), [times; 6]);
                parted = parted.speed_ups_of(MATRIX, side, &id, (&times, 1.0));
            }
        }
        let rows = [
            row("speed-up of threads, pure", "1.00×"),
            row("speed-up of processes, pure", "1.75×"),
            row("speed-up of threads, native", "1.50×"),
            row("speed-up of processes, native", "1.50×"),
        ];
        assert_eq!(speed_ups_of(&parted), rows);
    }
}
