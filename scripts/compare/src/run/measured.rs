//! What was measured of one scenario, by pairs of programs.

use std::collections::BTreeMap;

use common::{
    estimate,
    outcome::{Metric, Model},
};

use crate::{
    run::figures::advantages,
    run::{
        agreement::{self, Disagreement},
        figures,
        plan::Plan,
        refusal::{Reason, Refusal},
        samples::Sample,
    },
};

/// Shown where it applies, because it changes the figures.
const STATIC: &str = "The processes are linked statically, so they start \
    faster than a dynamically linked program; to compare with that, set \
    LINK=dynamic for the command.";

/// What was measured of one scenario in one language.
#[derive(Debug)]
pub struct Measured {
    /// What was asked.
    pub plan: Plan,
    /// All slices with a readable outcome, in the order in which they ran.
    pub samples: Vec<Sample>,
    /// Why the scenario does not count. Empty if it does.
    pub refusals: Vec<Refusal>,
}

impl Measured {
    /// Nothing measured yet.
    pub fn empty(plan: Plan) -> Self {
        Measured { plan, samples: Vec::new(), refusals: Vec::new() }
    }

    /// Whether it can be judged.
    pub fn is_sound(&self) -> bool {
        self.refusals.is_empty()
    }

    /// How many cores the programs could use, according to themselves.
    pub fn cores(&self) -> usize {
        let first = self.samples.first();
        first.map_or(1, |sample| sample.outcome.machine.cores)
    }

    /// What the rows measure, and with what kind of programs.
    pub fn legend(&self) -> String {
        let rows = self.plan.scenario.rows;
        let is_static =
            |sample: &Sample| sample.outcome.machine.link == "static";
        if self.samples.iter().any(is_static) {
            format!("{rows} {STATIC}")
        } else {
            rows.to_owned()
        }
    }

    /// The known answer to a part: all slices of it must give the same.
    pub fn answer(&self, part: &str) -> Option<&str> {
        let mut samples = self.samples.iter();
        let first = samples.find(|sample| sample.slice.part == part)?;
        Some(&first.outcome.answer)
    }

    /// Adds a sample, and reports if it disagrees with an earlier one.
    ///
    /// # Errors
    ///
    /// Fails with the disagreement. The sample was added anyway.
    pub fn accept(&mut self, sample: Sample) -> Result<(), Disagreement> {
        let agrees = agreement::check(&sample, &self.samples);
        self.samples.push(sample);
        agrees
    }

    /// Refuses the scenario, for a fault outside a slice.
    pub fn refuse(&mut self, model: Model, reason: Reason, stderr: String) {
        let Plan { scenario, series, .. } = self.plan;
        let refusal = Refusal::outright(scenario, series, model, reason);
        self.refusals.push(Refusal { stderr, ..refusal });
    }

    /// Drops the last pair, as if it had not run.
    pub fn drop_pair(&mut self, pair: usize) {
        self.samples.retain(|sample| sample.slice.pair != pair);
    }

    /// The slices of one side with the usual number of workers.
    pub fn of(&self, model: Model) -> impl Iterator<Item = &Sample> {
        self.of_crew(model, self.plan.workers)
    }

    /// The slices of one side with this many workers.
    pub fn of_crew(
        &self,
        model: Model,
        workers: usize,
    ) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |Sample { slice, .. }| {
            slice.model == model && slice.workers == workers
        })
    }

    /// Every figure of a side, once, in the order of the parts. Parts measured
    /// only for their counts are omitted.
    pub fn metrics(&self, model: Model) -> Vec<&Metric> {
        let mut metrics: Vec<&Metric> = Vec::new();
        let mut seen = Vec::new();
        for sample in self.of(model) {
            let part = sample.slice.part;
            if !seen.contains(&part) && !self.plan.only_counts(part) {
                seen.push(part);
                metrics.extend(&sample.figures);
            }
        }
        metrics
    }

    /// One side's figure of this metric, pair by pair: the median of the pair's
    /// slices. None if one of them is unknown.
    pub fn figure(
        &self,
        metric: &Metric,
        model: Model,
        workers: usize,
    ) -> Option<Vec<f64>> {
        self.by_pair(model, workers, |sample| {
            Some(figures::find(metric, &sample.figures)?.value)
        })
    }

    /// The same for any value of a sample; None if the sample has no such
    /// value, and `Some(None)` if the value is unknown.
    pub fn by_pair(
        &self,
        model: Model,
        workers: usize,
        of: impl Fn(&Sample) -> Option<Option<f64>>,
    ) -> Option<Vec<f64>> {
        let mut pairs: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for sample in self.of_crew(model, workers) {
            if let Some(value) = of(sample) {
                pairs.entry(sample.slice.pair).or_default().push(value?);
            }
        }
        pairs.values().map(|slices| estimate::median(slices)).collect()
    }

    /// How many times better threads were at this, pair by pair: the median of
    /// the ratios of its slices. None if it is unknown for a side, or if
    /// neither direction is better.
    pub fn advantage(&self, metric: &Metric) -> Option<Vec<f64>> {
        let pairs = self.advantages(metric)?;
        let medians = pairs.iter().map(|slices| estimate::median_ratio(slices));
        Some(medians.collect())
    }

    /// The same, slice by slice.
    pub fn advantages(&self, metric: &Metric) -> Option<Vec<Vec<f64>>> {
        let threads = self.slices_of(metric, Model::Threads)?;
        let processes = self.slices_of(metric, Model::Processes)?;
        let mut pairs = Vec::new();
        for (pair, threads) in &threads {
            let processes = processes.get(pair)?;
            let slices = advantages(threads, processes, metric.better)?;
            let planted = |ratio| ratio * self.plan.planted;
            pairs.push(slices.into_iter().map(planted).collect());
        }
        (!pairs.is_empty()).then_some(pairs)
    }

    /// By pair, slice by slice.
    fn slices_of(
        &self,
        metric: &Metric,
        model: Model,
    ) -> Option<BTreeMap<usize, Vec<f64>>> {
        let mut pairs: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for sample in self.of(model) {
            if let Some(figure) = figures::find(metric, &sample.figures) {
                let slices = pairs.entry(sample.slice.pair).or_default();
                slices.push(figure.value?);
            }
        }
        Some(pairs)
    }
}
