//! No lock: each balance is an atomic, and an update is one instruction.
//!
//! The price: halfway through a transfer, other workers see the money gone
//! from one account and not yet in the other. No single balance is ever
//! wrong, but the total may be, until all workers have finished.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use anyhow::Result;
use common::{laps::Laps, scenarios::shared_state::Plan};
use process_kit::{Parent, Segment};

use crate::{Ledger, spawn_and_join};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let ledger = Segment::<[AtomicI64]>::create(&plan.opening())?;
    spawn_and_join(plan, Ledger::Atomic(ledger.clone()), laps, |_| Ok(()))?;
    Ok(ledger.iter().map(|balance| balance.load(Relaxed)).collect())
}

pub fn worker(
    plan: &Plan,
    ledger: &[AtomicI64],
    parent: &Parent,
) -> Result<()> {
    let transfers = plan.transfers(parent.index);
    parent.gate.wait()?;
    for transfer in transfers.iter() {
        let amount = i64::from(transfer.amount);
        ledger[transfer.from as usize].fetch_sub(amount, Relaxed);
        ledger[transfer.to as usize].fetch_add(amount, Relaxed);
    }
    Ok(())
}
