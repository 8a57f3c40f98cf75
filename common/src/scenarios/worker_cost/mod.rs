#![doc = include_str!("README.md")]
//!
//! # The module
//!
//! Shared by both siblings: the plans, what a worker returns, the clock, the
//! memory, and the outcome.

use std::fmt;

use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{self, Arguments, Common, Variants},
    outcome::Model,
    units,
};

mod memory;
mod outcome;
mod work;

pub use memory::{Ballast, Crew, Footprint, Keeping, common_table, sum};
pub use outcome::{Costs, Finished, outcome};
pub use work::{Stamp, Starts, measure};

/// What does a worker cost to start and to keep?
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  PROGRAM                             every method, small and 1GiB parent
  PROGRAM --variant anew              one method only
  PROGRAM --parent-memory 4GiB        what grows with the parent, and what not
  PROGRAM --variant idle --crew 100   the memory of a hundred idle workers
  PROGRAM --quick --json              for a script")]
pub struct Args {
    /// Starts to measure per method [default: fewer for slower methods]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    starts: Option<u32>,

    /// Memory of a second, larger parent; 0 for none [default: 1GiB; --quick:
    /// none]
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    parent_memory: Option<usize>,

    /// Number of idle workers [default: several crews in turn, up to 256]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    crew: Option<u16>,

    /// Size of a table that the crew reads and each worker copies; 0 for none
    /// [default: 64MiB; --quick: 4MiB]
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    table: Option<usize>,

    #[command(flatten)]
    variants: Variants<StartMethod>,

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
}

/// How a worker gets to do a job; or that workers just wait.
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
pub enum StartMethod {
    /// A new worker for each job, started with std
    Anew,
    /// A new worker that sees its parent's data: borrowed, or copied by fork
    Borrowed,
    /// A new worker with something prepared before it starts
    Prepared,
    /// A standing server: a thread behind a channel, or a process that forks
    Served,
    /// A warm pool
    Pool,
    /// The bare limit of a warm worker: just a futex
    Resident,
    /// The bare limit of a new worker: clone(2) with as little as possible
    Bare,
    /// Crews of idle workers: how much memory do they hold?
    Idle,
}

impl StartMethod {
    /// As many as take some hundred milliseconds on the slower side. It must
    /// not depend on the side, because both must do the same work. With a large
    /// parent a fork takes tens of milliseconds (fork(2): the page tables are
    /// copied), so there are fewer.
    fn usual_starts(self, is_quick: bool, is_large: bool) -> u32 {
        let usual = match self {
            Self::Borrowed | Self::Prepared if is_large => 6,
            Self::Anew | Self::Prepared | Self::Bare if is_large => 50,
            Self::Anew | Self::Prepared | Self::Bare => 100,
            Self::Borrowed | Self::Served => 150,
            Self::Pool | Self::Resident => 1000,
            Self::Idle => 0,
        };
        if is_quick { usual / 5 } else { usual }
    }

    /// What is measured, in at most 23 characters.
    fn words(self, model: Model) -> &'static str {
        let (thread, process) = match self {
            Self::Anew => ("thread::spawn, join", "Command, this program"),
            Self::Borrowed => ("scoped, borrows", "fork, a copy of us"),
            Self::Prepared => ("Builder: name, stack", "Command with pre_exec"),
            Self::Served => ("behind a channel", "a server that forks"),
            Self::Pool => ("rayon's pool", "the kit's pool"),
            Self::Resident => ("futex, on the heap", "futex, in a mapping"),
            Self::Bare => ("clone, stack of ours", "clone, vfork, execve"),
            Self::Idle => ("at a gate", "at a gate"),
        };
        match model {
            Model::Threads => thread,
            Model::Processes => process,
        }
    }
}

impl fmt::Display for StartMethod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&arguments::name(self))
    }
}

/// A measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The start method, or `Idle`.
    pub method: StartMethod,
    /// Bytes that the parent holds besides what it needs.
    pub parent_memory: usize,
    /// The number of starts to measure, or of workers that wait.
    pub count: u32,
    /// Bytes of the table that all workers of an idle crew read.
    pub table: usize,
    /// The seed of the tokens.
    pub seed: u64,
}

/// The default size of the larger parent.
const LARGE: usize = 1 << 30;

/// The sizes of idle crews.
const CREWS: [u32; 4] = [1, 8, 64, 256];

/// The crew with tables, unless another one is requested: with more workers,
/// the tables would fill the memory of a small machine.
const WITH_TABLES: u32 = 8;

