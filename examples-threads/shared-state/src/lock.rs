//! One lock around the whole ledger: one worker at a time.

use std::sync::Mutex;

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::shared_state::{Plan, poisoned},
};
use thread_kit::Parent;

use crate::{Ledger, spawn_and_join};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let ledger = Mutex::new(plan.opening());
    spawn_and_join(plan, Ledger::Lock(&ledger), laps, |_| Ok(()))?;
    let balances = ledger.lock().map_err(poisoned)?;
    Ok(balances.to_vec())
}

pub fn worker(
    plan: &Plan,
    ledger: &Mutex<Vec<i64>>,
    parent: &Parent,
) -> Result<()> {
    let transfers = plan.transfers(parent.index);
    parent.gate.wait()?;
    for transfer in transfers.iter() {
        let mut balances = ledger.lock().map_err(poisoned)?;
        balances[transfer.from as usize] -= i64::from(transfer.amount);
        balances[transfer.to as usize] += i64::from(transfer.amount);
    }
    Ok(())
}
