//! A database under a GIL: only the worker that holds the lock may run.
//!
//! Each worker has its own lock, as it has its own interpreter, and waits for
//! nobody, whether or not it releases the lock around its kernels.

use anyhow::Result;
use common::scenarios::matrix::{Gil, Source, load, transform};
use thread_kit::{GlobalLock, Held};

use crate::Answer;

pub fn worker(source: &Source, gil: Gil, index: usize) -> Result<Answer> {
    // mpi: each rank has its own lock, and no other rank wants it.
    let lock = GlobalLock::new(gil.switch_interval);
    let mut held = lock.take();
    let table = load(source)?;
    let components = native(gil, &mut held, || transform(table))?;
    let mut projection = vec![0.0; components.projection_len()];
    let project = || components.project_into(projection.as_mut_slice(), index);
    let report = native(gil, &mut held, project)?;
    Ok(Answer { report, projection })
}

/// Runs a step of the job outside the interpreter. Before it, another worker
/// may get a turn.
fn native<R>(gil: Gil, held: &mut Held<'_>, kernel: impl FnOnce() -> R) -> R {
    held.checkpoint();
    if gil.is_released { held.release_around(kernel) } else { kernel() }
}