impl Args {
    /// The measurements in order: a parent never becomes small again, and
    /// one-time allocations must be done before memory is measured.
    pub fn plans(&self) -> Vec<Plan> {
        let mut methods = self.variants.chosen();
        let all = methods.len();
        methods.retain(|method| *method != StartMethod::Idle);
        let mut plans = Vec::new();
        for parent in self.parents() {
            plans.extend(methods.iter().map(|it| self.starts(*it, parent)));
            if parent == 0 && methods.len() < all {
                plans.extend(self.crews());
            }
        }
        plans
    }

    fn parents(&self) -> Vec<usize> {
        let usual = if self.common.quick { 0 } else { LARGE };
        let mut parents = vec![0, self.parent_memory.unwrap_or(usual)];
        parents.dedup();
        parents
    }

    fn starts(&self, method: StartMethod, parent_memory: usize) -> Plan {
        let (quick, is_large) = (self.common.quick, parent_memory > 0);
        let usual = method.usual_starts(quick, is_large);
        let count = self.starts.unwrap_or(usual);
        Plan { method, parent_memory, count, table: 0, seed: self.common.seed }
    }

    fn crews(&self) -> Vec<Plan> {
        let usual = if self.common.quick { 4 << 20 } else { 64 << 20 };
        let most = if self.common.quick { 3 } else { CREWS.len() };
        let crew = self.crew.map(|crew| vec![crew.into()]);
        let crews = crew.unwrap_or_else(|| CREWS[..most].to_vec());
        let plan = |count, table| {
            let seed = self.common.seed;
            let method = StartMethod::Idle;
            Plan { method, parent_memory: 0, count, table, seed }
        };
        let with_tables = self.crew.map_or(WITH_TABLES, u32::from);
        let mut plans: Vec<_> =
            crews.into_iter().map(|crew| plan(crew, 0)).collect();
        let table = self.table.unwrap_or(usual);
        plans.extend((table > 0).then(|| plan(with_tables, table)));
        plans
    }
}

impl Plan {
    /// The name in ids: `anew.beside-1073741824`.
    pub(crate) fn key(&self) -> String {
        match (self.method, self.parent_memory) {
            (StartMethod::Idle, _) if self.table > 0 => {
                format!("idle-{}.with-tables", self.count)
            }
            (StartMethod::Idle, _) => format!("idle-{}", self.count),
            (method, 0) => method.to_string(),
            (method, bytes) => format!("{method}.beside-{bytes}"),
        }
    }

    /// The name with the figures and in the progress report: `anew, beside 1
    /// GiB`.
    pub fn name(&self) -> String {
        match (self.method, self.parent_memory) {
            (StartMethod::Idle, _) if self.table > 0 => {
                format!("idle, {}, with tables", self.count)
            }
            (StartMethod::Idle, _) => format!("idle, {}", self.count),
            (method, 0) => method.to_string(),
            (method, bytes) => {
                format!("{method}, beside {}", units::binary(bytes))
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn plans(arguments: &str) -> Vec<Plan> {
        let arguments = arguments.split_whitespace();
        Args::try_parse_from(["test"].into_iter().chain(arguments))
            .unwrap()
            .plans()
    }

    #[test]
    fn a_parent_grows_and_never_shrinks() {
        let memory: Vec<_> =
            plans("").iter().map(|plan| plan.parent_memory).collect();
        assert!(memory.is_sorted() && memory.contains(&LARGE));
        assert!(plans("--quick").iter().all(|plan| plan.parent_memory == 0));
        let asked = plans("--quick --parent-memory 3MiB");
        assert_eq!(asked.last().unwrap().parent_memory, 3 << 20);
        let small = plans("--parent-memory 0");
        assert!(small.iter().all(|plan| plan.parent_memory == 0));
        let names: Vec<_> = small.iter().map(Plan::name).collect();
        assert_eq!(
            names.len(),
            StartMethod::value_variants().len() + CREWS.len()
        );
    }

    #[test]
    fn one_crew_has_tables() {
        let crews = |arguments: &str| -> Vec<_> {
            let plans = plans(&format!("--variant idle {arguments}"));
            plans.iter().map(|plan| (plan.count, plan.table)).collect()
        };
        let usual = [(1, 0), (8, 0), (64, 0), (256, 0), (8, 64 << 20)];
        assert_eq!(crews(""), usual);
        assert_eq!(crews("--crew 9 --table 4KiB"), [(9, 0), (9, 4096)]);
        assert_eq!(crews("--crew 9 --table 0"), [(9, 0)]);
    }

    #[test]
    fn every_method_is_measured_at_least_once() {
        for arguments in ["--quick --parent-memory 1", "", "--starts 1"] {
            assert!(plans(arguments).iter().all(|plan| plan.count > 0));
        }
        assert_eq!(plans("--variant anew --starts 7")[0].count, 7);
    }
}
