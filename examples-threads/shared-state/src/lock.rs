//! One lock around the whole ledger: one worker at a time.

use std::sync::Mutex;

use anyhow::Result;
use common::{
    gate::Gate,
    laps::Laps,
    scenarios::shared_state::{Plan, poisoned},
};

use crate::spawn_and_join;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let ledger = &Mutex::new(plan.opening()); // threads: all see this one
    let job = |index| move |gate: &Gate| worker(plan, index, gate, ledger);
    spawn_and_join((0..plan.workers).map(job).collect(), laps, || Ok(()))?;
    let balances = ledger.lock().map_err(poisoned)?;
    Ok(balances.to_vec())
}

fn worker(
    plan: &Plan,
    index: usize,
    gate: &Gate,
    ledger: &Mutex<Vec<i64>>,
) -> Result<()> {
    let transfers = plan.transfers(index);
    gate.wait();
    for transfer in transfers.iter() {
        let mut balances = ledger.lock().map_err(poisoned)?;
        balances[transfer.from as usize] -= i64::from(transfer.amount);
        balances[transfer.to as usize] += i64::from(transfer.amount);
    }
    Ok(())
}
