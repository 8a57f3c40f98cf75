//! Many workers move money between the accounts of one ledger.
//!
//! What both siblings share: the transfers that each worker makes, the
//! balances that must come out, and the outcome.

use std::{
    fmt,
    sync::{
        PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Result, anyhow, ensure};
use bytemuck::{Pod, Zeroable};
use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    arguments::{self, Arguments, Common, Switching, Variants, Workers},
    digest::Digest,
    input::Input,
    laps::Laps,
    outcome::{Better, Metric, Model, Outcome},
};

/// Many workers update one ledger of accounts, and nothing may be lost.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  PROGRAM                             every variant, with figures
  PROGRAM --variant lock --workers 8  one lock, eight at the door
  PROGRAM --accounts 2                the fewest accounts, the most contention
  PROGRAM --variant global-lock --switch-interval 1ms
                                      a GIL, and what is lost all the same
  PROGRAM --quick --json              for a script")]
pub struct Args {
    /// Accounts in the ledger
    #[arg(long, value_name = "N", default_value_t = 1024,
          value_parser = clap::value_parser!(u32).range(2..=1 << 20))]
    accounts: u32,

    /// Transfers that each worker makes [default: for about a sixth of a
    /// second, so more where a variant is faster]
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
    /// The variants that are asked for.
    pub fn variants(&self) -> Vec<Variant> {
        self.variants.chosen()
    }

    /// The work that is asked of a variant.
    pub fn plan(&self, variant: Variant) -> Plan {
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

/// A way to keep the ledger whole, or not to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// Load and store apart: what another wrote in between is lost
    Racy,
    /// The same, and all have loaded before one stores: some is always lost
    Forced,
    /// The same under a lock like CPython's, handed from one to the next
    GlobalLock,
    /// One lock around the whole ledger
    Lock,
    /// A lock for each account, two taken for a transfer
    LockPerAccount,
    /// No lock: each balance is an atomic
    Atomic,
    /// No sharing: one owns the ledger, the others send their transfers
    Owner,
    /// No sharing: each adds up its own, and the sums are merged
    Partition,
}

impl Variant {
    /// Everybody waits for everybody at each update, so a few must do.
    const MOST_FORCED: u64 = 1000;

    /// What each of two workers makes in about a sixth of a second on a server
    /// of 2023. A variant of ten milliseconds would be all noise, and one
    /// number for all makes either the fastest too short or the slowest too
    /// long.
    fn transfers_in_a_sixth_second(self) -> u64 {
        match self {
            Variant::Racy => 20_000_000,
            Variant::Forced => Variant::MOST_FORCED,
            Variant::GlobalLock => 10_000_000,
            Variant::Lock => 1_000_000,
            Variant::LockPerAccount => 4_000_000,
            Variant::Atomic => 4_000_000,
            Variant::Owner => 16_000_000,
            Variant::Partition => 80_000_000,
        }
    }

    /// Whether it may lose updates: load and store are two steps, whoever
    /// may run between them.
    fn may_lose(self) -> bool {
        matches!(self, Variant::Racy | Variant::Forced | Variant::GlobalLock)
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&arguments::name(self))
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// How it is to be done.
    pub variant: Variant,
    /// Accounts in the ledger.
    pub accounts: u32,
    /// Transfers that each worker makes.
    pub transfers: u64,
    /// How many workers make them.
    pub workers: usize,
    /// Where the transfers come from.
    pub seed: u64,
    /// How long a turn is under the global lock.
    pub switch_interval: Duration,
}

/// Money that goes from one account to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Transfer {
    /// Where it is taken. May run into debt: then the order of transfers
    /// does not matter, and every run ends with the same balances.
    pub from: u32,
    /// Where it is put; never the same account.
    pub to: u32,
    /// How much, from 1 to 100.
    pub amount: u32,
}

impl Plan {
    /// What every account holds at first.
    pub const OPENING: i64 = 100_000;

