//! The results of a comparison, just measured or read back from its file of
//! samples. All judgements are made from this, so they can be repeated for a
//! file from another day or another machine.

use std::{fs, path::Path};

use anyhow::{Context as _, bail, ensure};
use common::{
    escaped::Escaped,
    scenarios::{self, Scenario},
};
use serde::Deserialize;

use crate::{
    judge::{
        beside::Beside,
        stopping::MOST,
        verdict::{self, Verdict},
    },
    run::{
        agreement,
        environment::Environment,
        measured::Measured,
        plan::{Plan, Series, WORKERS},
        refusal::Refusal,
        samples::{Heading, Kept, SCHEMA, Sample},
        session::Session,
    },
};

/// All scenarios that were compared, with when and where.
#[derive(Debug)]
pub struct Results {
    /// When and where.
    pub heading: Heading,
    /// In the order of the list.
    pub scenarios: Vec<Measured>,
    /// Those run in two languages, in the same order.
    pub beside: Vec<Beside>,
    /// The readings of the surroundings. None if the comparison was
    /// interrupted.
    pub environment: Option<Environment>,
}

impl Results {
    /// From what was measured just now.
    pub fn of_sessions(
        heading: Heading,
        sessions: Vec<Session>,
        environment: Environment,
    ) -> Self {
        let (mut scenarios, mut beside) = (Vec::new(), Vec::new());
        for session in sessions {
            let mut measured = session.measured.into_iter();
            let first = measured.next();
            let others: Vec<Measured> = measured.collect();
            match first {
                Some(rust) if rust.plan.series == Series::Beside => {
                    beside.push(Beside { rust, cpython: others });
                }
                first => scenarios.extend(first),
            }
        }
        let environment = Some(environment);
        Results { heading, scenarios, beside, environment }
    }

    /// Reads a file of samples.
    ///
    /// # Errors
    ///
    /// Fails if the file does not exist, or was not written by a comparison of
    /// this version.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        fs::read_to_string(path)
            .map_err(anyhow::Error::from)
            .and_then(|text| Self::parse(&text))
            .with_context(|| format!("no results in {}", Escaped(path)))
    }

    /// Parses the text of such a file.
    ///
    /// # Errors
    ///
    /// Fails as [`Results::read`] does.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let schema = serde_json::from_str::<Version>(text)?.schema;
        ensure!(
            schema == SCHEMA,
            "it has schema {schema}, but this version reads schema {SCHEMA}: \
             measure again"
        );
        let document: Document = serde_json::from_str(text)?;
        document.heading.check()?;
        let mut results = Results {
            heading: document.heading,
            scenarios: Vec::new(),
            beside: Vec::new(),
            environment: document.environment,
        };
        for (index, kept) in document.samples.into_iter().enumerate() {
            let taken = Sample::try_from(kept).and_then(|it| results.take(it));
            taken.with_context(|| format!("samples[{index}]"))?;
        }
        for refusal in document.refusals {
            let measured = results.of(refusal.series, &refusal.scenario)?;
            measured.refusals.push(refusal);
        }
        results.check()?;
        Ok(results)
    }

    fn take(&mut self, sample: Sample) -> anyhow::Result<()> {
        let slice = sample.slice;
        let measured = self.of(slice.series, &sample.outcome.scenario)?;
        ensure!(
            (1..=MOST).contains(&slice.pair),
            "pair is {}, which is not in 1..={MOST}",
            slice.pair
        );
        ensure!(
            WORKERS.contains(&slice.workers),
            "workers is {}, which is not in {WORKERS:?}",
            slice.workers
        );
        ensure!(
            measured.samples.iter().all(|other| other.slice != slice),
            "duplicate of {slice}, slice {}",
            slice.slice
        );
        measured.samples.push(sample);
        Ok(())
    }

    /// A faulty run is kept along with the reason why it does not count. All
    /// others must be usable.
    fn check(&self) -> anyhow::Result<()> {
        let beside = self.beside.iter().flat_map(Beside::all);
        let sound = |measured: &&Measured| measured.is_sound();
        for measured in self.scenarios.iter().chain(beside).filter(sound) {
            for sample in &measured.samples {
                if let Err(fault) = agreement::check_alone(sample) {
                    let name = measured.plan.scenario.name;
                    bail!("{name}, {}: {fault}", sample.slice);
                }
            }
        }
        Ok(())
    }

    /// The rows of every scenario that was not refused.
    pub fn verdicts(&self) -> Vec<Verdict> {
        self.scenarios.iter().flat_map(verdict::verdicts).collect()
    }

    /// Whether none was refused, in any language.
    pub fn are_sound(&self) -> bool {
        self.refusals().next().is_none()
    }

    /// Why runs do not count.
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        let beside = self.beside.iter().flat_map(Beside::all);
        self.scenarios.iter().chain(beside).flat_map(|one| &one.refusals)
    }

    /// The scenario of this name, if it was compared or refused.
    pub fn find(&self, scenario: &str) -> Option<&Measured> {
        let mut scenarios = self.scenarios.iter();
        scenarios.find(|measured| measured.plan.scenario.name == scenario)
    }

    /// The scenario of this name in two languages, if it was compared in both.
    pub fn find_beside(&self, scenario: &str) -> Option<&Beside> {
        let mut beside = self.beside.iter();
        beside.find(|beside| beside.rust.plan.scenario.name == scenario)
    }

    /// The series of this scenario, added if it is new.
    fn of(
        &mut self,
        series: Series,
        name: &str,
    ) -> anyhow::Result<&mut Measured> {
        match series {
            Series::Pair => self.pair_of(name),
            _ => self.beside_of(name)?.find_mut(series).with_context(|| {
                format!("it has {series}but no such interpreter")
            }),
        }
    }

    fn pair_of(&mut self, name: &str) -> anyhow::Result<&mut Measured> {
        let known = |measured: &Measured| measured.plan.scenario.name == name;
        let index = match self.scenarios.iter().position(known) {
            Some(index) => index,
            None => {
                self.scenarios.push(Measured::empty(self.plan(name)?));
                self.scenarios.len() - 1
            }
        };
        Ok(&mut self.scenarios[index])
    }

    fn beside_of(&mut self, name: &str) -> anyhow::Result<&mut Beside> {
        let known = |beside: &Beside| beside.rust.plan.scenario.name == name;
        let index = match self.beside.iter().position(known) {
            Some(index) => index,
            None => {
                let interpreters = self.heading.interpreters.len();
                let beside = Beside::empty(&self.plan(name)?, interpreters);
                self.beside.push(beside);
                self.beside.len() - 1
            }
        };
        Ok(&mut self.beside[index])
    }

    fn plan(&self, name: &str) -> anyhow::Result<Plan> {
        let (workers, quick) = (self.heading.workers, self.heading.is_quick());
        Ok(Plan::of(scenario(name)?, workers, quick))
    }
}

