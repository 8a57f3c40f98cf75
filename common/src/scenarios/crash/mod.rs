//! A worker dies by itself, perhaps with a lock: who survives?
//!
//! Workers move money between the accounts of one ledger. One of them, the
//! victim, dies at one of its transfers. Whatever that takes along, in the
//! end every transfer is to be made exactly once. What both siblings share:
//! the transfers, the ways to die, the ledger and its repair, the outcome.

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

pub use death::{LastWords, Victim, Way};
pub use ledger::{Ledger, Report};
pub use outcome::{Death, Finished, outcome};

/// A worker dies by itself, perhaps with a lock: who survives?
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  PROGRAM                            every way to die, in four places each
  PROGRAM --variant abort            one way to die
  PROGRAM --workers 8                seven who may survive
  PROGRAM --deaths 100               so often each
  PROGRAM --quick --json             for a script")]
pub struct Args {
    /// Transfers that each worker makes
    #[arg(long, value_name = "N", default_value_t = 5000,
          value_parser = clap::value_parser!(u32).range(1..=1 << 30))]
    transfers: u32,

    /// How often each death strikes, at other moments [default: 2; --quick:
    /// 1]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    deaths: Option<u32>,

    #[command(flatten)]
    variants: Variants<Way>,

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

/// Whether a program that was built so can die in these ways.
fn can_all(ways: &[Way], unwinds: bool) -> Result<(), String> {
    match ways.contains(&Way::Panic) && !unwinds {
        true => Err("this program was built with panic = \"abort\", by its \
                     profile or by CARGO_PROFILE_…_PANIC, and cannot unwind: \
                     build it with panic = \"unwind\", or choose other ways \
                     to die, such as --variant abort"
            .into()),
        false => Ok(()),
    }
}

impl Args {
    /// Each way to die that is asked for, in each of the places where it
    /// strikes, as often as it shall.
    pub fn plans(&self) -> Vec<Plan> {
        let plan = |way, hold, death| Plan {
            way,
            hold,
            death,
            transfers: self.transfers,
            workers: self.workers.count(),
            seed: self.common.seed,
        };
        let mut plans = Vec::new();
        for way in self.variants.chosen() {
            for hold in Hold::ALL {
                let deaths = 0..self.deaths();
                plans.extend(deaths.map(|death| plan(way, hold, death)));
            }
        }
        plans
    }

    fn deaths(&self) -> u32 {
        let usual = if self.common.quick { 1 } else { 2 };
        self.deaths.unwrap_or(usual)
    }
}

/// What the victim has in its hands as it dies, and who is told of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// No lock: it dies between two transfers.
    Nothing,
    /// A lock that tells whoever takes it next, with the ledger half changed.
    Lock,
    /// The same with a lock that tells nobody, and is not given back.
    PlainLock,
    /// A transfer that it was about to send. The ledger is another's, who
    /// gets a transfer whole or not at all.
    Message,
}

impl Hold {
    /// In the order of the tables.
    pub const ALL: [Hold; 4] =
        [Hold::Nothing, Hold::Lock, Hold::PlainLock, Hold::Message];
}

impl Hold {
    /// As ids name it.
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

impl fmt::Display for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&arguments::name(self))
    }
}

/// What is to be done, and who dies at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// How the victim dies.
    pub way: Way,
    /// What it holds.
    pub hold: Hold,
    /// Which of several such deaths it is, from 0.
    pub death: u32,
    /// Transfers that each worker makes.
    pub transfers: u32,
    /// How many workers make them.
    pub workers: usize,
    /// Where the transfers come from, and who dies at which of them.
    pub seed: u64,
}

/// Who dies, and at which of its transfers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doom {
    /// The victim.
    pub worker: usize,
    /// So many transfers it has made when it dies.
    pub number: u32,
}

impl Plan {
    /// What a person calls it.
    pub fn name(&self) -> String {
        format!("{}, {}", self.way, self.hold)
    }

    /// The transfers of one worker, which depend on no other worker's. Who
    /// takes over from a dead one leaves out those that are `made`.
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

    /// Each death has a moment of its own, before the half of the transfers,
    /// where those who survive it wait: see [`Victim::outlive_at`].
    pub fn doom(&self) -> Doom {
        let place = 4 * self.way as u64 + self.hold as u64;
        let stream = u64::MAX - (u64::from(self.death) << 8 | place);
        let mut input = Input::new(self.seed, stream);
        let number =
            self.transfers / 8 + input.below(self.transfers.div_ceil(4));
        Doom { worker: input.below(self.workers as u32) as usize, number }
    }