    /// A worker makes these over and over. They are drawn before the clock
    /// starts, so that no variant pays for random numbers, and few enough
    /// for a core's own cache, so that none pays for reading them.
    const DRAWN: usize = 1024;

    /// The ledger before the first transfer.
    pub fn opening(&self) -> Vec<i64> {
        vec![Plan::OPENING; self.accounts as usize]
    }

    /// The transfers of one worker, which depend on no other worker's.
    pub fn transfers(&self, worker: usize) -> Transfers {
        let mut input = Input::new(self.seed, worker as u64);
        let draw = |_| Transfer::draw(&mut input, self.accounts);
        let mut drawn: Vec<_> = (0..Plan::DRAWN).map(draw).collect();
        if self.variant == Variant::Forced {
            // All at one account at any time.
            drawn = drawn.into_iter().map(Transfer::one_way).collect();
        }
        Transfers { drawn, made: self.transfers }
    }

    /// The balances that must come out: every transfer of every worker made
    /// one after the other. The drawn ones are made once each and count as
    /// often as they come up, which is what makes a check after each variant
    /// affordable.
    pub fn reference(&self) -> Vec<i64> {
        let mut balances = self.opening();
        for worker in 0..self.workers {
            let Transfers { drawn, made } = self.transfers(worker);
            for (index, transfer) in (0..).zip(drawn) {
                let (rounds, rest) =
                    (made / Plan::DRAWN as u64, made % Plan::DRAWN as u64);
                let times = rounds + u64::from(index < rest);
                let amount = i64::from(transfer.amount) * times as i64;
                balances[transfer.from as usize] -= amount;
                balances[transfer.to as usize] += amount;
            }
        }
        balances
    }

    /// Transfers of all workers.
    fn made(&self) -> u64 {
        self.transfers * self.workers as u64
    }

    /// Each transfer updates two balances.
    fn updates(&self) -> u64 {
        2 * self.made()
    }
}

impl Transfer {
    /// The next one.
    pub(super) fn draw(input: &mut Input, accounts: u32) -> Self {
        let from = input.below(accounts);
        let to = (from + 1 + input.below(accounts - 1)) % accounts;
        Transfer { from, to, amount: 1 + input.below(100) }
    }

    /// The same from the first account to the second.
    fn one_way(self) -> Self {
        Transfer { from: 0, to: 1, ..self }
    }
}

/// The transfers of one worker, in their order.
#[derive(Debug, Clone)]
pub struct Transfers {
    drawn: Vec<Transfer>,
    made: u64,
}

impl Transfers {
    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Transfer> {
        let made = self.made as usize;
        self.drawn.iter().copied().cycle().take(made)
    }
}

/// The plain global of claim C01: a worker writes to it, and who sees that?
pub static GLOBAL: AtomicU64 = AtomicU64::new(0);

/// What a worker does to the global.
pub fn write_global() {
    GLOBAL.store(1, Relaxed);
}

/// The error of a lock whose holder died: half a transfer may be made, and
/// there is no telling which.
pub fn poisoned<G>(_guard: PoisonError<G>) -> anyhow::Error {
    anyhow!("a worker died with the ledger's lock in its hands")
}

/// The ledger as one variant left it, and what it took.
#[derive(Debug)]
pub struct Finished {
    /// What was to be done.
    pub plan: Plan,
    /// The balances at the end.
    pub balances: Vec<i64>,
    /// Updates that are in the balances; a variant that may lose some counts
    /// them as it goes, and loses count as it loses money.
    pub updates: Option<u64>,
    /// What it took.
    pub laps: Laps,
}

