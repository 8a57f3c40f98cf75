//! A child that std did not start, and the pipe in which it leaves its stamp.
//!
//! It has no twin: for a thread, std's handle is enough.

use std::io::{self, PipeReader, PipeWriter};

use anyhow::{Context as _, Result, ensure};
use common::scenarios::worker_cost::Stamp;
use rustix::{
    io::{retry_on_intr, write},
    process::{Pid, WaitOptions, waitpid},
};

use crate::program::stamp_in;

/// A forked child. It must be joined, or it stays a zombie.
pub struct Forked {
    id: Pid,
    stamp: PipeReader,
}

/// Runs `work` in a child of fork(2), which has a copy of all memory.
///
/// # Safety
///
/// `work` does only what signal-safety(7) allows. Then it does not matter
/// which threads there were, and which locks they held.
pub unsafe fn fork(work: impl FnOnce() -> Stamp) -> io::Result<Forked> {
    let (stamp, pipe) = io::pipe()?;
    // SAFETY: the child does what the caller guarantees, and then makes two
    // calls that are also allowed: write(2) and _exit(2).
    match unsafe { libc::fork() } {
        0 => leave(work(), &pipe),
        id => Forked::new(id, stamp),
    }
}

/// Leaves the stamp in the pipe, and exits.
fn leave(stamp: Stamp, pipe: &PipeWriter) -> ! {
    let written = write(pipe, bytemuck::bytes_of(&stamp));
    let status = if written.is_ok() { 0 } else { 1 };
    // SAFETY: it terminates this process and does nothing else: it runs no
    // destructor, and no handler that the parent has registered.
    unsafe { libc::_exit(status) }
}

impl Forked {
    /// From what fork(2) or clone(2) has just returned.
    pub fn new(id: i32, stamp: PipeReader) -> io::Result<Self> {
        let error = io::Error::last_os_error();
        let id = Pid::from_raw(id.max(0)).ok_or(error)?;
        Ok(Forked { id, stamp })
    }

    /// Waits until it has exited, and then reads its stamp, as
    /// [`join`](crate::anew::join) does.
    pub fn join(self) -> Result<Stamp> {
        let wait = || waitpid(Some(self.id), WaitOptions::empty());
        let (_, end) = retry_on_intr(wait)?.context("no worker exited")?;
        ensure!(end.exit_status() == Some(0), "a worker died: {end:?}");
        stamp_in(self.stamp)
    }
}
