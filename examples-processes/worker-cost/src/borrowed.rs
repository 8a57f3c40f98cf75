//! A new worker for each job, which sees what its parent has.

use std::io::{self, PipeReader, PipeWriter};

use anyhow::{Context as _, Result, ensure};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};
use rustix::{
    io::{retry_on_intr, write},
    process::{Pid, WaitOptions, waitpid},
};

use crate::anew::Program;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    laps.started();
    let starts = measure(plan, start)?;
    laps.worked(&[]);
    Ok(starts)
}

pub fn start(token: u64) -> Result<Stamp> {
    let (stamp, pipe) = io::pipe()?; // processes: its way to answer
    // SAFETY: the child does nothing but what signal-safety(7) allows, so it
    // does not matter which threads there were, and what locks they held.
    let child = match unsafe { libc::fork() } {
        0 => worker(&token, &pipe), // processes: in a copy of this memory
        id => Forked::new(id, stamp), // processes: in this one
    };
    drop(pipe); // processes: the child has the other
    child?.join()
}

/// A child, and the pipe in which it leaves its stamp.
pub struct Forked {
    id: Pid, // processes: a name, that somebody must wait for
    stamp: PipeReader,
}

impl Forked {
    /// What fork(2) or clone(2) has returned.
    pub fn new(id: i32, stamp: PipeReader) -> Result<Self> {
        let none = io::Error::last_os_error(); // processes: if it is none
        let id = Pid::from_raw(id.max(0))
            .with_context(|| format!("no worker can be had: {none}"))?;
        Ok(Forked { id, stamp })
    }

    /// As for those that std has started, see [`join`](crate::anew::join).
    pub fn join(self) -> Result<Stamp> {
        let wait = || waitpid(Some(self.id), WaitOptions::empty()); // processes: reaped
        let (_, end) = retry_on_intr(wait)?.context("no worker ended")?;
        ensure!(end.exit_status() == Some(0), "a worker died: {end:?}");
        Program::stamp(self.stamp)
    }
}

/// The token lies in the parent's memory, of which this is a copy. It makes
/// three calls: clock_gettime(2), write(2), _exit(2).
fn worker(token: &u64, pipe: &PipeWriter) -> ! {
    let stamp = Stamp::now(*token); // processes: its own from the first write on
    let written = write(pipe, bytemuck::bytes_of(&stamp)); // processes: bytes
    let status = if written.is_ok() { 0 } else { 1 };
    // SAFETY: it ends this process and nothing else: no destructor, and no
    // handler that the parent has registered.
    unsafe { libc::_exit(status) }
}
