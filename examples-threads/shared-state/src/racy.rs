//! Load and store apart: what another worker wrote in between is lost.
//!
//! Safe Rust has no data race: it makes us say `AtomicI64`, by which every
//! load and store is whole. It does not stop us from putting them together
//! wrongly. That is a logic race, and this is one.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use anyhow::Result;
use common::{aligned::Aligned, laps::Laps, scenarios::shared_state::Plan};

use crate::{Job, spawn_and_join};

/// A balance, and how often it was updated: which is lost alike.
pub type Account = [AtomicI64; 2];

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(Vec<i64>, Option<u64>)> {
    let opening = plan.opening().into_iter();
    let accounts: Vec<_> = opening.map(|balance| [balance, 0]).collect();
    let account = |pair: [i64; 2]| pair.map(AtomicI64::new);
    let ledger = &Aligned::new(&accounts, account); // threads: on the heap
    let work = |job: &Job| worker(job, ledger); // threads: borrowed
    spawn_and_join(plan, laps, work, || Ok(()))?;
    Ok(totals(ledger))
}

fn worker(job: &Job, ledger: &[Account]) -> Result<()> {
    // threads: shared
    let transfers = job.plan.transfers(job.index);
    job.gate.wait();
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

pub fn totals(ledger: &[Account]) -> (Vec<i64>, Option<u64>) {
    let column = |index: usize| {
        ledger.iter().map(move |account| account[index].load(Relaxed))
    };
    (column(0).collect(), Some(column(1).sum::<i64>() as u64))
}
