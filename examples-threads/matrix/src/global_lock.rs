//! A database under a GIL: only who holds the lock may run.
//!
//! All workers meet at it. Where it is held in the kernels as well, two cores
//! are worth no more than one; where it is given back around them, they are,
//! because that is where the time is spent.

use anyhow::Result;
use common::scenarios::matrix::{Finished, Gil, Source, load, transform};
use rayon::current_thread_index;
use thread_kit::{GlobalLock, Held};

pub fn worker(
    source: &Source,
    gil: Gil,
    lock: &GlobalLock, // threads: borrowed
) -> Result<Finished<Vec<f64>>> {
    let index = current_thread_index().unwrap_or_default();
    let mut held = lock.take(); // threads: it waits for its turn
    let table = load(source)?;
    let components = native(gil, &mut held, || transform(table))?;
    let mut projection = vec![0.0; components.projection_len()]; // threads: ours
    let project = || components.project_into(&mut projection, index);
    let report = native(gil, &mut held, project)?;
    Ok(Finished { report, projection }) // threads: moved, not a byte copied
}

/// A step of the job that is not the interpreter's own. Before it, another
/// may have a turn.
fn native<R>(gil: Gil, held: &mut Held<'_>, kernel: impl FnOnce() -> R) -> R {
    held.checkpoint();
    match gil.is_released {
        true => held.release_around(kernel),
        false => kernel(),
    }
}