/// Checks every ledger and tells what came out.
///
/// # Errors
///
/// Fails if a variant that must not lose anything has lost something.
pub fn outcome(model: Model, finished: &[Finished]) -> Result<Outcome> {
    let mut laps = Laps::none();
    let mut answer = Digest::new();
    for one in finished {
        one.check()?;
        one.add_to(&mut answer);
        laps.add(&one.laps);
    }
    let mut outcome = Outcome::new("shared-state", model, &laps);
    outcome.parameters = parameters(finished);
    outcome.answer = answer.hex();
    outcome.metrics = finished.iter().flat_map(Finished::metrics).collect();
    outcome.result = result(finished);
    outcome.story = story(model, finished);
    outcome.meaning = meaning(model, finished);
    Ok(outcome)
}

impl Finished {
    /// Some variants may lose updates, but not with one worker, and none can
    /// ever have more of them than were made.
    fn check(&self) -> Result<()> {
        let Plan { variant, workers, .. } = self.plan;
        let lost = self.lost()?;
        if variant.may_lose() && workers > 1 {
            return Ok(());
        }
        let expected = self.plan.reference();
        let wrong = (self.balances.iter().zip(&expected))
            .filter(|(balance, expected)| balance != expected)
            .count();
        ensure!(
            self.balances.len() == expected.len() && wrong == 0 && lost == 0,
            "{variant}: {wrong} of {} balances are wrong, {lost} updates lost",
            expected.len()
        );
        Ok(())
    }

    fn lost(&self) -> Result<u64> {
        let made = self.plan.updates();
        let counted = self.updates.unwrap_or(made);
        made.checked_sub(counted).ok_or_else(|| {
            anyhow!("{}: {counted} updates of {made}", self.plan.variant)
        })
    }

    /// What was asked, and the balances, unless they are no two times the
    /// same.
    fn add_to(&self, answer: &mut Digest) {
        let Plan { variant, accounts, .. } = self.plan;
        answer.text(&variant.to_string());
        answer.count(accounts.into()).count(self.plan.updates());
        if !variant.may_lose() {
            answer.integers(&self.balances);
        }
    }

    fn metrics(&self) -> Vec<Metric> {
        let variant = self.plan.variant;
        let rate = self.plan.made() as f64 / self.laps.seconds().work;
        let name = "transfers";
        let rate = Metric::new(name, name, "op/s", Better::Higher, rate);
        // How fast all meet is no rate of transfers.
        let mut metrics = match variant {
            Variant::Forced => Vec::new(),
            _ => vec![rate.of(variant)],
        };
        if let (Some(_), Ok(lost)) = (self.updates, self.lost()) {
            let share = lost as f64 / self.plan.updates() as f64;
            let (id, label) = ("lost-updates", "lost updates");
            let share = Metric::new(id, label, "share", Better::Neither, share);
            metrics.push(share.of(variant));
        }
        metrics
    }
}

fn parameters(finished: &[Finished]) -> Value {
    let transfers: serde_json::Map<String, Value> = finished
        .iter()
        .map(|one| (one.plan.variant.to_string(), json!(one.plan.transfers)))
        .collect();
    let Some(Finished { plan, .. }) = finished.first() else {
        return Value::Null;
    };
    json!({
        "workers": plan.workers,
        "seed": plan.seed,
        "accounts": plan.accounts,
        "switch_interval": plan.switch_interval.as_secs_f64(),
        "transfers": transfers,
    })
}

fn result(finished: &[Finished]) -> Value {
    let ledgers = finished.iter().map(|one| Ledger {
        variant: one.plan.variant.to_string(),
        transfers: one.plan.made(),
        total: one.balances.iter().sum(),
        lost_updates: one.lost().unwrap_or_default(),
    });
    json!(Summary {
        transfers: finished.iter().map(|one| one.plan.made()).sum(),
        ledgers: ledgers.collect(),
        global_write_visible: GLOBAL.load(Relaxed) != 0,
    })
}

/// The result of the outcome.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    /// How many were made in all.
    pub transfers: u64,
    /// One for each variant.
    pub ledgers: Vec<Ledger>,
    /// Whether the process that started a worker saw what it wrote.
    pub global_write_visible: bool,
}

