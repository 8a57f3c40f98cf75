#![doc = include_str!("README.md")]
//!
//! # The module
//!
//! Shared by both siblings: the hostile acts, the stake that they are after,
//! the judgement of what became of it, and the outcome.

use std::fmt::{self, Display, Formatter};

use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{self, Arguments, Common, Variants},
    outcome::Model,
};

mod cell;
mod costs;
mod deed;
mod dirt;
mod outcome;
mod stake;
mod task;

pub use super::kill_workers::good_work;
pub use cell::{Cell, Ending, Seen, Traces, Tried};
pub use costs::{Clock, Costs};
pub use deed::{Loot, Split};
pub use outcome::{Row, outcome};
pub use stake::{Bait, Inside, Page, file_secret, secret};
pub use task::{Good, Report, Target, Task};

/// Code that you do not trust: what can it harm?
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  PROGRAM                           every hostile act, and what it costs
  PROGRAM --act signal --act peek   two of the acts
  PROGRAM --variant confined --without calls
                                    what a missing means lets through
  PROGRAM --only costs              what it costs to confine a worker
  PROGRAM --quick --json            for a script")]
pub struct Args {
    /// Commit only this act (repeatable)
    #[arg(long, value_name = "NAME", value_enum)]
    act: Vec<Act>,

    /// Confine a worker by all means but this one
    #[arg(long, value_name = "MEANS", value_enum)]
    without: Option<Means>,

    /// Do only one half: the hostile acts, or the costs
    #[arg(long, value_name = "HALF", value_enum)]
    only: Option<Half>,

    /// Workers to start for each cost [default: 50; --quick: 10]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    starts: Option<u32>,

    #[command(flatten)]
    variants: Variants<Variant>,

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
        self.check_halves()?;
        if self.without.is_some()
            && !self.variants.chosen().contains(&Variant::Confined)
        {
            return Err("--without changes nothing of a bare worker: add \
                        --variant confined"
                .into());
        }
        match (self.without, model) {
            (Some(means), Model::Threads) if !means.is_for_a_thread() => {
                Err(format!(
                    "--without {means} takes away what no thread has: a \
                     thread can only be without files, tcp or calls"
                ))
            }
            _ => Ok(()),
        }
    }
}

impl Args {
    /// A flag of one half does nothing for the other.
    fn check_halves(&self) -> Result<(), String> {
        let (flag, half) = match self.only {
            Some(Half::Costs) if !self.act.is_empty() => ("--act", "costs"),
            Some(Half::Acts) if self.starts.is_some() => ("--starts", "acts"),
            _ => return Ok(()),
        };
        Err(format!("{flag} changes nothing with --only {half}: leave one out"))
    }

    /// The acts that the flags ask for, by each variant.
    pub fn attempts(&self) -> Vec<Attempt> {
        if self.only == Some(Half::Costs) {
            return Vec::new();
        }
        let (without, seed) = (self.without, self.common.seed);
        let mut attempts = Vec::new();
        for variant in self.variants.chosen() {
            let all = Act::value_variants().iter();
            let chosen = all.filter(|act| self.is_chosen(**act));
            attempts.extend(chosen.map(|&act| Attempt {
                act,
                variant,
                without,
                seed,
            }));
        }
        attempts
    }

    /// The costs that the flags ask for, of each variant.
    pub fn bills(&self) -> Vec<Bill> {
        if self.only == Some(Half::Acts) {
            return Vec::new();
        }
        let usual = if self.common.quick { 10 } else { 50 };
        let starts = self.starts.unwrap_or(usual);
        let (without, seed) = (self.without, self.common.seed);
        let bill = |variant| Bill { variant, without, starts, seed };
        self.variants.chosen().into_iter().map(bill).collect()
    }

    fn is_chosen(&self, act: Act) -> bool {
        self.act.is_empty() || self.act.contains(&act)
    }
}

/// How a worker is kept.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// As it is
    Bare,
    /// With everything that the kernel lets its kind of worker give up
    Confined,
}

