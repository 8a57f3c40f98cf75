//! A new worker for each job, with something done to it before it starts.

use std::{io, os::unix::process::CommandExt as _};

use anyhow::{Context as _, Result};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::{anew::join, program};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    laps.started();
    let starts = measure(plan, start)?;
    laps.worked(&[]);
    Ok(starts)
}

/// The closure is run between fork and exec: `Command` can no longer use
/// posix_spawn(3), and does not say so.
fn start(token: u64) -> Result<Stamp> {
    let (stamp, stdout) = io::pipe()?;
    let no_core = Rlimit { current: Some(0), maximum: Some(0) };
    let limit = move || Ok(setrlimit(Resource::Core, no_core)?);
    let mut program = program::again(token);
    // SAFETY: the closure makes one call of the kernel, setrlimit(2), which
    // takes no lock and no memory: signal-safety(7).
    let worker = unsafe { program.pre_exec(limit) }.stdout(stdout).spawn();
    // It has the other end of the pipe.
    drop(program);
    join(worker.context("no worker can be started")?, stamp)
}
