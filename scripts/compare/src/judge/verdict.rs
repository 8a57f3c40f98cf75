//! What the figures of a scenario mean, in words.

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
    /// The key of the metric, see [`Metric::id`].
    pub id: String,
    /// What was measured, for people.
    pub label: String,
    /// The variant, for people, if the scenario has any.
    pub variant: Option<String>,
    /// See [`Metric::unit`].
    pub unit: String,
    /// Whether it answers its scenario's question.
    pub is_headline: bool,
    /// The median of threads, if they have this figure.
    pub threads: Option<f64>,
    /// The median of processes, if they have this figure.
    pub processes: Option<f64>,
    /// How many times better threads are; in a speed-up row, the speed-up. None
    /// if nothing is judged.
    pub ratio: Option<Estimate>,
    /// What the ratio means, if it compares the sides.
    pub finding: Option<Finding>,
    /// The side that alone can have such a figure, if any.
    pub only: Option<Model>,
    /// The verdict as text.
    pub words: Words,
}

impl Verdict {
    /// What people call it.
    pub fn name(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}, {variant}", self.label),
            None => self.label.clone(),
        }
    }

    /// One side's figure with its unit. Empty if it has none.
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

/// The rows of a scenario. Empty if it was refused: about sides that did not do
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

/// The rows shown, in order. All slices of a part have the same metrics.
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
        words: if is_known {
            conclusion(metric, ratio)
        } else {
            Words::plain("not available")
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

/// The findings of all judged rows that answer a question.
pub fn findings(measured: &Measured) -> Vec<Finding> {
    let parts = measured.plan.parts();
    let rows = parts.flat_map(|part| judged(measured, part.name));
    rows.filter(|it| measured.plan.is_headline(&it.id))
        .filter_map(|metric| Some(Finding::of(ratio(measured, metric)?)))
        .collect()
}

fn conclusion(metric: &Metric, ratio: Option<Estimate>) -> Words {
    match (metric.only, ratio) {
        (Some(model), _) => Words::plain(format!("{model} only")),
        (None, Some(ratio)) => Words::of(ratio, &metric.unit, metric.better),
        (None, None) => Words::plain("shown, not judged"),
    }
}

/// The time of one worker over that of all, for each side; for each part of the
/// work, if the programs report its times.
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

/// The prefix of the ids of metrics that time a part of the work.
pub const WORK: &str = "work.";

/// The parts of the work, in order.
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
            None => Words::plain("not measured: only one worker"),
            Some(it) => Words::of_speed_up(it, plan.workers, measured.cores()),
        },
    }
}

/// The time of the work, or of a part of it.
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
