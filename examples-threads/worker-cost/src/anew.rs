//! A new worker for each job, started by std.

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

/// Like `thread::spawn`, which would panic if no thread could be started.
fn start(token: u64) -> Result<Stamp> {
    let worker = Builder::new().spawn(move || worker(token));
    join(worker.context("cannot start a worker")?)
}

/// Waits until it has returned.
pub fn join(worker: JoinHandle<Stamp>) -> Result<Stamp> {
    worker.join().map_err(|_| anyhow!("a worker panicked"))
}
