//! The format of the file of samples, which [`journal`](crate::run::journal)
//! writes.

use std::{
    env,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, ensure};
use common::{
    machine::Machine,
    outcome::{self, Metric, Model, Outcome},
    scenarios,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::run::{
    figures,
    interpreter::{Interpreter, Interpreters},
    plan::{self, Series, Slice},
};

/// The version of the format.
pub const SCHEMA: u32 = 2;

/// What precedes the samples.
#[derive(Debug, Serialize, Deserialize)]
pub struct Heading {
    schema: u32,
    /// The comparison's own arguments.
    pub command: Vec<String>,
    /// The start time: RFC 3339, in UTC.
    pub date: String,
    /// The machine.
    pub machine: Machine,
    /// The budget in seconds, see [`crate::judge::schedule`].
    pub budget: f64,
    /// How many workers each side has.
    pub workers: usize,
    /// The Python interpreters, if any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interpreters: Vec<Interpreter>,
    /// Why the default one is missing, if it was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Place of the samples.
    #[serde(skip_deserializing)]
    samples: [Sample; 0],
}

impl Heading {
    /// For a comparison that starts now, with this many workers per side.
    pub fn new(
        workers: usize,
        budget: Duration,
        interpreters: &Interpreters,
    ) -> Self {
        let command = env::args_os().skip(1);
        let now = humantime::format_rfc3339_seconds(SystemTime::now());
        Heading {
            schema: SCHEMA,
            command: command
                .map(|argument| argument.to_string_lossy().into_owned())
                .collect(),
            date: now.to_string(),
            machine: Machine::this(),
            budget: budget.as_secs_f64(),
            workers,
            interpreters: interpreters.all.clone(),
            left_out: interpreters.left_out.clone(),
            samples: [],
        }
    }

    /// Checks that a comparison can have started like this.
    ///
    /// # Errors
    ///
    /// Fails if not.
    pub fn check(&self) -> anyhow::Result<()> {
        let Heading { date, machine, budget, workers, .. } = self;
        ensure!(
            humantime::parse_rfc3339(date).is_ok(),
            "date is {date:?}, expected a time such as 2026-11-22T10:00:00Z"
        );
        ensure!(machine.cores > 0, "machine.cores is 0");
        ensure!(
            budget.is_finite() && *budget >= 0.0,
            "budget is {budget:?}, which is not a number of seconds"
        );
        ensure!(
            plan::WORKERS.contains(workers),
            "workers is {workers}, which is not in {:?}",
            plan::WORKERS
        );
        Ok(())
    }

    /// Whether it was measured with the smaller workload.
    pub fn is_quick(&self) -> bool {
        self.command.iter().any(|argument| argument == "--quick")
    }
}

/// One slice with a readable outcome.
#[derive(Debug, Serialize)]
pub struct Sample {
    /// The slice.
    #[serde(flatten)]
    pub slice: Slice,
    /// What it printed, byte for byte.
    #[serde(rename = "outcome")]
    document: Box<RawValue>,
    /// The same, parsed.
    #[serde(skip)]
    pub outcome: Outcome,
    /// Everything that is compared: see [`figures::of`].
    #[serde(skip)]
    pub figures: Vec<Metric>,
}

impl Sample {
    /// A slice and what it printed.
    pub fn new(
        slice: Slice,
        document: Box<RawValue>,
        outcome: Outcome,
    ) -> Self {
        let mut all = scenarios::ALL.iter();
        let scenario = all.find(|one| one.name == outcome.scenario);
        let mut parts =
            scenario.into_iter().flat_map(|it| slice.series.parts(it));
        let is_whole = parts.any(|it| it.name == slice.part && it.whole);
        let figures = figures::of(&outcome, is_whole);
        Sample { slice, document, figures, outcome }
    }
}

/// A sample in the file. It repeats the fields of [`Slice`], because a
/// [`RawValue`] cannot stand beside a flattened field.
#[derive(Debug, Deserialize)]
pub struct Kept {
    #[serde(default)]
    series: Series,
    model: Model,
    part: String,
    workers: usize,
    pair: usize,
    slice: usize,
    turn: usize,
    outcome: Box<RawValue>,
}

/// The file may come from elsewhere or be edited: each figure is checked before
/// it is used.
impl TryFrom<Kept> for Sample {
    type Error = anyhow::Error;

    fn try_from(kept: Kept) -> anyhow::Result<Self> {
        let Kept { series, model, part, workers, outcome, .. } = kept;
        let Kept { pair, slice, turn, .. } = kept;
        let part = plan::known_part(&part).context("part")?;
        let slice = Slice { series, model, part, workers, pair, slice, turn };
        let read: Outcome =
            serde_json::from_str(outcome.get()).context("outcome")?;
        ensure!(
            read.schema == outcome::SCHEMA,
            "outcome.schema is {}, but this version reads {}",
            read.schema,
            outcome::SCHEMA
        );
        ensure!(
            read.model == model,
            "model is {model}, but outcome.model is {}",
            read.model
        );
        Ok(Sample::new(slice, outcome, read))
    }
}
