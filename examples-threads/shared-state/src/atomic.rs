//! No lock: each balance is an atomic, and an update is one instruction.
//!
//! The price: between the two updates of a transfer others see the money
//! gone from the one account and not yet on the other. No account is ever
//! wrong, but the total may be, until everyone is done.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use anyhow::Result;
use common::{gate::Gate, laps::Laps, scenarios::shared_state::Plan};

use crate::spawn_and_join;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let opening = plan.opening().into_iter();
    let ledger: &Vec<_> = &opening.map(AtomicI64::new).collect();
    let job = |index| move |gate: &Gate| worker(plan, index, gate, ledger);
    spawn_and_join((0..plan.workers).map(job).collect(), laps, || Ok(()))?;
    Ok(ledger.iter().map(|balance| balance.load(Relaxed)).collect())
}

fn worker(
    plan: &Plan,
    index: usize,
    gate: &Gate,
    ledger: &[AtomicI64],
) -> Result<()> {
    let transfers = plan.transfers(index);
    gate.wait();
    for transfer in transfers.iter() {
        let amount = i64::from(transfer.amount);
        ledger[transfer.from as usize].fetch_sub(amount, Relaxed);
        ledger[transfer.to as usize].fetch_add(amount, Relaxed);
    }
    Ok(())
}
