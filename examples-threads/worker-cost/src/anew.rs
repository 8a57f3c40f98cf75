//! A new worker for each job, as std starts one.

use std::thread::{Builder, JoinHandle};

use anyhow::{Context as _, Result, anyhow};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};

use crate::worker;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    laps.started();
    let starts = measure(plan, start)?;
    laps.worked(&[]);
    Ok(starts)
}

/// As `thread::spawn` does, which would panic where there is no thread.
fn start(token: u64) -> Result<Stamp> {
    let work = move || worker(token); // threads: moved
    let worker = Builder::new().spawn(work); // threads: clone3, in this memory
    join(worker.context("no worker can be started")?)
}

/// Waits for its end.
pub fn join(worker: JoinHandle<Stamp>) -> Result<Stamp> {
    worker.join().map_err(|_| anyhow!("a worker panicked")) // threads: moved
}
