//! A new worker for each job, which is set up before it starts.

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

/// The closure runs between fork and exec: with it, `Command` cannot use
/// posix_spawn(3), and silently does without.
fn start(token: u64) -> Result<Stamp> {
    let (stamp, stdout) = io::pipe()?;
    let no_core = Rlimit { current: Some(0), maximum: Some(0) };
    let limit = move || Ok(setrlimit(Resource::Core, no_core)?);
    let mut program = program::again(token);
    // SAFETY: the closure makes one system call, setrlimit(2), which takes no
    // lock and allocates no memory: signal-safety(7).
    let worker = unsafe { program.pre_exec(limit) }.stdout(stdout).spawn();
    // It still has the write end of the pipe.
    drop(program);
    join(worker.context("cannot start a worker")?, stamp)
}