#[derive(Deserialize)]
struct Version {
    schema: u32,
}

#[derive(Deserialize)]
struct Document {
    #[serde(flatten)]
    heading: Heading,
    samples: Vec<Kept>,
    /// None if the comparison was interrupted.
    #[serde(default)]
    refusals: Vec<Refusal>,
    /// The same.
    #[serde(default)]
    environment: Option<Environment>,
}

fn scenario(name: &str) -> anyhow::Result<&'static Scenario> {
    let known = scenarios::ALL.iter().find(|scenario| scenario.name == name);
    match known {
        Some(scenario) => Ok(scenario),
        None => bail!("unknown scenario: {name}"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use common::{
        laps::Laps,
        outcome::{Model, Outcome},
    };
    use serde_json::{Value, json};

    use super::*;

    fn sample(scenario: &str, model: Model) -> Value {
        let outcome = Outcome {
            answer: "9f3c".into(),
            ..Outcome::new(scenario, model, &Laps::none())
        };
        json!({
            "model": model, "part": "lock", "workers": 2, "pair": 1,
            "slice": 1, "turn": 1, "outcome": outcome,
        })
    }

    fn document() -> Value {
        let machine = common::machine::Machine::this();
        json!({
            "schema": SCHEMA, "command": ["--quick"],
            "date": "2026-11-22T10:00:00Z", "machine": machine,
            "budget": 1.0, "workers": 2,
            "samples": [
                sample("ipc", Model::Threads),
                sample("ipc", Model::Processes),
                sample("crash", Model::Threads),
            ],
            "verdicts": [],
            "refusals": [{
                "scenario": "crash", "model": "processes", "slice": null,
                "reason": "there is no program", "stderr": "",
            }],
        })
    }

    #[test]
    fn results_are_read_back_by_scenario() {
        let results = Results::parse(&document().to_string()).unwrap();
        assert_eq!(results.heading.workers, 2);
        let names: Vec<&str> = results
            .scenarios
            .iter()
            .map(|measured| measured.plan.scenario.name)
            .collect();
        assert_eq!(names, ["ipc", "crash"]);
        assert_eq!(results.find("ipc").unwrap().samples.len(), 2);
        assert!(!results.find("crash").unwrap().is_sound());
        assert!(!results.are_sound());
        let refusal = &results.scenarios[1].refusals[0];
        assert_eq!(refusal.words(), "there is no program");
    }

    #[test]
    fn a_comparison_that_was_interrupted_can_be_read() {
        let mut document = document();
        document.as_object_mut().unwrap().remove("refusals");
        let results = Results::parse(&document.to_string()).unwrap();
        assert!(results.are_sound());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let words = |change: fn(&mut Value)| {
            let mut document = document();
            change(&mut document);
            let error = Results::parse(&document.to_string()).unwrap_err();
            format!("{error:#}")
        };
        let schema = words(|document| document["schema"] = 9.into());
        assert!(schema.contains("schema 9"), "{schema}");
        let scenario = words(|document| {
            document["samples"][0]["outcome"]["scenario"] = "fibers".into();
        });
        assert!(scenario.contains("fibers"), "{scenario}");
    }
}
