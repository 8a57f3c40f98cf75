#![doc = include_str!("README.md")]
//!
//! # The module
//!
//! Shared by both siblings: the transfers, the ways to die, the ledger and its
//! repair, the outcome.

use std::{fmt, process::ExitStatus, time::Duration};

use anyhow::{Result, ensure};
use bytemuck::{Pod, Zeroable};
use clap::Parser;
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{self, Arguments, Common, Variants, Workers},
    input::Input,
    outcome::Model,
};

use super::shared_state::Transfer;

mod death;
mod ledger;
mod outcome;

pub use death::{DeathCause, LastWords, Victim};
pub use ledger::{Ledger, Report};
pub use outcome::{Death, Finished, outcome};

/// A worker crashes, perhaps holding a lock: what survives?
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  PROGRAM                            every way to die, in four places each
  PROGRAM --variant abort            one way to die
  PROGRAM --workers 8                one victim and seven other workers
  PROGRAM --deaths 100               a hundred deaths of each kind
  PROGRAM --quick --json             for a script")]
pub struct Args {
    /// Transfers per worker
    #[arg(long, value_name = "N", default_value_t = 5000,
          value_parser = clap::value_parser!(u32).range(1..=1 << 30))]
    transfers: u32,

    /// Repetitions of each kind of death, at different moments [default: 2;
    /// --quick: 1]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    deaths: Option<u32>,

    #[command(flatten)]
    variants: Variants<DeathCause>,

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

    fn check(&self, _model: Model) -> Result<(), String> {
        can_all(&self.variants.chosen(), cfg!(panic = "unwind"))
    }
}

/// Whether a program built this way can die of these causes.
fn can_all(causes: &[DeathCause], unwinds: bool) -> Result<(), String> {
    if unwinds || !causes.contains(&DeathCause::Panic) {
        return Ok(());
    }
    Err("this program was built with panic = \"abort\", through its profile \
         or CARGO_PROFILE_…_PANIC, and cannot unwind: build it with panic = \
         \"unwind\", or choose other ways to die, such as --variant abort"
        .into())
}

impl Args {
    /// Each requested way to die, in each of the four places, with the
    /// requested number of repetitions.
    pub fn plans(&self) -> Vec<Plan> {
        let plan = |cause, hold, death| Plan {
            cause,
            hold,
            death,
            transfers: self.transfers,
            workers: self.workers.count(),
            seed: self.common.seed,
        };
        let mut plans = Vec::new();
        for cause in self.variants.chosen() {
            for hold in Hold::ALL {
                let deaths = 0..self.deaths();
                plans.extend(deaths.map(|death| plan(cause, hold, death)));
            }
        }
        plans
    }

    fn deaths(&self) -> u32 {
        let usual = if self.common.quick { 1 } else { 2 };
        self.deaths.unwrap_or(usual)
    }
}

/// What the victim holds when it dies, and who notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// No lock: it dies between two transfers.
    Nothing,
    /// A lock that tells the next holder; the ledger is half changed.
    Lock,
    /// A lock that tells nobody, and is never released.
    PlainLock,
    /// A transfer that it was about to send. The ledger has an owner, which
    /// receives a transfer completely or not at all.
    Message,
}

impl Hold {
    /// In the order of the tables.
    pub const ALL: [Hold; 4] =
        [Hold::Nothing, Hold::Lock, Hold::PlainLock, Hold::Message];
}

impl Hold {
    /// The name in ids.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Hold::Nothing => "free",
            Hold::Lock => "lock",
            Hold::PlainLock => "plain-lock",
            Hold::Message => "message",
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Hold::Nothing => "free",
            Hold::Lock => "lock",
            Hold::PlainLock => "plain lock",
            Hold::Message => "message",
        })
    }
}

impl fmt::Display for DeathCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&arguments::name(self))
    }
}

/// What the workers do, and which of them dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The cause of death.
    pub cause: DeathCause,
    /// What the victim holds.
    pub hold: Hold,
    /// Which of several such deaths it is, from 0.
    pub death: u32,
    /// Transfers per worker.
    pub transfers: u32,
    /// The number of workers.
    pub workers: usize,
    /// The seed of the transfers, and of who dies at which of them.
    pub seed: u64,
}

/// Which worker dies, and during which of its transfers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doom {
    /// The victim.
    pub worker: usize,
    /// How many transfers it has made when it dies.
    pub number: u32,
}

impl Plan {
    /// The name for people.
    pub fn name(&self) -> String {
        format!("{}, {}", self.cause, self.hold)
    }

