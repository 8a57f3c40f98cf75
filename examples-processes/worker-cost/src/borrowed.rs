//! A new worker for each job, which sees what its parent has.

use std::{
    io::{self, PipeWriter, Read as _},
    mem::ManuallyDrop,
};

use anyhow::{Context as _, Result, ensure};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};
use rustix::{
    io::{retry_on_intr, write},
    process::{Pid, WaitOptions, waitpid},
};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    laps.started();
    let starts = measure(plan, start)?;
    laps.worked(&[]);
    Ok(starts)
}

pub fn start(token: u64) -> Result<Stamp> {
    let (mut stamp, pipe) = io::pipe()?; // processes: its way to answer
    let pipe = ManuallyDrop::new(pipe);
    // SAFETY: the child does nothing but what signal-safety(7) allows, so it
    // does not matter which threads there were, and what locks they held.
    let child = match unsafe { libc::fork() } {
        0 => worker(&token, &pipe), // processes: in a copy of this memory
        id => Pid::from_raw(id.max(0)),
    };
    drop(ManuallyDrop::into_inner(pipe));
    let child = child.with_context(|| {
        format!("no worker can be forked: {}", io::Error::last_os_error())
    })?;
    let wait = || waitpid(Some(child), WaitOptions::empty());
    let ended = retry_on_intr(wait)?.context("no worker ended")?;
    ensure!(ended.1.exit_status() == Some(0), "a worker died: {ended:?}");
    let mut bytes = [0; size_of::<Stamp>()];
    stamp.read_exact(&mut bytes).context("a worker left no stamp")?;
    Ok(bytemuck::cast(bytes))
}

/// The token lies in the parent's memory, of which this is a copy. It makes
/// three calls: clock_gettime(2), write(2), _exit(2).
fn worker(token: &u64, pipe: &PipeWriter) -> ! {
    let stamp = Stamp::now(*token); // processes: its own from the first write on
    let written = write(pipe, bytemuck::bytes_of(&stamp));
    let status = if written.is_ok() { 0 } else { 1 };
    // SAFETY: it ends this process and nothing else: no destructor, and no
    // handler that the parent has registered.
    unsafe { libc::_exit(status) }
}
