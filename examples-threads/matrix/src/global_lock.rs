//! A database under a GIL: only who holds the lock may run.
//!
//! All workers share it. Where it is held in the kernels as well, two cores
//! are worth no more than one; where it is released around them, both are
//! used, because that is where the time is spent.

use anyhow::Result;
use common::scenarios::matrix::{Gil, Source, load, transform};
use thread_kit::{GlobalLock, Held};

use crate::Answer;

pub fn worker(
    source: &Source,
    (gil, lock): (Gil, &GlobalLock),
    index: usize,
) -> Result<Answer> {
    let mut held = lock.take();
    let table = load(source)?;
    let components = native(gil, &mut held, || transform(table))?;
    let mut projection = vec![0.0; components.projection_len()];
    let project = || components.project_into(projection.as_mut_slice(), index);
    let report = native(gil, &mut held, project)?;
    Ok(Answer { report, projection })
}

/// A step of the job that is not the interpreter's own. Before it, another
/// worker may have a turn.
fn native<R>(gil: Gil, held: &mut Held<'_>, kernel: impl FnOnce() -> R) -> R {
    held.checkpoint();
    if gil.is_released { held.release_around(kernel) } else { kernel() }
}
