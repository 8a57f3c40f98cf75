//! The bare limit of a new worker: clone(2), with as little as it takes.

use std::ffi::{c_int, c_void};

use anyhow::{Context as _, Result};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};

use crate::clone::Mailbox;

/// What it takes to start a worker.
struct Bare {
    /// Larger than the few calls of a worker need. Nothing guards its end.
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
    // SAFETY: the stack and the mailbox stay until the worker is gone, which
    // is waited for below, whatever happens. It has our thread-local memory,
    // and uses none: it reads the clock and writes to the mailbox. A handler
    // of a signal might, but the two that there are end the program.
    let worker = unsafe { mailbox.clone(worker, top) };
    worker.context("no worker can be started")?;
    Ok(mailbox.wait())
}

/// The new thread. When it returns, the thread ends.
extern "C" fn worker(mailbox: *mut c_void) -> c_int {
    // SAFETY: it is that of `start`, which keeps it until this thread is gone.
    let mailbox = unsafe { &*mailbox.cast::<Mailbox>() };
    mailbox.leave(Stamp::now(mailbox.token));
    0
}
