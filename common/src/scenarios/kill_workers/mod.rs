#![doc = include_str!("README.md")]
//!
//! # The module
//!
//! Shared by both siblings: the jobs and their order, the rules of the pool,
//! what gets stuck and how, the record of what became of each job, and the
//! outcome.

use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use humantime::format_duration;
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{Arguments, Common, Variants, Workers, parse_time},
    outcome::Model,
    supervision::{Intensity, Supervision},
};

mod aftermath;
mod outcome;
mod record;
mod work;

pub use aftermath::{Aftermath, Left};
pub use outcome::{Summary, Tried, Ways, outcome};
pub use record::Record;
pub use work::{ENDLESS_QUERY, good_work, native_call};

/// A worker hangs: can it be stopped?
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  PROGRAM                          every way to get stuck
  PROGRAM --variant query          only a query that never ends
  PROGRAM --stuck 20               more of each kind, for better quantiles
  PROGRAM --deadline 1s --grace 1s like a patient supervisor
  PROGRAM --chaos 7 --stuck 0      kill workers at the worst moments
                                   (processes only)
  PROGRAM --quick --json           for a script")]
pub struct Args {
    /// Number of good jobs [default: 5000; --quick: 2000]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    jobs: Option<u64>,

    /// Stuck jobs of each kind [default: 1]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u16).range(0..=1000))]
    stuck: Option<u16>,

    /// Time limit of a stuck job. A good job gets at least a minute, because it
    /// always ends by itself
    #[arg(long, value_name = "TIME", default_value = "25ms",
          value_parser = parse_time)]
    deadline: Duration,

    /// Grace period before the next, stronger way to stop it
    #[arg(long, value_name = "TIME", default_value = "50ms",
          value_parser = parse_time)]
    grace: Duration,

    /// Kill workers at the worst moments of their jobs, chosen by this seed
    #[arg(long, value_name = "SEED")]
    chaos: Option<u64>,

    /// Keep submitting good jobs for this many seconds
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "chaos",
        conflicts_with = "jobs"
    )]
    soak: Option<u64>,

    #[command(flatten)]
    variants: Variants<Kind>,

    #[command(flatten)]
    workers: Workers,

    #[command(flatten)]
    common: Common,
}

impl Arguments for Args {
    fn common(&self) -> &Common {
        &self.common
    }

    fn list(&self, _model: Model) -> Option<String> {
        self.variants.list(|_| true)
    }

    fn check(&self, model: Model) -> Result<(), String> {
        match (model, self.chaos) {
            (Model::Threads, Some(_)) => {
                Err("--chaos kills workers, and a thread cannot be killed: \
                     use the sibling program, with processes"
                    .into())
            }
            _ => Ok(()),
        }
    }
}

impl Args {
    /// The work that the flags ask for.
    pub fn plan(&self) -> Plan {
        let good = if self.common.quick { 2000 } else { 5000 };
        let stuck = self.stuck.map_or(1, usize::from);
        let kinds = self.variants.chosen();
        let usual = Supervision::default();
        let most = kinds.len() * stuck * usual.attempts;
        let rules = Supervision {
            workers: self.workers.count(),
            deadline: Some(self.deadline),
            grace: self.grace,
            intensity: self.intensity(most),
            ..usual
        };
        Plan {
            rules,
            kinds,
            good: self.jobs.unwrap_or(good),
            stuck,
            seed: self.common.seed,
            chaos: self.chaos,
            soak: self.soak.map(Duration::from_secs),
        }
    }

    /// Each attempt at a stuck job may cost one worker. No other job may,
    /// unless workers are killed on purpose.
    fn intensity(&self, most: usize) -> Intensity {
        let restarts = self.chaos.map_or(most, |_| usize::MAX);
        Intensity { restarts, ..Intensity::default() }
    }
}

/// The work of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// How the workers are supervised.
    pub rules: Supervision,
    /// The kinds of stuck jobs.
    pub kinds: Vec<Kind>,
    /// Number of good jobs.
    pub good: u64,
    /// Number of stuck jobs of each kind.
    pub stuck: usize,
    /// The seed of the good jobs' work.
    pub seed: u64,
    /// The seed that chooses when workers are killed, if they are.
    pub chaos: Option<u64>,
    /// How long to submit good jobs, if they are not counted.
    pub soak: Option<Duration>,
}

impl Plan {
    /// All jobs, good and stuck.
    pub fn jobs(&self) -> usize {
        self.good as usize + self.kinds.len() * self.stuck
    }

    /// One lock that is never released, and one for each attempt at each stuck
    /// job, which takes it before it gets stuck; see [`Job::Stuck`].
    pub fn locks(&self) -> usize {
        1 + self.kinds.len() * self.stuck * self.rules.attempts
    }

    /// The lock of this attempt.
    pub fn lock(&self, place: usize, attempt: usize) -> usize {
        1 + place * self.rules.attempts + attempt
    }

    /// The time limit of an attempt at this job. A good job does little work,
    /// but a busy machine may need long for it: stopping it would say something
    /// about the machine rather than the pool.
    pub fn deadline(&self, job: &Job) -> Option<Duration> {
        const ENOUGH: Duration = Duration::from_secs(60);
        self.rules.deadline.map(|deadline| match job {
            Job::Good { .. } => deadline.max(ENOUGH),
            Job::Stuck { .. } => deadline,
        })
    }

    /// The stuck job with this number. Jobs of one kind follow one another.
    pub(crate) fn stuck_job(&self, place: usize) -> Option<Job> {
        let kind = *self.kinds.get(place.checked_div(self.stuck)?)?;
        Some(Job::Stuck { kind, place, locks: self.lock(place, 0) })
    }

    /// Whether another good job is due at this point.
    pub(crate) fn has_good_job(&self, number: u64, begun: Instant) -> bool {
        match self.soak {
            None => number < self.good,
            Some(time) => begun.elapsed() < time,
        }
    }
}

/// A job as it is submitted to the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// Does a little work.
    Good {
        /// Its number, from 0.
        number: u64,
        /// The seed of its work.
        seed: u64,
    },
    /// Takes a lock, gets stuck, and would release the lock afterwards.
    Stuck {
        /// How it gets stuck.
        kind: Kind,
        /// Its number among the stuck jobs.
        place: usize,
        /// The lock of its first attempt; the second attempt takes the next
        /// one.
        locks: usize,
    },
}

/// A way to get stuck. Those that nothing but a kill can stop come last: as
/// threads they never go away.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    ValueEnum,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A tight loop that checks the flag
    Loop,
    /// A read from a pipe that nobody writes to
    Read,
    /// An SQLite query that never ends
    Query,
    /// A sleep until the end of time
    Sleep,
    /// A wait for a lock that is never released
    Lock,
    /// A C library call that never returns
    Native,
}

impl Kind {
    /// The only side that can stop it by any means at all. The outcome checks
    /// every run against this.
    pub fn only(self) -> Option<Model> {
        match self {
            Kind::Loop | Kind::Read | Kind::Query => None,
            Kind::Sleep | Kind::Lock | Kind::Native => Some(Model::Processes),
        }
    }
}

/// A time as people write it.
pub(crate) fn time(time: Duration) -> String {
    format_duration(time).to_string()
}
