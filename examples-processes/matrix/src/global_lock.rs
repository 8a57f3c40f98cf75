//! A database under a GIL: only who holds the lock may run.
//!
//! Each worker has one of its own, as it has an interpreter of its own, and
//! waits for nobody, whether it gives the lock back around its kernels or not.

use anyhow::Result;
use common::scenarios::matrix::{Gil, Report, Source, load, transform};
use process_kit::{Mapping, Parent};
use thread_kit::{GlobalLock, Held};

pub fn worker(
    source: &Source,
    gil: Gil,
    parent: &mut Parent,
) -> Result<Report> {
    let lock = GlobalLock::new(gil.switch_interval); // processes: one in each
    let mut held = lock.take(); // processes: nobody else wants it
    let table = load(source)?;
    let components = native(gil, &mut held, || transform(table))?;
    let bytes = size_of::<f64>() * components.projection_len();
    let mut memory = Mapping::new(bytes)?; // processes: for two to see
    let projection = memory.as_mut_slice();
    let project = || components.project_into(projection, parent.index);
    let report = native(gil, &mut held, project)?;
    parent.give_descriptor(memory.freeze()?); // processes: not a byte copied
    Ok(report)
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
