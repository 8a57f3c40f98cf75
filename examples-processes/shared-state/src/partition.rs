//! No sharing: each adds up what its own transfers change, and the sums are
//! merged at the end.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use anyhow::Result;
use common::{laps::Laps, scenarios::shared_state::Plan};
use process_kit::Segment;

use crate::{Job, spawn_and_join};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let nothing = vec![0; plan.accounts as usize * plan.workers];
    let ledger = Segment::<[AtomicI64]>::create(&nothing)?; // processes: named
    let jobs = Job::each(plan, ledger.name()); // processes: opened by name
    spawn_and_join(jobs, laps, || Ok(()))?;
    let sums = ledger.chunks(plan.accounts as usize);
    Ok(sums.fold(plan.opening(), merge))
}

pub fn worker(job: &Job) -> Result<()> {
    let ledger = Segment::<[AtomicI64]>::open(&job.ledger)?; // processes: mapped
    let transfers = job.plan.transfers(job.index);
    job.gate.wait()?;
    let mut sums = vec![0; job.plan.accounts as usize];
    for transfer in transfers.iter() {
        sums[transfer.from as usize] -= i64::from(transfer.amount);
        sums[transfer.to as usize] += i64::from(transfer.amount);
    }
    let stretch = ledger.chunks(sums.len()).skip(job.index).flatten();
    for (place, sum) in stretch.zip(sums) {
        place.store(sum, Relaxed); // processes: each into its own stretch
    }
    Ok(())
}

fn merge(mut balances: Vec<i64>, sums: &[AtomicI64]) -> Vec<i64> {
    for (balance, sum) in balances.iter_mut().zip(sums) {
        *balance += sum.load(Relaxed);
    }
    balances
}
