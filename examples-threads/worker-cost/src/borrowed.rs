//! A new worker for each job, which sees its parent's memory.

use std::thread::{Builder, scope};

use anyhow::{Context as _, Result, anyhow};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    laps.started();
    let starts = measure(plan, start)?;
    laps.worked(&[]);
    Ok(starts)
}

pub fn start(token: u64) -> Result<Stamp> {
    scope(|scope| {
        let work = || worker(&token);
        let worker = Builder::new().spawn_scoped(scope, work);
        let worker = worker.context("cannot start a worker")?;
        worker.join().map_err(|_| anyhow!("a worker panicked"))
    })
}

/// The token is in the parent's memory.
// threads: the worker uses that same memory.
fn worker(token: &u64) -> Stamp {
    Stamp::now(*token)
}
