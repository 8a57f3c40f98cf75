//! The file that keeps every sample: one JSON document, whole at every moment.
//!
//! Its tail closes the list of samples and the document. A new sample
//! overwrites the tail, with a new tail behind it, in one positioned write:
//! a signal that we handle cannot divide it. SIGKILL can, at the boundary of
//! a page, if it comes within the microseconds that the kernel takes to copy.
//! Nothing is synced, because a wait for the disk would disturb the next run:
//! the file outlives this process, not the machine's power.
//!
//! The rejected alternatives: one document a line needs a reader of its own;
//! a new file renamed over the old one for each sample writes the square of
//! what it keeps, while the next run is measured.

use std::{
    env,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context as _, bail, ensure};
use common::{
    escaped::Escaped,
    machine::Machine,
    outcome::{self, Metric, Model, Outcome},
    scenarios,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    arguments::{self, Arguments},
    claims::Judged,
    disturbance::Disturbance,
    environment::Environment,
    figures,
    interpreter::{Interpreter, Interpreters},
    plan::{self, Series, Slice},
    refusal::Refusal,
    results::Results,
    verdict::Verdict,
};

/// The version of the file.
pub const SCHEMA: u32 = 2;

const TAIL: &str = "\n]}";

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
    /// How many seconds were to be measured, see [`crate::schedule`].
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
    /// Of the comparison that begins now.
    pub fn of(arguments: &Arguments, interpreters: &Interpreters) -> Self {
        let command = env::args_os().skip(1);
        let now = humantime::format_rfc3339_seconds(SystemTime::now());
        Heading {
            schema: SCHEMA,
            command: command
                .map(|argument| argument.to_string_lossy().into_owned())
                .collect(),
            date: now.to_string(),
            machine: Machine::this(),
            budget: arguments.budget().as_secs_f64(),
            workers: arguments.workers(),
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
            arguments::WORKERS.contains(workers),
            "workers is {workers}, which is not within {:?}",
            arguments::WORKERS
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

/// What stands below the samples.
#[derive(Debug, Serialize)]
pub struct Conclusion<'all> {
    verdicts: &'all [Verdict],
    claims: &'all [Judged],
    refusals: Vec<&'all Refusal>,
    environment: &'all Option<Environment>,
    disturbances: Vec<Disturbance>,
}

impl<'all> Conclusion<'all> {
    /// Of all scenarios.
    pub fn new(
        verdicts: &'all [Verdict],
        claims: &'all [Judged],
        results: &'all Results,
    ) -> Self {
        Conclusion {
            verdicts,
            claims,
            refusals: results.refusals().collect(),
            environment: &results.environment,
            disturbances: results.disturbances(),
        }
    }
}

/// The file, open and locked, so that no second comparison writes to it. The
/// second would make the figures of both worthless, anyway.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Where the tail begins.
    end: u64,
    /// What comes before the next sample: nothing or a comma.
    separator: &'static str,
}

impl Journal {
    /// Begins the file, and its folder if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written, or is being written by another.
    pub fn create(path: &Path, heading: &Heading) -> anyhow::Result<Self> {
        Self::begin(path, heading).with_context(|| {
            format!("the samples cannot be kept in {}", Escaped(path))
        })
    }

    fn begin(path: &Path, heading: &Heading) -> anyhow::Result<Self> {
        let file = open(path)?;
        let text = serde_json::to_string(heading)?;
        let text = text.trim_end_matches("]}").to_owned();
        let end = text.len() as u64;
        let mut bytes = (text + TAIL).into_bytes();
        let length = bytes.len();
        // White space over the rest of an older, longer document.
        bytes.resize(length.max(file.metadata()?.len() as usize), b' ');
        file.write_all_at(&bytes, 0)?;
        file.set_len(length as u64)?;
        Ok(Journal { file, path: path.canonicalize()?, end, separator: "" })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a sample.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written. The file then is as it was before.
    pub fn add(&mut self, sample: &Sample) -> anyhow::Result<()> {
        let sample = serde_json::to_string(sample)?;
        let text = format!("{}\n{sample}", self.separator);
        self.replace_tail(&text, TAIL)?;
        self.end += text.len() as u64;
        self.separator = ",";
        Ok(())
    }

    /// Adds what came out, below the samples.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written. The file then is as it was before.
    pub fn conclude(&self, conclusion: &Conclusion<'_>) -> anyhow::Result<()> {
        let text = serde_json::to_string(conclusion)?;
        let members = text.trim_start_matches('{');
        self.replace_tail("\n],", &format!("{members}\n"))
    }

    fn replace_tail(&self, text: &str, tail: &str) -> anyhow::Result<()> {
        let bytes = [text, tail].concat();
        self.file
            .write_all_at(bytes.as_bytes(), self.end)
            .or_else(|error| self.restore_tail().and(Err(error)))
            .with_context(|| {
                format!("{} cannot take one more sample", Escaped(&self.path))
            })
    }

    /// After half a write, because the disk is full.
    fn restore_tail(&self) -> io::Result<()> {
        self.file.write_all_at(TAIL.as_bytes(), self.end)?;
        self.file.set_len(self.end + TAIL.len() as u64)
    }
}

/// A device or a pipe is refused: what is written to it cannot be overwritten.
fn open(path: &Path) -> anyhow::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    ensure!(file.metadata()?.is_file(), "it is no regular file");
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another comparison is writing to it")
        }
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
