//! One lock around the whole ledger: one worker at a time.

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::shared_state::{Plan, poisoned},
};
use process_kit::{Mutex, Segment};

use crate::{Job, spawn_and_join};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let ledger = Segment::<Mutex<[i64]>>::create(&plan.opening())?; // processes: named
    let jobs = Job::each(plan, ledger.name()); // processes: opened by name
    spawn_and_join(jobs, laps, || Ok(()))?;
    let balances = ledger.lock().map_err(poisoned)?;
    Ok(balances.to_vec())
}

pub fn worker(job: &Job) -> Result<()> {
    let ledger = Segment::<Mutex<[i64]>>::open(&job.ledger)?; // processes: mapped
    let transfers = job.plan.transfers(job.index);
    job.gate.wait()?;
    for transfer in transfers.iter() {
        let mut balances = ledger.lock().map_err(poisoned)?;
        balances[transfer.from as usize] -= i64::from(transfer.amount);
        balances[transfer.to as usize] += i64::from(transfer.amount);
    }
    Ok(())
}
