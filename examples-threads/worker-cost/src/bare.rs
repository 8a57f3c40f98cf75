//! The bare minimum of a new worker: clone(2) with only what it needs.

use std::ffi::{c_int, c_void};

use anyhow::{Context as _, Result};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};

use crate::clone::Mailbox;

/// What it takes to start a worker.
struct Bare {
    /// More than a worker's few calls need. It has no guard page.
    stack: Vec<u128>,
}

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    let mut bare = Bare { stack: vec![0; 1 << 12] };
    laps.started();
    let starts = measure(plan, |token| start(&mut bare, token))?;
    laps.worked(&[]);
    Ok(starts)
}

fn start(bare: &mut Bare, token: u64) -> Result<Stamp> {
    let mailbox = Mailbox::new(token);
    let top = bare.stack.as_mut_ptr_range().end;
    // SAFETY: the stack and the mailbox stay until the worker is gone, because
    // we wait for that below, whatever happens. It has our thread-local memory
    // and uses none of it: it reads the clock and writes to the mailbox. A
    // signal handler might use it, but the only two terminate the program.
    let worker = unsafe { mailbox.clone(worker, top) };
    worker.context("cannot start a worker")?;
    Ok(mailbox.wait())
}

/// The new thread. When this returns, the thread exits.
extern "C" fn worker(mailbox: *mut c_void) -> c_int {
    // SAFETY: the mailbox of `start`, which keeps it until this thread is gone.
    let mailbox = unsafe { &*mailbox.cast::<Mailbox>() };
    mailbox.leave(Stamp::now(mailbox.token));
    0
}
