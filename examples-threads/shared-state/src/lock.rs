//! One lock around the whole ledger: one worker at a time.

use std::sync::Mutex;

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::shared_state::{Plan, poisoned},
};

use crate::{Job, spawn_and_join};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let ledger = &Mutex::new(plan.opening()); // threads: all see this one
    let work = |job: &Job| worker(job, ledger); // threads: borrowed
    spawn_and_join(plan, laps, work, || Ok(()))?;
    let balances = ledger.lock().map_err(poisoned)?;
    Ok(balances.to_vec())
}

fn worker(job: &Job, ledger: &Mutex<Vec<i64>>) -> Result<()> {
    // threads: shared
    let transfers = job.plan.transfers(job.index);
    job.gate.wait();
    for transfer in transfers.iter() {
        let mut balances = ledger.lock().map_err(poisoned)?;
        balances[transfer.from as usize] -= i64::from(transfer.amount);
        balances[transfer.to as usize] += i64::from(transfer.amount);
    }
    Ok(())
}
