//! No sharing: each adds up what its own transfers change, and the sums are
//! merged at the end.

use anyhow::{Result, anyhow};
use common::{
    laps::Laps,
    scenarios::shared_state::{Plan, Transfers, write_global},
};
use rayon::{ThreadBuilder, ThreadPoolBuilder, prelude::*};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let drawn: Vec<_> =
        (0..plan.workers).map(|index| plan.transfers(index)).collect();
    let nothing = || vec![0; plan.accounts as usize];
    let threads = ThreadPoolBuilder::new().num_threads(plan.workers);
    let sums = threads.build_scoped(ThreadBuilder::run, |pool| {
        pool.broadcast(|_| ()); // threads: all have run this, so all stand ready
        laps.started();
        let jobs = || drawn.par_iter().with_max_len(1);
        let map = || jobs().map(|transfers| worker(plan, transfers));
        let sums = pool.install(|| map().reduce(nothing, merge)); // threads: rayon
        laps.worked(&[]);
        sums
    });
    let sums =
        sums.map_err(|error| anyhow!("no worker can be started: {error}"))?;
    Ok(merge(plan.opening(), sums))
}

fn worker(plan: &Plan, transfers: &Transfers) -> Vec<i64> {
    write_global(); // threads: the pool runs this, and not `main`'s worker
    let mut sums = vec![0; plan.accounts as usize];
    for transfer in transfers.iter() {
        sums[transfer.from as usize] -= i64::from(transfer.amount);
        sums[transfer.to as usize] += i64::from(transfer.amount);
    }
    sums // threads: moved to whoever merges
}

fn merge(mut balances: Vec<i64>, sums: Vec<i64>) -> Vec<i64> {
    for (balance, sum) in balances.iter_mut().zip(sums) {
        *balance += sum;
    }
    balances
}
