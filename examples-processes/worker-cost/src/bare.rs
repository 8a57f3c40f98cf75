//! The bare minimum of a new worker: clone(2) with only what it needs.

use std::ffi::{c_int, c_void};

use anyhow::{Context as _, Result};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};

use crate::vfork::Exec;

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
    let exec = Exec::new(token)?;
    let top = bare.stack.as_mut_ptr_range().end;
    // SAFETY: the stack stays until the child has its own memory or is gone.
    // Until then it makes two calls, which use nothing of ours but `errno`.
    // There are no other threads that could change what it reads.
    let worker = unsafe { exec.vfork(worker, top) };
    let worker = worker.context("cannot start a worker")?;
    worker.join()
}

/// The new process, which becomes this program again.
extern "C" fn worker(exec: *mut c_void) -> c_int {
    // SAFETY: this is the `Exec` of `start`, which sleeps meanwhile.
    let exec = unsafe { &*exec.cast::<Exec>() };
    exec.replace_this_process();
    127
}
