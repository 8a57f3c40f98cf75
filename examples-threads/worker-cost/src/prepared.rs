//! A new worker for each job, with something done to it before it starts.

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

/// A name costs a call of the kernel, made by the new thread before it does
/// anything else. A stack of another size is taken from no cache.
fn start(token: u64) -> Result<Stamp> {
    let worker = Builder::new()
        .name("prepared".into())
        .stack_size(1 << 16)
        .spawn(move || worker(token));
    join(worker.context("no worker can be started")?)
}
