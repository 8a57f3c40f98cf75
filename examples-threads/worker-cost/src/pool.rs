//! A warm pool of one worker.

use anyhow::{Context as _, Result};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};
use rayon::{ThreadPool, ThreadPoolBuilder};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    let pool = ThreadPoolBuilder::new().num_threads(1).build(); // threads: rayon
    let pool = pool.context("no worker can be started")?;
    pool.broadcast(|_| ()); // threads: it has run this, so it stands ready
    laps.started();
    let starts = measure(plan, |token| start(&pool, token))?;
    laps.worked(&[]); // threads: all memory is our own
    Ok(starts)
}

fn start(pool: &ThreadPool, token: u64) -> Result<Stamp> {
    Ok(pool.install(|| worker(token))) // threads: a closure, borrowed
}

/// What the pool's worker does with every job.
fn worker(token: u64) -> Stamp {
    Stamp::now(token) // threads: returned
}
