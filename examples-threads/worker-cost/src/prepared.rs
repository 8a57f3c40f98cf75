//! A new worker for each job, which is set up before it starts.

use std::thread::Builder;

use anyhow::{Context as _, Result};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};

use crate::{anew::join, worker};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    laps.started();
    let starts = measure(plan, start)?;
    laps.worked(&[]);
    Ok(starts)
}

/// A name costs a system call, which the new thread makes before anything
/// else. A stack of another size does not come from a cache.
fn start(token: u64) -> Result<Stamp> {
    let worker = Builder::new()
        .name("prepared".into())
        .stack_size(1 << 16)
        .spawn(move || worker(token));
    join(worker.context("cannot start a worker")?)
}
