//! A warm pool of one worker.

use anyhow::{Context as _, Result};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};
use rayon::{ThreadPool, ThreadPoolBuilder};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    let pool = ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.context("cannot start a worker")?;
    // A worker that has run this is ready.
    pool.broadcast(|_| ());
    laps.started();
    let starts = measure(plan, |token| start(&pool, token))?;
    laps.worked(&[]);
    Ok(starts)
}

fn start(pool: &ThreadPool, token: u64) -> Result<Stamp> {
    pool.install(|| worker(token))
}

/// What the pool's worker does with every job.
fn worker(token: u64) -> Result<Stamp> {
    Ok(Stamp::now(token))
}
