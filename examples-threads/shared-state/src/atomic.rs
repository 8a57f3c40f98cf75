//! No lock: each balance is an atomic, and an update is one instruction.
//!
//! The price: between the two updates of a transfer others see the money
//! gone from the one account and not yet on the other. No account is ever
//! wrong, but the total may be, until everyone is done.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use anyhow::Result;
use common::{aligned::Aligned, laps::Laps, scenarios::shared_state::Plan};

use crate::{Job, spawn_and_join};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let ledger = &Aligned::new(&plan.opening(), AtomicI64::new); // threads: heap
    let work = |job: &Job| worker(job, ledger); // threads: borrowed
    spawn_and_join(plan, laps, work, || Ok(()))?;
    Ok(ledger.iter().map(|balance| balance.load(Relaxed)).collect())
}

fn worker(job: &Job, ledger: &[AtomicI64]) -> Result<()> {
    // threads: shared
    let transfers = job.plan.transfers(job.index);
    job.gate.wait();
    for transfer in transfers.iter() {
        let amount = i64::from(transfer.amount);
        ledger[transfer.from as usize].fetch_sub(amount, Relaxed);
        ledger[transfer.to as usize].fetch_add(amount, Relaxed);
    }
    Ok(())
}