/// A hostile act.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Takes more memory than its share
    Memory,
    /// Takes more CPU time than its share
    Spin,
    /// Leaves processes behind
    Fork,
    /// Writes more than its share to the disk
    Disk,
    /// Reads a secret file
    Read,
    /// Overwrites a file that is not its own
    Write,
    /// Connects to a server on this machine
    Connect,
    /// Sends a signal that kills its host
    Signal,
    /// Reads a secret in its host's memory
    Peek,
    /// Overwrites memory that it was given to read
    Scribble,
    /// Changes what the next job finds
    Dirt,
    /// Opens more descriptors than its share
    Descriptors,
    /// Makes a secret file readable for everybody
    Call,
    /// Reads a secret in its host's environment
    Variable,
    /// Reads a file that its host left open
    Leftover,
}

/// A means to confine a worker.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// No variables are left
    Environment,
    /// Descriptors that were left open are useless
    Leftovers,
    /// No file may be opened
    Files,
    /// No server may be reached
    Tcp,
    /// Only some system calls may be made
    Calls,
    /// A limit on memory
    Memory,
    /// A limit on CPU time
    Time,
    /// A limit on open descriptors
    Descriptors,
    /// A limit on the size of files
    FileSize,
    /// Shared memory is sealed against writing
    Sealed,
    /// The next job has a worker of its own
    Fresh,
}

/// Half of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Half {
    /// The hostile acts
    Acts,
    /// The costs
    Costs,
}

/// An act by a worker that is kept like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What it tries.
    pub act: Act,
    /// How it is kept.
    pub variant: Variant,
    /// The means that it is confined without.
    pub without: Option<Means>,
    /// The seed of the secret, and of the good job that follows.
    pub seed: u64,
}

/// Costs to be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bill {
    /// How the workers are kept.
    pub variant: Variant,
    /// The means that they are confined without.
    pub without: Option<Means>,
    /// How many to start.
    pub starts: u32,
    /// The seed of the good jobs.
    pub seed: u64,
}

impl Attempt {
    /// The name for people.
    pub fn name(&self) -> String {
        format!("{}, {}", self.act, self.variant)
    }

    /// The good job that comes after the act.
    pub fn good_job(&self) -> Task {
        Task::Good { seed: self.seed, number: self.act as u64 }
    }

    /// Whether the next job gets a worker of its own.
    pub fn is_fresh(&self) -> bool {
        has(self.variant, self.without, Means::Fresh)
    }

    /// Whether memory is shared so that it can only be read.
    pub fn is_sealed(&self) -> bool {
        has(self.variant, self.without, Means::Sealed)
    }
}

impl Bill {
    /// The name for people.
    pub fn name(&self) -> String {
        format!("costs, {}", self.variant)
    }

    /// A good job, the same each time.
    pub fn good_job(&self) -> Task {
        Task::Good { seed: self.seed, number: 0 }
    }
}

impl Means {
    /// Whether the kernel has it for a thread alone. All others belong to the
    /// process.
    pub fn is_for_a_thread(self) -> bool {
        matches!(self, Means::Files | Means::Tcp | Means::Calls)
    }
}

/// Whether this means is used.
pub fn has(variant: Variant, without: Option<Means>, means: Means) -> bool {
    variant == Variant::Confined && without != Some(means)
}

impl Display for Act {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        to.pad(&arguments::name(self))
    }
}

impl Display for Variant {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        to.pad(&arguments::name(self))
    }
}

impl Display for Means {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        to.pad(&arguments::name(self))
    }
}

/// Bytes of memory that a job may have. A worker has mapped some 10 MiB before
/// its first job.
pub const MEMORY: u64 = 128 << 20;

/// Seconds of CPU time.
pub const SECONDS: u64 = 1;

/// Open descriptors.
pub const DESCRIPTORS: u64 = 64;

/// Bytes in the file that it may write to.
pub const FILE_SIZE: u64 = 1 << 20;