    /// The transfers of one worker, which depend on no other worker. An heir
    /// skips the first `made`.
    pub fn transfers(
        &self,
        worker: usize,
        made: u32,
    ) -> impl Iterator<Item = (u32, Transfer)> {
        let mut input = Input::new(self.seed, worker as u64);
        let draw = move |_| Transfer::draw(&mut input, Ledger::ACCOUNTS as u32);
        let all = (0..self.transfers).map(draw);
        (0..).zip(all).skip(made as usize)
    }

    /// Each death happens at its own moment in the first half of the transfers.
    /// After that half the survivors wait for it; see [`Victim::outlive_at`].
    pub fn doom(&self) -> Doom {
        let place = 4 * self.cause as u64 + self.hold as u64;
        let stream = u64::MAX - (u64::from(self.death) << 8 | place);
        let mut input = Input::new(self.seed, stream);
        let number =
            self.transfers / 8 + input.below(self.transfers.div_ceil(4));
        Doom { worker: input.below(self.workers as u32) as usize, number }
    }

    /// Whether this death ends the victim's process. A panic only ends its
    /// thread.
    pub fn ends_a_process(&self, model: Model) -> bool {
        model == Model::Processes || self.cause != DeathCause::Panic
    }

    /// Whether the other workers survive this death.
    pub fn spares_the_others(&self, model: Model) -> bool {
        model == Model::Processes || self.cause == DeathCause::Panic
    }

    /// The balances after every transfer of every worker, made serially.
    pub fn reference(&self) -> [i64; Ledger::ACCOUNTS] {
        let mut ledger = Ledger::opening();
        for worker in 0..self.workers {
            for (number, transfer) in self.transfers(worker, 0) {
                ledger.make(Order::new(worker, number, transfer));
            }
        }
        ledger.balances()
    }
}

/// A transfer in a message to the owner of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Order {
    /// The worker that sent it.
    pub worker: u32,
    /// How many the worker has sent before. An heir does not know what has
    /// arrived, and sends everything again: this number tells the owner what it
    /// has already made.
    pub number: u32,
    /// The transfer to make.
    pub transfer: Transfer,
}

impl Order {
    /// In place of a number: from now on the victim is dead. The work does not
    /// need this message, but the clock does.
    const FAREWELL: u32 = u32::MAX;

    /// The last message of a victim.
    pub fn farewell(worker: usize) -> Self {
        Order::new(worker, Order::FAREWELL, Transfer::zeroed())
    }

    /// A worker's transfer with this number.
    pub fn new(worker: usize, number: u32, transfer: Transfer) -> Self {
        Order { worker: worker as u32, number, transfer }
    }

    /// Whether it is valid: bytes from another process may be anything.
    pub fn is_possible(&self, plan: &Plan) -> bool {
        let Transfer { from, to, .. } = self.transfer;
        let is_account = |account| (account as usize) < Ledger::ACCOUNTS;
        (self.worker as usize) < plan.workers
            && is_account(from)
            && is_account(to)
    }
}

/// What a worker reports when its part is done, or all workers of a process
/// together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// How many of them were started before the death and survived it.
    pub survivors: usize,
    /// The final ledger, if they have it.
    pub report: Option<Report>,
}

impl Answer {
    /// Merges another worker's answer.
    pub fn add(&mut self, other: Answer) {
        self.survivors += other.survivors;
        self.report = other.report.or(self.report);
    }
}

/// Many times as long as dying and being replaced takes.
const HANG: Duration = Duration::from_millis(30);

/// What the supervisor saw.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How a process ended, if one did.
    pub death: Option<ExitStatus>,
    /// Whether the others hung and had to be killed.
    pub hung: bool,
    /// How many workers were started before the death and survived it.
    pub survivors: usize,
    /// What the victim said.
    pub last_words: LastWords,
    /// The final ledger.
    pub report: Report,
}

impl Seen {
    /// Notes the answer of all workers together.
    pub fn answered(&mut self, answer: Answer) {
        self.survivors += answer.survivors;
        self.report = answer.report.unwrap_or(self.report);
    }

    /// How long the supervisor waits for news before it declares that all hang.
    /// Once a plain lock is lost and others wait for it, more patience would
    /// not bring it back. In all other cases nobody hangs, however busy the
    /// machine is.
    pub fn patience(&self, plan: &Plan, model: Model) -> Duration {
        let is_dead = self.death.is_some() || !plan.ends_a_process(model);
        let is_lost = plan.hold == Hold::PlainLock && is_dead;
        if is_lost && plan.spares_the_others(model) && !self.hung {
            return HANG;
        }
        Duration::from_secs(30)
    }

