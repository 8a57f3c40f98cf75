//! A list of jobs, most of them good, some stuck. Can the stuck be stopped?
//!
//! What both siblings share: the jobs and their order, the rules of the
//! pool, what is stuck and how, the record of what became of each job, and
//! the outcome.

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
  PROGRAM                          every way of being stuck
  PROGRAM --variant query          only a query that does not end
  PROGRAM --stuck 20               more of each, for better quantiles
  PROGRAM --deadline 1s --grace 1s as a patient supervisor would
  PROGRAM --chaos 7 --stuck 0      workers killed at the worst moments
                                   (processes only)
  PROGRAM --quick --json           for a script")]
pub struct Args {
    /// Good jobs [default: 5000; --quick: 2000]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    jobs: Option<u64>,

    /// Stuck jobs of each kind [default: 1]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u16).range(0..=1000))]
    stuck: Option<u16>,

    /// How long a stuck job may take. A good one has at least a minute: it
    /// ends by itself, sooner or later
    #[arg(long, value_name = "TIME", default_value = "25ms",
          value_parser = parse_time)]
    deadline: Duration,

    /// How long each way to stop it has, before the next is tried
    #[arg(long, value_name = "TIME", default_value = "50ms",
          value_parser = parse_time)]
    grace: Duration,

    /// Kill workers at the worst moments of their jobs, by this seed
    #[arg(long, value_name = "SEED")]
    chaos: Option<u64>,

    /// Go on with good jobs for so many seconds, however many that are
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
                     run the sibling, with processes"
                    .into())
            }
            _ => Ok(()),
        }
    }
}

impl Args {
    /// What is to be done.
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

    /// Each attempt at a stuck job may cost a worker, and none but those,
    /// unless workers are killed on purpose.
    fn intensity(&self, most: usize) -> Intensity {
        let restarts = self.chaos.map_or(most, |_| usize::MAX);
        Intensity { restarts, ..Intensity::default() }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// How the workers are kept going.
    pub rules: Supervision,
    /// The kinds of stuck jobs.
    pub kinds: Vec<Kind>,
    /// Good jobs.
    pub good: u64,
    /// Stuck jobs of each kind.
    pub stuck: usize,
    /// Where the good jobs' work comes from.
    pub seed: u64,
    /// Whether workers are killed, and at which moments.
    pub chaos: Option<u64>,
    /// How long there are good jobs, if they are not counted.
    pub soak: Option<Duration>,
}

impl Plan {
    /// How many there are, of both sorts.
    pub fn jobs(&self) -> usize {
        self.good as usize + self.kinds.len() * self.stuck
    }

    /// One lock that nobody ever gives back, and one that each attempt of
    /// each stuck job takes before it is stuck, see [`Job::Stuck`].
    pub fn locks(&self) -> usize {
        1 + self.kinds.len() * self.stuck * self.rules.attempts
    }

    /// The lock that this attempt takes.
    pub fn lock(&self, place: usize, attempt: usize) -> usize {
        1 + place * self.rules.attempts + attempt
    }

    /// How long an attempt at this job may take. A good job does a little
    /// work, for which a busy machine may need long: to stop it for that would
    /// tell about the machine and not about the pool.
    pub fn deadline(&self, job: &Job) -> Option<Duration> {
        const ENOUGH: Duration = Duration::from_secs(60);
        self.rules.deadline.map(|deadline| match job {
            Job::Good { .. } => deadline.max(ENOUGH),
            Job::Stuck { .. } => deadline,
        })
    }

    /// The stuck job at this place among them. Those of one kind follow one
    /// another.
    pub(crate) fn stuck_job(&self, place: usize) -> Option<Job> {
        let kind = *self.kinds.get(place.checked_div(self.stuck)?)?;
        Some(Job::Stuck { kind, place, locks: self.lock(place, 0) })
    }

    /// Whether there is one more good job, after so much time.
    pub(crate) fn has_good_job(&self, number: u64, begun: Instant) -> bool {
        match self.soak {
            None => number < self.good,
            Some(time) => begun.elapsed() < time,
        }
    }
}

/// A job, as it is submitted to the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// A little work.
    Good {
        /// Which one it is, from 0.
        number: u64,
        /// Where its work comes from.
        seed: u64,
    },
    /// It takes a lock, is stuck, and would give the lock back.
    Stuck {
        /// How it is stuck.
        kind: Kind,
        /// Its place among the stuck jobs.
        place: usize,
        /// The lock for its first attempt. The next is for the second.
        locks: usize,
    },
}

/// A way to be stuck. Those that stop for nothing come last, because on the
/// side of threads they never go away.
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
    /// A tight loop that looks at the flag
    Loop,
    /// A read from a pipe into which nobody writes
    Read,
    /// A query of SQLite that does not end
    Query,
    /// A sleep until the end of time
    Sleep,
    /// A wait for a lock that nobody gives back
    Lock,
    /// A call of the C library that does not return
    Native,
}

impl Kind {
    /// The one side that can stop it at all, by any way that it has. The
    /// outcome holds every run to it.
    pub fn only(self) -> Option<Model> {
        match self {
            Kind::Loop | Kind::Read | Kind::Query => None,
            Kind::Sleep | Kind::Lock | Kind::Native => Some(Model::Processes),
        }
    }
}

/// A time as a person writes it.
pub(crate) fn time(time: Duration) -> String {
    format_duration(time).to_string()
}
