//! A new worker for each job, which sees what its parent has.

use anyhow::{Context as _, Result};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};

use crate::forked::fork;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    laps.started();
    let starts = measure(plan, start)?;
    laps.worked(&[]);
    Ok(starts)
}

pub fn start(token: u64) -> Result<Stamp> {
    let work = || worker(&token);
    // SAFETY: it looks at the clock, calculates, and does nothing else.
    let worker = unsafe { fork(work) };
    let worker = worker.context("no worker can be started")?;
    worker.join()
}

/// The token lies in the parent's memory.
// processes: this is a copy of that memory, as it was at the fork.
fn worker(token: &u64) -> Stamp {
    Stamp::now(*token)
}
