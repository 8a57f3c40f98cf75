//! No lock: each balance is an atomic, and an update is one instruction.
//!
//! The price: between the two updates of a transfer others see the money
//! gone from the one account and not yet on the other. No account is ever
//! wrong, but the total may be, until everyone is done.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use anyhow::Result;
use common::{laps::Laps, scenarios::shared_state::Plan};
use process_kit::Segment;

use crate::{Job, spawn_and_join};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let ledger = Segment::<[AtomicI64]>::create(&plan.opening())?; // processes: named
    let jobs = Job::each(plan, ledger.name()); // processes: opened by name
    spawn_and_join(jobs, laps, || Ok(()))?;
    Ok(ledger.iter().map(|balance| balance.load(Relaxed)).collect())
}

pub fn worker(job: &Job) -> Result<()> {
    let ledger = Segment::<[AtomicI64]>::open(&job.ledger)?; // processes: mapped
    let transfers = job.plan.transfers(job.index);
    job.gate.wait()?;
    for transfer in transfers.iter() {
        let amount = i64::from(transfer.amount);
        ledger[transfer.from as usize].fetch_sub(amount, Relaxed);
        ledger[transfer.to as usize].fetch_add(amount, Relaxed);
    }
    Ok(())
}
