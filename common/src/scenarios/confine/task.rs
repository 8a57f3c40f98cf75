//! What a worker is asked to do.

use std::{
    fmt::Write as _,
    os::fd::{BorrowedFd, RawFd},
    path::PathBuf,
    time::Instant,
};

use anyhow::{Result, bail};
use rustix::process::getppid;
use serde::{Deserialize, Serialize};

use super::{Act, Loot, Split, deed, dirt, good_work};

/// What a worker is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// A good job, and a look at what the last one left.
    Good {
        /// The seed of its work.
        seed: u64,
        /// Its number.
        number: u64,
    },
    /// A hostile one.
    Hostile(Act),
    /// So many system calls.
    Calls(u32),
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// The worker is ready, and confined but for this.
    Ready(Vec<String>),
    /// A good job is done.
    Good(Good),
    /// A hostile one has got something, or an error.
    Hostile(Result<Loot, String>),
    /// Seconds for one call.
    Calls(f64),
    /// The worker has died of it, in this way.
    Died(String),
}

impl Report {
    /// The first report, of a worker that is confined but for these.
    pub fn ready(lacking: Option<Vec<impl ToString>>) -> Self {
        let lacking = lacking.unwrap_or_default();
        Report::Ready(lacking.iter().map(ToString::to_string).collect())
    }

    /// What the kernel lacks to confine the worker.
    ///
    /// # Errors
    ///
    /// Fails if this is not a first report.
    pub fn lacking(self) -> Result<Vec<String>> {
        match self {
            Report::Ready(lacking) => Ok(lacking),
            Report::Died(how) => bail!("a worker died at its start: {how}"),
            other => bail!("not the report of a worker that starts: {other:?}"),
        }
    }

    /// What a hostile job has got, or its error.
    ///
    /// # Errors
    ///
    /// Fails if this is the report of another job.
    pub fn tried(self) -> Result<Result<Loot, String>> {
        match self {
            Report::Hostile(tried) => Ok(tried),
            Report::Died(how) => Ok(Err(how)),
            other => bail!("not the report of a hostile job: {other:?}"),
        }
    }

    /// What a good job has returned.
    ///
    /// # Errors
    ///
    /// Fails if this is the report of another job.
    pub fn good(self) -> Result<Good> {
        match self {
            Report::Good(good) => Ok(good),
            other => bail!("not the report of a good job: {other:?}"),
        }
    }
}

/// What a good job returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Good {
    /// Its answer.
    pub answer: u64,
    /// What it found that an earlier job had left.
    pub dirt: Vec<String>,
}

/// Where an act finds what it is after.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Target {
    /// A secret file.
    pub secret: PathBuf,
    /// A file that is not the worker's.
    pub other: PathBuf,
    /// A server.
    pub port: u16,
    /// The process id of the host.
    pub host: u32,
    /// The address of a secret there.
    pub memory: u64,
    /// The address there of memory that is shared.
    pub page: u64,
    /// A descriptor that the host left open.
    pub leftover: RawFd,
}

impl Target {
    /// The variable that has the secret.
    pub const VARIABLE: &str = "CONFINE_SECRET";
}

impl Task {
    /// Does it, whatever it is. `lent` is what an act was given, and `split` how
    /// one starts a process.
    pub fn perform(
        self,
        target: &Target,
        lent: BorrowedFd<'_>,
        split: Split,
    ) -> Report {
        match self {
            Task::Good { seed, number } => Report::Good(Good {
                answer: good_work(seed, number),
                dirt: dirt::found(),
            }),
            Task::Hostile(act) => {
                let done = deed::commit(act, target, lent, split);
                Report::Hostile(done.map_err(|error| in_short(&error)))
            }
            Task::Calls(count) => Report::Calls(time_of_calls(count)),
        }
    }
}

/// The causes, without the kernel's numbers.
fn in_short(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        let cause = cause.split(" (os error").next().unwrap_or_default();
        let gap = if words.is_empty() { "" } else { ": " };
        // Writing to a string does not fail.
        let _ = write!(words, "{gap}{cause}");
    }
    words
}

/// A call that does next to nothing in the kernel. The C library does not
/// answer it from memory.
fn time_of_calls(count: u32) -> f64 {
    let begin = Instant::now();
    for _ in 0..count {
        std::hint::black_box(getppid());
    }
    begin.elapsed().as_secs_f64() / f64::from(count)
}
