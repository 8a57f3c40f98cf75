//! A new worker for each job, started by std.

use std::{
    io::{self, PipeReader},
    process::Child,
};

use anyhow::{Context as _, Result, ensure};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};

use crate::program::{self, stamp_in};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    laps.started();
    let starts = measure(plan, start)?;
    laps.worked(&[]);
    Ok(starts)
}

/// With posix_spawn(3), which `Command` uses unless asked for more.
fn start(token: u64) -> Result<Stamp> {
    let (stamp, stdout) = io::pipe()?;
    let worker = program::again(token).stdout(stdout).spawn();
    join(worker.context("cannot start a worker")?, stamp)
}

/// Waits until it has exited, and only then reads what it left in the pipe. So
/// this process wakes up once, and not for the stamp as well.
pub fn join(mut worker: Child, stamp: PipeReader) -> Result<Stamp> {
    let status = worker.wait()?;
    ensure!(status.success(), "a worker failed: {status}");
    stamp_in(stamp)
}
