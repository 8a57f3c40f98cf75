//! A lock for each account: only transfers that share an account wait.
//!
//! A worker holds two locks at once. This cannot deadlock, because everyone
//! locks the lower account first. Of all waiting workers, look at the one that
//! holds the highest account: it waits for an even higher one, so the holder
//! of that one is not waiting, and will release it.

use std::sync::Mutex;

use anyhow::Result;
use common::{
    aligned::Aligned,
    laps::Laps,
    scenarios::shared_state::{Plan, Transfer, poisoned},
};
use thread_kit::Parent;

use crate::{Ledger, spawn_and_join};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let ledger = Aligned::new(&plan.opening(), Mutex::new);
    let shared = Ledger::LockPerAccount(&ledger);
    spawn_and_join(plan, shared, laps, |_| Ok(()))?;
    let mut balances = Vec::new();
    for account in ledger.iter() {
        balances.push(*account.lock().map_err(poisoned)?);
    }
    Ok(balances)
}

pub fn worker(
    plan: &Plan,
    ledger: &[Mutex<i64>],
    parent: &Parent,
) -> Result<()> {
    let transfers = plan.transfers(parent.index);
    parent.gate.wait()?;
    for transfer in transfers.iter() {
        make(transfer, ledger)?;
    }
    Ok(())
}

fn make(transfer: Transfer, ledger: &[Mutex<i64>]) -> Result<()> {
    let Transfer { from, to, amount } = transfer;
    let lower = &ledger[from.min(to) as usize];
    let higher = &ledger[from.max(to) as usize];
    let mut lower = lower.lock().map_err(poisoned)?;
    let mut higher = higher.lock().map_err(poisoned)?;
    let upwards = if from < to { amount as i64 } else { -(amount as i64) };
    *lower -= upwards;
    *higher += upwards;
    Ok(())
}
