//! The format of the file that keeps every sample: see
//! [`journal`](crate::run::journal), which writes it.

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

/// The version of the file.
pub const SCHEMA: u32 = 2;

/// What stands above the samples.
#[derive(Debug, Serialize, Deserialize)]
pub struct Heading {
    schema: u32,
    /// The comparison's own arguments.
    pub command: Vec<String>,
    /// When it began: RFC 3339, in UTC.
    pub date: String,
    /// Where.
    pub machine: Machine,
    /// How many seconds were to be measured, see [`crate::judge::schedule`].
    pub budget: f64,
    /// With how many workers the sides are compared.
    pub workers: usize,
    /// The interpreters of Python, if there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interpreters: Vec<Interpreter>,
    /// Why the usual one is not among them, if it was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Here the samples will stand.
    #[serde(skip_deserializing)]
    samples: [Sample; 0],
}

impl Heading {
    /// Of the comparison that begins now, with so many workers a side.
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

    /// Whether a comparison can have been begun so.
    ///
    /// # Errors
    ///
    /// Fails if not.
    pub fn check(&self) -> anyhow::Result<()> {
        let Heading { date, machine, budget, workers, .. } = self;
        ensure!(
            humantime::parse_rfc3339(date).is_ok(),
            "date is {date:?}, which is no time as in 2026-11-22T10:00:00Z"
        );
        ensure!(machine.cores > 0, "machine.cores is 0");
        ensure!(
            budget.is_finite() && *budget >= 0.0,
            "budget is {budget:?}, which is no number of seconds"
        );
        ensure!(
            plan::WORKERS.contains(workers),
            "workers is {workers}, which is not within {:?}",
            plan::WORKERS
        );
        Ok(())
    }

    /// Whether it was measured on the smaller work load.
    pub fn is_quick(&self) -> bool {
        self.command.iter().any(|argument| argument == "--quick")
    }
}

/// One slice whose outcome could be read.
#[derive(Debug, Serialize)]
pub struct Sample {
    /// Which slice it was.
    #[serde(flatten)]
    pub slice: Slice,
    /// What it printed, to the byte.
    #[serde(rename = "outcome")]
    document: Box<RawValue>,
    /// The same, read.
    #[serde(skip)]
    pub outcome: Outcome,
    /// All that is compared: see [`figures::of`].
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

/// A sample as it stands in the file. It names each part of its [`Slice`],
/// because a [`RawValue`] cannot stand beside what is flattened.
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

/// The file may be another's, or edited: each figure is looked at before
/// anything is made of it.
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
            "outcome.schema is {}, and {} is what can be read",
            read.schema,
            outcome::SCHEMA
        );
        ensure!(
            read.model == model,
            "it is of {model}, and outcome.model is {}",
            read.model
        );
        Ok(Sample::new(slice, outcome, read))
    }
}
