//! One lock around the whole ledger: one worker at a time.

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::shared_state::{Plan, poisoned},
};
use process_kit::{Mutex, Parent, Segment};

use crate::{Job, spawn_and_join};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let ledger = Segment::<Mutex<[i64]>>::create(&plan.opening())?; // processes: named
    let job = |index| Job::new(plan, index, ledger.name());
    spawn_and_join((0..plan.workers).map(job).collect(), laps, || Ok(()))?;
    let balances = ledger.lock().map_err(poisoned)?;
    Ok(balances.to_vec())
}

pub fn worker(job: &Job, parent: &mut Parent) -> Result<()> {
    let ledger = Segment::<Mutex<[i64]>>::open(&job.ledger)?; // processes: mapped
    let transfers = job.plan.transfers(job.index);
    parent.gate.wait()?;
    for transfer in transfers.iter() {
        let mut balances = ledger.lock().map_err(poisoned)?;
        balances[transfer.from as usize] -= i64::from(transfer.amount);
        balances[transfer.to as usize] += i64::from(transfer.amount);
    }
    Ok(())
}
