//! What the figures of a scenario say, in words.

use common::{
    estimate::{self, Estimate},
    outcome::{Better, Metric, Model},
    units,
};
use serde::Serialize;

use crate::{
    judge::{finding::Finding, stopping},
    run::{figures, measured::Measured, plan::count, samples::Sample},
};

/// The unit of a speed-up.
pub const TIMES: &str = "×";

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
    /// What a person reads.
    pub words: String,
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
        words: match is_known {
            true => conclusion(metric, ratio),
            false => "not known here".into(),
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

fn conclusion(metric: &Metric, ratio: Option<Estimate>) -> String {
    match (metric.only, ratio) {
        (Some(model), _) => format!("only {model} have it"),
        (None, Some(ratio)) => words(ratio, &metric.unit, metric.better),
        (None, None) => "shown, not judged".into(),
    }
}

fn words(ratio: Estimate, unit: &str, better: Better) -> String {
    match Finding::of(ratio) {
        Finding::Better(model) => {
            let ratio = match model {
                Model::Threads => ratio,
                Model::Processes => ratio.inverse(),
            };
            let (times, how) = (times(ratio.median), comparative(unit, better));
            format!("{model} {times}{TIMES} {how} {}", interval(ratio))
        }
        Finding::NoClearDifference => {
            format!("no clear difference {}", interval(ratio))
        }
        Finding::TooNoisy => format!("too noisy to tell {}", interval(ratio)),
    }
}

/// The word for being better at this.
pub fn comparative(unit: &str, better: Better) -> &'static str {
    match (unit, better) {
        ("s", Better::Lower) => "faster",
        (rate, Better::Higher) if rate.ends_with("/s") => "faster",
        ("B", Better::Lower) => "smaller",
        (_, Better::Lower) => "fewer",
        _ => "more",
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
        words: speed_up.map_or("not measured: one worker".into(), |speed_up| {
            efficiency(speed_up, plan.workers, measured.cores())
        }),
    }
}

/// What the work took, or a part of it.
fn work(sample: &Sample, part: Option<&Metric>) -> Option<f64> {
    match part {
        None => Some(sample.outcome.laps.work),
        Some(part) => figures::find(part, &sample.figures)?.value,
    }
}

/// The share of the cores that was put to use. Workers beyond the number of
/// cores cannot make anything faster, and are not held against a side.
fn efficiency(speed_up: Estimate, workers: usize, cores: usize) -> String {
    let share = speed_up.divided_by(workers.min(cores) as f64);
    let crew = match workers > cores {
        true => format!("{workers} workers on {}", count(cores, "core")),
        false => format!("on {}", count(workers, "core")),
    };
    let (share, interval) = (times(share.median), interval(share));
    format!("{crew}, efficiency {share} {interval}")
}

/// As it stands behind a median.
pub fn interval(ratio: Estimate) -> String {
    format!("[{}, {}]", times(ratio.low), times(ratio.high))
}

/// Two decimals where a per cent matters, and fewer where it does not.
pub fn times(ratio: f64) -> String {
    match ratio {
        f64::INFINITY => "∞".into(),
        near if near < 1.995 => format!("{near:.2}"),
        some if some < 9.95 => format!("{some:.1}"),
        many => format!("{many:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::planted::Planted;

    fn estimate(low: f64, median: f64, high: f64) -> Estimate {
        Estimate { median, low, high }
    }

    fn speed(low: f64, median: f64, high: f64) -> String {
        words(estimate(low, median, high), "op/s", Better::Higher)
    }

    #[test]
    fn a_verdict_names_side_factor_and_interval() {
        assert_eq!(speed(13.0, 14.2, 15.1), "threads 14× faster [13, 15]");
        assert_eq!(
            speed(1.0 / 1.11, 1.0 / 1.08, 1.0 / 1.05),
            "processes 1.08× faster [1.05, 1.11]"
        );
        assert_eq!(speed(0.98, 1.0, 1.03), "no clear difference [0.98, 1.03]");
        assert_eq!(speed(0.7, 1.0, 1.6), "too noisy to tell [0.70, 1.60]");
    }

    #[test]
    fn a_verdict_suits_what_was_measured() {
        let twice = |unit, better| {
            words(estimate(2.0, 2.0, 2.0), unit, better)
                .replace(" [2.0, 2.0]", "")
        };
        assert_eq!(twice("s", Better::Lower), "threads 2.0× faster");
        assert_eq!(twice("B/s", Better::Higher), "threads 2.0× faster");
        assert_eq!(twice("B", Better::Lower), "threads 2.0× smaller");
        assert_eq!(twice("1", Better::Lower), "threads 2.0× fewer");
        assert_eq!(twice("1", Better::Higher), "threads 2.0× more");
    }

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

    #[test]
    fn an_efficiency_is_of_the_cores_there_are() {
        let speed_up = estimate(1.94, 1.96, 1.98);
        assert_eq!(
            efficiency(speed_up, 2, 2),
            "on 2 cores, efficiency 0.98 [0.97, 0.99]"
        );
        assert_eq!(
            efficiency(speed_up, 8, 2),
            "8 workers on 2 cores, efficiency 0.98 [0.97, 0.99]"
        );
        assert!(efficiency(speed_up, 2, 1).starts_with("2 workers on 1 core,"));
    }

    #[test]
    fn a_factor_has_the_digits_that_matter() {
        let texts = [0.0, 0.704, 1.994, 1.996, 9.94, 9.96, 1234.5].map(times);
        assert_eq!(texts, ["0.00", "0.70", "1.99", "2.0", "9.9", "10", "1234"]);
        assert_eq!(times(f64::INFINITY), "∞");
    }
}
