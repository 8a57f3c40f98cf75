//! Invented results, to test the evidence with.
#![expect(clippy::expect_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use common::{
    laps::Laps,
    outcome::{Better, Metric, Model, Outcome},
    scenarios,
};
use serde_json::{Value, json, value::RawValue};

use crate::{
    judge::{beside::Beside, results::Results, stopping::FEWEST},
    run::{
        interpreter::Interpreter,
        measured::Measured,
        plan::{Plan, Series, Slice},
        refusal::{Reason, Refusal},
        samples::{Heading, Sample},
    },
};

const WORKERS: usize = 2;

/// The figures, pair by pair, of one program with that many workers.
type Key = (&'static str, Model, usize);

/// What the results are to contain.
#[derive(Debug, Default)]
pub struct Planted {
    metrics: BTreeMap<Key, Vec<(Metric, Vec<f64>)>>,
    work: BTreeMap<Key, Vec<f64>>,
    cpu: BTreeMap<Key, Vec<f64>>,
    workers_and_cores: Option<[usize; 2]>,
    has_no_gil: bool,
    results: BTreeMap<Key, Vec<Value>>,
    refused: Vec<(&'static str, Model)>,
}

impl Planted {
    /// No scenario was compared.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// A figure of both sides, threads first, the same in all pairs.
    pub fn both(
        self,
        scenario: &'static str,
        id: &str,
        [threads, processes]: [f64; 2],
    ) -> Self {
        self.rounds(scenario, Model::Threads, id, &[threads; FEWEST]).rounds(
            scenario,
            Model::Processes,
            id,
            &[processes; FEWEST],
        )
    }

    /// A figure of one side, pair by pair. Fewer than [`FEWEST`] are repeated.
    pub fn rounds(
        self,
        scenario: &'static str,
        model: Model,
        id: &str,
        values: &[f64],
    ) -> Self {
        self.plant((scenario, model, WORKERS), id, values)
    }

    fn plant(mut self, key: Key, id: &str, values: &[f64]) -> Self {
        let label = id.split('.').next_back().unwrap_or(id);
        let metric = Metric::new(id, id, "s", Better::Lower, 0.0);
        let metric = Metric { variant: Some(label.into()), ..metric };
        let of_this = self.metrics.entry(key);
        of_this.or_default().push((metric, values.to_vec()));
        self
    }

    /// How many times faster two workers are than one.
    pub fn speed_up(
        self,
        scenario: &'static str,
        model: Model,
        times: f64,
    ) -> Self {
        self.speed_ups(scenario, model, &[times; FEWEST])
    }

    /// The same, pair by pair.
    pub fn speed_ups(
        mut self,
        scenario: &'static str,
        model: Model,
        times: &[f64],
    ) -> Self {
        self.work.insert((scenario, model, 1), times.to_vec());
        self.work.insert((scenario, model, WORKERS), vec![1.0; FEWEST]);
        self
    }

    /// How many times faster two workers are than one at this part of the work,
    /// pair by pair, and how long two workers take.
    pub fn speed_ups_of(
        self,
        scenario: &'static str,
        model: Model,
        id: &str,
        (times, seconds): (&[f64], f64),
    ) -> Self {
        let one: Vec<f64> = times.iter().map(|one| one * seconds).collect();
        self.plant((scenario, model, 1), id, &one).plant(
            (scenario, model, WORKERS),
            id,
            &[seconds; FEWEST],
        )
    }

    /// How many cores one side kept busy, pair by pair.
    pub fn busy_cores(
        mut self,
        scenario: &'static str,
        model: Model,
        cores: &[f64],
    ) -> Self {
        self.cpu.insert((scenario, model, WORKERS), cores.to_vec());
        self
    }

    /// The number of workers and of cores; the default is two of each.
    pub fn on(self, workers: usize, cores: usize) -> Self {
        let workers_and_cores = Some([workers, cores]);
        Planted { workers_and_cores, ..self }
    }

    /// What one side returned as its result, in all pairs.
    pub fn result(
        self,
        scenario: &'static str,
        model: Model,
        result: Value,
    ) -> Self {
        self.results_by_round(scenario, model, vec![result; FEWEST])
    }

    /// The same, pair by pair.
    pub fn results_by_round(
        mut self,
        scenario: &'static str,
        model: Model,
        results: Vec<Value>,
    ) -> Self {
        self.results.insert((scenario, model, WORKERS), results);
        self
    }

    /// The scenario was refused because of this side.
    pub fn refused(mut self, scenario: &'static str, model: Model) -> Self {
        self.refused.push((scenario, model));
        self
    }

    /// CPython has no GIL; by default it has one.
    pub fn without_gil(self) -> Self {
        Planted { has_no_gil: true, ..self }
    }

    /// As if it had been measured.
    pub fn results(&self) -> Results {
        Results {
            heading: heading(),
            scenarios: self.all_measured(Series::Pair).collect(),
            beside: Vec::new(),
            environment: None,
        }
    }

    /// As if it had been measured in CPython, with nothing in Rust.
    pub fn results_in_cpython(&self) -> Results {
        let beside = self.all_measured(Series::CPython(0)).map(|measured| {
            let rust = Plan { series: Series::Beside, ..measured.plan };
            let rust = Measured::empty(rust);
            Beside { rust, cpython: vec![measured] }
        });
        let beside = beside.collect();
        let mut heading = heading();
        heading.interpreters.push(interpreter(self.has_no_gil));
        let (scenarios, environment) = (Vec::new(), None);
        Results { heading, scenarios, beside, environment }
    }

    fn all_measured(&self, series: Series) -> impl Iterator<Item = Measured> {
        self.names().map(move |name| self.measured(series, name))
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        scenarios::ALL.iter().map(|scenario| scenario.name).filter(|name| {
            let refused = self.refused.iter().map(|(refused, _)| refused);
            self.keys()
                .iter()
                .map(|(key, ..)| key)
                .chain(refused)
                .any(|planted| planted == name)
        })
    }

    fn keys(&self) -> Vec<Key> {
        let keys = self.metrics.keys().chain(self.work.keys());
        let keys = keys.chain(self.cpu.keys()).chain(self.results.keys());
        keys.copied().collect()
    }

    fn workers_and_cores(&self) -> [usize; 2] {
        self.workers_and_cores.unwrap_or([WORKERS; 2])
    }

    fn measured(&self, series: Series, name: &'static str) -> Measured {
        let mut of_this = scenarios::ALL.iter();
        let scenario = of_this.find(|scenario| scenario.name == name);
        let scenario = scenario.expect("it is a scenario");
        let mut keys = self.keys();
        keys.retain(|(key, ..)| *key == name);
        keys.sort();
        keys.dedup();
        let [workers, _] = self.workers_and_cores();
        Measured {
            plan: Plan { series, ..Plan::of(scenario, workers, false) },
            samples: keys
                .iter()
                .flat_map(|&key| self.samples(series, key))
                .collect(),
            refusals: self
                .refused
                .iter()
                .filter(|(refused, _)| *refused == name)
                .map(|&(_, model)| {
                    Refusal::outright(scenario, series, model, Reason::Flood)
                })
                .collect(),
        }
    }

    fn samples(
        &self,
        series: Series,
        key: Key,
    ) -> impl Iterator<Item = Sample> {
        (0..FEWEST).map(move |round| self.sample(series, key, round))
    }

    fn sample(&self, series: Series, key: Key, round: usize) -> Sample {
        let (scenario, model, planted_for) = key;
        let [workers, cores] = self.workers_and_cores();
        let planted = self.metrics.get(&key).into_iter().flatten();
        let metrics = planted.map(|(metric, values)| Metric {
            value: Some(values[round % values.len()]),
            ..metric.clone()
        });
        let result = self
            .results
            .get(&key)
            .map(|results| &results[round % results.len()]);
        let mut outcome = Outcome {
            result: result.cloned().unwrap_or(json!(null)),
            metrics: metrics.collect(),
            ..Outcome::new(scenario, model, &Laps::none())
        };
        outcome.machine.cores = cores;
        let of_round = |rounds: &Vec<f64>| rounds[round % rounds.len()];
        outcome.laps.work = self.work.get(&key).map_or(1.0, of_round);
        let cpu = self.cpu.get(&key).map_or(0.0, of_round);
        outcome.resources.cpu_user = cpu / 2.0;
        outcome.resources.cpu_system = cpu / 2.0;
        let workers = if planted_for == 1 { 1 } else { workers };
        let (part, pair) = ("planted", round + 1);
        let slice =
            Slice { series, model, part, workers, pair, slice: 1, turn: 1 };
        let document = RawValue::NULL.to_owned();
        Sample::new(slice, document, outcome)
    }
}

fn interpreter(has_no_gil: bool) -> Interpreter {
    Interpreter {
        command: "python3".into(),
        executable: "".into(),
        words: "CPython 3.13.1, fork".into(),
        has_gil: !has_no_gil,
    }
}

fn heading() -> Heading {
    let heading = json!({
        "schema": crate::run::samples::SCHEMA, "command": [],
        "date": "2026-11-22T10:00:00Z",
        "machine": common::machine::Machine::this(),
        "budget": 1.0, "workers": WORKERS,
    });
    serde_json::from_value(heading).expect("it is a heading")
}