    /// Records how a process died.
    ///
    /// # Errors
    ///
    /// Fails if it is not the first: only one death is planned.
    pub fn died(&mut self, status: ExitStatus) -> Result<()> {
        ensure!(self.death.is_none(), "another process died: {status}");
        self.death = Some(status);
        Ok(())
    }

    /// Records that no worker answers or dies any more.
    ///
    /// # Errors
    ///
    /// Fails the second time.
    pub fn hangs(&mut self) -> Result<()> {
        ensure!(!self.hung, "all workers started over, and hang again");
        self.hung = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, os::unix::process::ExitStatusExt as _};

    use clap::ValueEnum as _;
    use proptest::{prelude::*, sample::select};

    use super::*;

    pub(super) fn plans() -> impl Strategy<Value = Plan> {
        let ways = select(DeathCause::value_variants());
        (ways, select(&Hold::ALL[..]), 1..99_u32, 1..9_usize, any::<u64>())
            .prop_map(|(cause, hold, transfers, workers, seed)| Plan {
                cause,
                hold,
                death: 0,
                transfers,
                workers,
                seed,
            })
    }

    #[test]
    fn a_program_that_cannot_unwind_says_why() {
        let refused = can_all(DeathCause::value_variants(), false);
        assert!(refused.is_err_and(|why| why.contains("panic = \"abort\"")));
        assert_eq!(
            can_all(&[DeathCause::Abort, DeathCause::Exit], false),
            Ok(())
        );
        assert_eq!(can_all(DeathCause::value_variants(), true), Ok(()));
    }

    proptest! {
        #[test]
        fn whoever_is_doomed_has_something_to_die_at(plan in plans()) {
            let Doom { worker, number } = plan.doom();
            prop_assert!(worker < plan.workers);
            prop_assert!(number < plan.transfers);
        }

        #[test]
        fn an_heir_makes_what_is_left(plan in plans(), made in 0..99_u32) {
            let all: Vec<_> = plan.transfers(0, 0).collect();
            let left: Vec<_> = plan.transfers(0, made).collect();
            prop_assert_eq!(&all[made.min(plan.transfers) as usize..], left);
        }

        #[test]
        fn money_is_neither_made_nor_lost(plan in plans()) {
            let total: i64 = plan.reference().iter().sum();
            prop_assert_eq!(total, Ledger::opening().total());
        }

        #[test]
        fn what_cannot_be_made_is_seen(
            plan in plans(),
            worker in any::<u32>(),
            from in 0..40_u32,
            to in 0..40_u32,
        ) {
            let transfer = Transfer { from, to, amount: 1 };
            let order = Order::new(worker as usize, 0, transfer);
            let is_possible =
                (worker as usize) < plan.workers && from < 16 && to < 16;
            prop_assert_eq!(order.is_possible(&plan), is_possible);
        }
    }

    #[test]
    fn only_who_waits_for_a_lost_lock_is_soon_said_to_hang() {
        let abort = Some(ExitStatus::from_raw(6));
        let soon = |cause, hold, model, how, hung| {
            let (death, transfers, workers, seed) = (0, 9, 2, 1);
            let plan = Plan { cause, hold, death, transfers, workers, seed };
            let seen = Seen { death: how, hung, ..Seen::default() };
            seen.patience(&plan, model) == HANG
        };
        use DeathCause::{Abort, Panic};
        use Hold::{Lock, PlainLock};
        use Model::{Processes, Threads};
        assert!(soon(Abort, PlainLock, Processes, abort, false));
        assert!(soon(Panic, PlainLock, Threads, None, false));
        assert!(!soon(Abort, PlainLock, Processes, None, false));
        assert!(!soon(Abort, PlainLock, Processes, abort, true));
        assert!(!soon(Abort, PlainLock, Threads, abort, false));
        assert!(!soon(Panic, Lock, Threads, None, false));
    }

    #[test]
    fn each_death_has_a_moment_of_its_own() {
        let (transfers, workers, seed) = (1 << 20, 1, 1);
        let mut moments = BTreeSet::new();
        for &cause in DeathCause::value_variants() {
            for hold in Hold::ALL {
                for death in 0..3 {
                    let plan =
                        Plan { cause, hold, death, transfers, workers, seed };
                    moments.insert(plan.doom().number);
                }
            }
        }
        assert_eq!(moments.len(), 6 * 4 * 3);
    }
}
