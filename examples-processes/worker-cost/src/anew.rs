//! A new worker for each job, as std starts one.

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

/// By posix_spawn(3), as `Command` does where nothing else is asked of it.
fn start(token: u64) -> Result<Stamp> {
    let (stamp, stdout) = io::pipe()?;
    let worker = program::again(token).stdout(stdout).spawn();
    join(worker.context("no worker can be started")?, stamp)
}

/// Waits for its end, and only then reads what it has left in the pipe: so
/// this process wakes once, and not for the stamp as well.
pub fn join(mut worker: Child, stamp: PipeReader) -> Result<Stamp> {
    let status = worker.wait()?;
    ensure!(status.success(), "a worker ended badly: {status}");
    stamp_in(stamp)
}
