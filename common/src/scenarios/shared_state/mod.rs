#![doc = include_str!("README.md")]
//!
//! # The module
//!
//! Shared by both siblings: the transfers of each worker, the expected
//! balances, and the outcome.

use std::{
    fmt,
    sync::{
        PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::anyhow;
use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{self, Arguments, Common, Switching, Variants, Workers},
    outcome::Model,
};

mod outcome;
mod story;
mod transfers;

pub use outcome::{Finished, Ledger, Summary, outcome};
pub use transfers::{Transfer, Transfers};

/// Many workers update one ledger of accounts without losing anything.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  PROGRAM                             every variant, with figures
  PROGRAM --variant lock --workers 8  one lock, eight workers
  PROGRAM --accounts 2                the fewest accounts, the most contention
  PROGRAM --variant global-lock --switch-interval 1ms
                                      a GIL, and updates are lost even so
  PROGRAM --quick --json              for a script")]
pub struct Args {
    /// Accounts in the ledger
    #[arg(long, value_name = "N", default_value_t = 1024,
          value_parser = clap::value_parser!(u32).range(2..=1 << 20))]
    accounts: u32,

    /// Transfers per worker [default: for about a sixth of a second, so more
    /// for faster variants]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    transfers: Option<u64>,

    #[command(flatten)]
    variants: Variants<Variant>,

    #[command(flatten)]
    switching: Switching,

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
}

impl Args {
    /// The work for each chosen variant.
    pub fn plans(&self) -> Vec<Plan> {
        let variants = self.variants.chosen().into_iter();
        variants.map(|variant| self.plan(variant)).collect()
    }

    fn plan(&self, variant: Variant) -> Plan {
        let quick = if self.common.quick { 3 } else { 1 };
        let usual = variant.transfers_in_a_sixth_second() / quick;
        let transfers = self.transfers.unwrap_or(usual);
        let (accounts, most) = match variant {
            Variant::Forced => (2, Variant::MOST_FORCED),
            _ => (self.accounts, u64::MAX),
        };
        Plan {
            variant,
            accounts,
            transfers: transfers.min(most),
            workers: self.workers.count(),
            seed: self.common.seed,
            switch_interval: self.switching.interval,
        }
    }
}

/// A way to guard the ledger, or not to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// Load and store are separate: what was written in between is lost
    Racy,
    /// The same, but all load before any stores: some updates always get lost
    Forced,
    /// The same under a lock like CPython's GIL, passed from worker to worker
    GlobalLock,
    /// One lock around the whole ledger
    Lock,
    /// A lock for each account; a transfer takes two
    LockPerAccount,
    /// No lock: each balance is an atomic
    Atomic,
    /// No sharing: one owner has the ledger, workers send it their transfers
    Owner,
    /// No sharing: each worker keeps its own sums, merged at the end
    Partition,
    /// The same with the standard library only, without a kit
    ByHand,
}

impl Variant {
    /// All workers wait for each other at every update, so few must do.
    const MOST_FORCED: u64 = 100;

    /// What each of two workers does in about a sixth of a second on a server
    /// of 2023. A variant of ten milliseconds would be all noise, and one
    /// number for all would make the fastest too short or the slowest too long.
    fn transfers_in_a_sixth_second(self) -> u64 {
        match self {
            Variant::Racy => 20_000_000,
            Variant::Forced => Variant::MOST_FORCED,
            Variant::GlobalLock => 10_000_000,
            Variant::Lock => 1_000_000,
            Variant::LockPerAccount => 4_000_000,
            Variant::Atomic => 4_000_000,
            Variant::Owner => 16_000_000,
            Variant::Partition | Variant::ByHand => 80_000_000,
        }
    }

    /// Whether it may lose updates: load and store are two steps, and another
    /// worker may run in between.
    fn may_lose(self) -> bool {
        matches!(self, Variant::Racy | Variant::Forced | Variant::GlobalLock)
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&arguments::name(self))
    }
}

/// The work of one variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// How to guard the ledger.
    pub variant: Variant,
    /// Accounts in the ledger.
    pub accounts: u32,
    /// Transfers per worker.
    pub transfers: u64,
    /// The number of workers.
    pub workers: usize,
    /// The seed of the transfers.
    pub seed: u64,
    /// The switch interval of the global lock.
    pub switch_interval: Duration,
}

impl Plan {
    /// The name of its variant.
    pub fn name(&self) -> String {
        self.variant.to_string()
    }

    /// Transfers of all workers together.
    fn made(&self) -> u64 {
        self.transfers * self.workers as u64
    }

    /// Each transfer updates two balances.
    fn updates(&self) -> u64 {
        2 * self.made()
    }
}

/// The change that one worker's transfers make to each account.
pub type Sums = Vec<i64>;

/// The plain global of claim C01: a worker writes to it, and the question is
/// who sees that.
pub static GLOBAL: AtomicU64 = AtomicU64::new(0);

/// Writes to the global; every worker calls it.
pub fn write_global() {
    GLOBAL.store(1, Relaxed);
}

/// The error for a lock whose holder died: half a transfer may have been made,
/// and there is no way to tell which.
pub fn poisoned<G>(_guard: PoisonError<G>) -> anyhow::Error {
    anyhow!("a worker died while it held the ledger's lock")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(super) fn plans() -> impl Strategy<Value = Plan> {
        (2..100_u32, 1..20_000_u64, 1..9_usize, any::<u64>()).prop_map(
            |(accounts, transfers, workers, seed)| Plan {
                variant: Variant::Lock,
                accounts,
                transfers,
                workers,
                seed,
                switch_interval: Duration::from_millis(5),
            },
        )
    }
}