    /// Every transfer of every worker, one after the other.
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

/// A transfer as it is sent to the owner of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Order {
    /// Whose it is.
    pub worker: u32,
    /// How many the worker has sent before. Who takes over from a dead one
    /// does not know what had arrived, and sends all again: by this number
    /// the owner knows what it has made.
    pub number: u32,
    /// What to do.
    pub transfer: Transfer,
}

impl Order {
    /// In the place of a number: from now on the victim is dead. Nobody needs
    /// to be told; it is for the clock.
    const FAREWELL: u32 = u32::MAX;

    /// What a victim sends last.
    pub fn farewell(worker: usize) -> Self {
        Order::new(worker, Order::FAREWELL, Transfer::zeroed())
    }

    /// A worker's transfer of this number.
    pub fn new(worker: usize, number: u32, transfer: Transfer) -> Self {
        Order { worker: worker as u32, number, transfer }
    }

    /// Whether it can be made: bytes that came from elsewhere may be any.
    pub fn is_possible(&self, plan: &Plan) -> bool {
        let Transfer { from, to, .. } = self.transfer;
        let is_account = |account| (account as usize) < Ledger::ACCOUNTS;
        (self.worker as usize) < plan.workers
            && is_account(from)
            && is_account(to)
    }
}

/// What a process answers when its part is done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// How many workers in it were there before the death, and still are.
    pub survivors: usize,
    /// The ledger, if it has that.
    pub report: Option<Report>,
}

/// Many times what it takes to die and to be replaced.
const HANG: Duration = Duration::from_millis(30);

/// What a supervisor saw.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How a process ended, if one did.
    pub death: Option<ExitStatus>,
    /// Whether those who were left hung, so that they had to be killed.
    pub hung: bool,
    /// The workers that were there before the death and after it.
    pub survivors: usize,
    /// What the victim said.
    pub last_words: LastWords,
    /// The ledger in the end.
    pub report: Report,
}

impl Seen {
    /// The victim has spoken, and more is to come.
    pub fn new(last_words: LastWords) -> Self {
        Seen { last_words, ..Seen::default() }
    }

    /// Takes down what a process answered.
    pub fn answered(&mut self, answer: Answer) {
        self.survivors += answer.survivors;
        self.report = answer.report.unwrap_or(self.report);
    }

    /// How long to wait for the next news before it is said that all hang.
    /// A plain lock that is lost is not given back by waiting longer;
    /// otherwise nobody hangs, however busy the machine is.
    pub fn patience(&self, plan: &Plan, is_lost: bool) -> Duration {
        match plan.hold {
            Hold::PlainLock if is_lost && !self.hung => HANG,
            _ => Duration::from_secs(30),
        }
    }

    /// Takes down how a process died.
    ///
    /// # Errors
    ///
    /// Fails if it is not the first: nobody is to be replaced for ever.
    pub fn died(&mut self, status: ExitStatus) -> Result<()> {
        ensure!(self.death.is_none(), "one more process died: {status}");
        self.death = Some(status);
        Ok(())
    }

    /// Takes down that nobody is heard of any more.
    ///
    /// # Errors
    ///
    /// Fails if it is not for the first time.
    pub fn hangs(&mut self) -> Result<()> {
        ensure!(!self.hung, "all was begun anew, and hangs again");
        self.hung = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::ValueEnum as _;
    use proptest::{prelude::*, sample::select};

    use super::*;

    pub(super) fn plans() -> impl Strategy<Value = Plan> {
        let ways = select(Way::value_variants());
        (ways, select(&Hold::ALL[..]), 1..99_u32, 1..9_usize, any::<u64>())
            .prop_map(|(way, hold, transfers, workers, seed)| Plan {
                way,
                hold,
                death: 0,
                transfers,
                workers,
                seed,
            })
    }

    #[test]
    fn who_cannot_unwind_is_told_why() {
        let refused = can_all(Way::value_variants(), false);
        assert!(refused.is_err_and(|why| why.contains("panic = \"abort\"")));
        assert_eq!(can_all(&[Way::Abort, Way::Exit], false), Ok(()));
        assert_eq!(can_all(Way::value_variants(), true), Ok(()));
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
            let order =
                Order::new(worker as usize, 0, Transfer { from, to, amount: 1 });
            let is_possible =
                (worker as usize) < plan.workers && from < 16 && to < 16;
            prop_assert_eq!(order.is_possible(&plan), is_possible);
        }
    }

    #[test]
    fn each_death_has_a_moment_of_its_own() {
        let (transfers, workers, seed) = (1 << 20, 1, 1);
        let mut moments = BTreeSet::new();
        for &way in Way::value_variants() {
            for hold in Hold::ALL {
                for death in 0..3 {
                    let plan =
                        Plan { way, hold, death, transfers, workers, seed };
                    moments.insert(plan.doom().number);
                }
            }
        }
        assert_eq!(moments.len(), 6 * 4 * 3);
    }
}