/// What a variant came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ledger {
    /// Its name.
    pub variant: String,
    /// How many were made.
    pub transfers: u64,
    /// All balances together.
    pub total: i64,
    /// Updates that were lost.
    pub lost_updates: u64,
}

fn story(model: Model, finished: &[Finished]) -> Vec<String> {
    let seen = if GLOBAL.load(Relaxed) != 0 { "sees" } else { "never sees" };
    let mut story = vec![format!(
        "A worker wrote to a plain global: the process that started it {seen} \
         that."
    )];
    for Finished { plan, .. } in finished.iter().take(1) {
        let Plan { accounts, workers, .. } = plan;
        story.push(format!(
            "{workers} {model} move money between {accounts} accounts; a \
             transfer is two updates."
        ));
    }
    story
}

fn meaning(model: Model, finished: &[Finished]) -> String {
    let kept =
        finished.iter().filter(|one| !one.plan.variant.may_lose()).map(|one| {
            let rate = one.plan.made() as f64 / one.laps.seconds().work;
            (one.plan.variant, rate)
        });
    match kept.clone().max_by(|one, other| one.1.total_cmp(&other.1)) {
        Some((fastest, _)) => format!(
            "Every balance is as the serial reference has it, in {} of {} \
             ways among {model};\nthe fastest of them was `{fastest}`.",
            kept.count(),
            finished.len()
        ),
        None => "A load and a store are two steps, and another worker can \
                 come between them."
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plans() -> impl Strategy<Value = Plan> {
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

    proptest! {
        #[test]
        fn money_is_neither_made_nor_lost(plan in plans()) {
            let total: i64 = plan.reference().iter().sum();
            prop_assert_eq!(total, Plan::OPENING * i64::from(plan.accounts));
        }

        #[test]
        fn the_reference_makes_every_transfer_once(plan in plans()) {
            let mut balances = plan.opening();
            for worker in 0..plan.workers {
                for transfer in plan.transfers(worker).iter() {
                    balances[transfer.from as usize] -= i64::from(transfer.amount);
                    balances[transfer.to as usize] += i64::from(transfer.amount);
                }
            }
            prop_assert_eq!(plan.reference(), balances);
        }

        #[test]
        fn transfers_are_between_two_accounts_that_exist(plan in plans()) {
            for transfer in plan.transfers(0).iter() {
                prop_assert!(transfer.from < plan.accounts);
                prop_assert!(transfer.to < plan.accounts);
                prop_assert_ne!(transfer.from, transfer.to);
                prop_assert!((1..=100).contains(&transfer.amount));
            }
        }

        #[test]
        fn a_worker_draws_the_same_however_many_there_are(plan in plans()) {
            let more = Plan { workers: plan.workers + 1, ..plan };
            for worker in 0..plan.workers {
                prop_assert!(plan.transfers(worker).iter()
                    .eq(more.transfers(worker).iter()));
            }
        }

        #[test]
        fn those_who_are_forced_are_at_the_account_of_all(plan in plans()) {
            let plan = Plan { variant: Variant::Forced, accounts: 2, ..plan };
            for transfer in plan.transfers(0).iter() {
                prop_assert_eq!((transfer.from, transfer.to), (0, 1));
            }
            let total: i64 = plan.reference().iter().sum();
            prop_assert_eq!(total, 2 * Plan::OPENING);
        }

        #[test]
        fn one_wrong_balance_is_refused(plan in plans(), at in any::<prop::sample::Index>()) {
            let mut balances = plan.reference();
            let finished = |balances| {
                let laps = Laps::none();
                Finished { plan, balances, updates: None, laps }
            };
            let right = outcome(Model::Threads, &[finished(balances.clone())]);
            prop_assert!(right.is_ok());
            let index = at.index(balances.len());
            balances[index] += 1;
            let wrong = outcome(Model::Threads, &[finished(balances)]);
            prop_assert!(wrong.is_err());
        }
    }
}
