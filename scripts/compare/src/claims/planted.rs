//! Results that nobody measured, so that each rule is seen to come out each
//! way it can.
#![expect(clippy::expect_used, reason = "a test may panic")]

use std::{collections::BTreeMap, time::Duration};

use common::{
    estimate::FEWEST,
    laps::Laps,
    outcome::{Better, Metric, Model, Outcome},
    scenarios,
};
use serde_json::{Value, json, value::RawValue};

use crate::{
    claims::{GROUPS, Ruling, evidence::Evidence},
    measure::Measured,
    plan::{Plan, Run},
    refusal::{Reason, Refusal},
    results::Results,
    samples::{Heading, Sample},
};

const WORKERS: usize = 2;

/// Figures round by round: of one program with that many workers.
type Key = (&'static str, Model, usize);

/// What is to be found.
#[derive(Debug, Default)]
pub struct Planted {
    metrics: BTreeMap<Key, Vec<(Metric, Vec<f64>)>>,
    work: BTreeMap<Key, Vec<f64>>,
    cpu: BTreeMap<Key, Vec<f64>>,
    workers_and_cores: Option<[usize; 2]>,
    results: BTreeMap<Key, Vec<Value>>,
    refused: Vec<(&'static str, Model)>,
}

impl Planted {
    /// No scenario was compared.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// A figure of one side that is the same in all rounds.
    pub fn steady(
        self,
        scenario: &'static str,
        model: Model,
        (name, variant): (&str, Option<&str>),
        value: f64,
    ) -> Self {
        self.rounds(scenario, model, (name, variant), &[value; FEWEST])
    }

    /// A figure of both sides, threads first, the same in all rounds.
    pub fn both(
        self,
        scenario: &'static str,
        name: (&str, Option<&str>),
        [threads, processes]: [f64; 2],
    ) -> Self {
        self.steady(scenario, Model::Threads, name, threads).steady(
            scenario,
            Model::Processes,
            name,
            processes,
        )
    }

    /// A figure of one side, round by round: [`FEWEST`] of them.
    pub fn rounds(
        mut self,
        scenario: &'static str,
        model: Model,
        (name, variant): (&str, Option<&str>),
        values: &[f64],
    ) -> Self {
        let metric = Metric {
            variant: variant.map(str::to_owned),
            ..Metric::new(name, "s", Better::Lower, 0.0)
        };
        let of_this = self.metrics.entry((scenario, model, WORKERS));
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

    /// The same, round by round.
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

    /// How many cores one side kept busy, round by round.
    pub fn busy_cores(
        mut self,
        scenario: &'static str,
        model: Model,
        cores: &[f64],
    ) -> Self {
        self.cpu.insert((scenario, model, WORKERS), cores.to_vec());
        self
    }

    /// There were so many workers, and so many cores: two of each otherwise.
    pub fn on(self, workers: usize, cores: usize) -> Self {
        let workers_and_cores = Some([workers, cores]);
        Planted { workers_and_cores, ..self }
    }

    /// What one side called its result, in all rounds.
    pub fn result(
        self,
        scenario: &'static str,
        model: Model,
        result: Value,
    ) -> Self {
        self.results_by_round(scenario, model, vec![result; FEWEST])
    }

    /// The same, round by round.
    pub fn results_by_round(
        mut self,
        scenario: &'static str,
        model: Model,
        results: Vec<Value>,
    ) -> Self {
        self.results.insert((scenario, model, WORKERS), results);
        self
    }

    /// The scenario was refused for what this side did.
    pub fn refused(mut self, scenario: &'static str, model: Model) -> Self {
        self.refused.push((scenario, model));
        self
    }

    /// How the claim of this name stands by what was planted. The others are
    /// not judged: those on sources read all of them each time.
    pub fn ruling(&self, id: &str) -> Ruling {
        let mut claims = GROUPS.iter().flat_map(|group| group.claims);
        let claim = claims.find(|claim| claim.id == id);
        let results = self.results();
        claim.expect("it is a claim").ruling(&Evidence::new(&results))
    }

    /// As if it had been measured.
    pub fn results(&self) -> Results {
        Results {
            heading: heading(),
            scenarios: self.names().map(|name| self.measured(name)).collect(),
            environment: None,
        }
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

    fn measured(&self, name: &'static str) -> Measured {
        let mut of_this = scenarios::ALL.iter();
        let scenario = of_this.find(|scenario| scenario.name == name);
        let scenario = scenario.expect("it is a scenario");
        let mut keys = self.keys();
        keys.retain(|(key, ..)| *key == name);
        keys.sort();
        keys.dedup();
        let [workers, _] = self.workers_and_cores();
        Measured {
            plan: Plan { scenario, rounds: FEWEST, workers },
            samples: keys.iter().flat_map(|&key| self.samples(key)).collect(),
            refusals: self
                .refused
                .iter()
                .filter(|(refused, _)| *refused == name)
                .map(|&(_, model)| {
                    Refusal::outright(scenario, model, Reason::Flood)
                })
                .collect(),
        }
    }

    fn samples(&self, key: Key) -> impl Iterator<Item = Sample> {
        (0..FEWEST).map(move |round| self.sample(key, round))
    }

    fn sample(&self, key: Key, round: usize) -> Sample {
        let (scenario, model, planted_for) = key;
        let [workers, cores] = self.workers_and_cores();
        let planted = self.metrics.get(&key).into_iter().flatten();
        let metrics = planted.map(|(metric, values)| Metric {
            value: values[round],
            ..metric.clone()
        });
        let result = self.results.get(&key).map(|results| &results[round]);
        let mut outcome = Outcome {
            result: result.cloned().unwrap_or(json!(null)),
            metrics: metrics.collect(),
            ..Outcome::new(scenario, model, &Laps::none())
        };
        outcome.machine.cores = cores;
        let of_round = |rounds: &Vec<f64>| rounds[round];
        outcome.laps.work = self.work.get(&key).map_or(1.0, of_round);
        let cpu = self.cpu.get(&key).map_or(0.0, of_round);
        outcome.resources.cpu_user = cpu / 2.0;
        outcome.resources.cpu_system = cpu / 2.0;
        let workers = if planted_for == 1 { 1 } else { workers };
        let run = Run { model, workers, round: round + 1, position: 1 };
        let document = RawValue::NULL.to_owned();
        Sample::new(run, Duration::from_secs(1), document, outcome)
    }
}

fn heading() -> Heading {
    let heading = json!({
        "schema": crate::samples::SCHEMA, "command": [],
        "date": "2026-11-22T10:00:00Z",
        "machine": common::machine::Machine::this(),
        "rounds": FEWEST, "workers": WORKERS,
    });
    serde_json::from_value(heading).expect("it is a heading")
}
