//! A new worker for each job, which sees its parent's memory.

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
    // SAFETY: it reads the clock, calculates, and does nothing else.
    let worker = unsafe { fork(work) };
    let worker = worker.context("cannot start a worker")?;
    worker.join()
}

/// The token is in the parent's memory.
// processes: the worker has a copy of that memory, made by the fork.
fn worker(token: &u64) -> Stamp {
    Stamp::now(*token)
}
