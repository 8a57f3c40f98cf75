//! Load and store as two steps: an update made in between is lost.
//!
//! Safe Rust has no data races: it makes us use `AtomicI64`, whose loads and
//! stores are atomic. It does not stop us from combining them wrongly. That is
//! a race condition, and this is one.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use anyhow::Result;
use common::{laps::Laps, scenarios::shared_state::Plan};
use process_kit::{Parent, Segment};

use crate::{Ledger, spawn_and_join};

/// A balance, and its count of updates, which loses updates just the same.
pub type Account = [AtomicI64; 2];

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(Vec<i64>, Option<u64>)> {
    let ledger = accounts(&plan.opening())?;
    spawn_and_join(plan, Ledger::Racy(ledger.clone()), laps, |_| Ok(()))?;
    Ok(totals(&ledger))
}

pub fn worker(plan: &Plan, ledger: &[Account], parent: &Parent) -> Result<()> {
    let transfers = plan.transfers(parent.index);
    parent.gate.wait()?;
    for transfer in transfers.iter() {
        update(&ledger[transfer.from as usize], -i64::from(transfer.amount));
        update(&ledger[transfer.to as usize], i64::from(transfer.amount));
    }
    Ok(())
}

fn update([balance, updates]: &Account, amount: i64) {
    balance.store(balance.load(Relaxed) + amount, Relaxed);
    updates.store(updates.load(Relaxed) + 1, Relaxed);
}

/// Accounts with these balances, none updated yet.
pub fn accounts(opening: &[i64]) -> Result<Segment<[Account]>> {
    let pairs: Vec<_> = opening.iter().map(|&balance| [balance, 0]).collect();
    Segment::create(&pairs)
}

/// All balances, and the sum of the update counts.
pub fn totals(ledger: &[Account]) -> (Vec<i64>, Option<u64>) {
    let column = |index: usize| {
        ledger.iter().map(move |account| account[index].load(Relaxed))
    };
    (column(0).collect(), Some(column(1).sum::<i64>() as u64))
}
