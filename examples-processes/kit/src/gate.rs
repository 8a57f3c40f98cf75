//! The start gate: every worker stands at it, then all are released at once.

use std::{
    cell::RefCell,
    io::{self, PipeReader, PipeWriter, Read as _},
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
};

/// The worker's side of the gate. It is made of two pipes on which nothing
/// is ever written; what is waited for is their end of file.
///
/// Each worker holds a writer of the pipe `standing` and drops it when it
/// arrives, so the parent reads its end when all have. A worker that dies on
/// the way drops it too: where threads would wait at a `Barrier` for ever,
/// the parent goes on, and learns of the death as it collects the answers.
/// The parent holds the one writer of the pipe `opened` and drops it to
/// release all workers in one moment.
#[derive(Debug, Default)]
pub struct Gate(RefCell<Option<(PipeWriter, PipeReader)>>);

impl Gate {
    /// Stands at the gate until the parent opens it. A worker that was
    /// spawned after that finds it open.
    ///
    /// # Errors
    ///
    /// Fails if the pipe cannot be read.
    pub fn wait(&self) -> io::Result<()> {
        match self.0.take() {
            Some((standing, opened)) => {
                drop(standing);
                end_of(&opened)
            }
            None => Ok(()),
        }
    }

    /// The gate whose two pipes came with the job.
    pub(crate) fn of(standing: OwnedFd, opened: OwnedFd) -> Self {
        Gate(RefCell::new(Some((standing.into(), opened.into()))))
    }
}

/// The parent's side of the gate.
#[derive(Debug)]
pub(crate) struct GateKeeper {
    /// Lent to workers, until they are waited for.
    stand: Option<PipeWriter>,
    standing: PipeReader,
    open: PipeWriter,
    opened: PipeReader,
}

impl GateKeeper {
    pub(crate) fn new() -> io::Result<Self> {
        let (standing, stand) = io::pipe()?;
        let (opened, open) = io::pipe()?;
        Ok(GateKeeper { stand: Some(stand), standing, open, opened })
    }

    /// What [`Gate::of`] takes; nothing once the workers are waited for.
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let stand = self.stand.iter();
        stand.flat_map(|stand| [stand.as_fd(), self.opened.as_fd()]).collect()
    }

    /// Waits until every worker stands at the gate, or is dead.
    pub(crate) fn wait_for_all(&mut self) -> io::Result<()> {
        self.stand = None;
        end_of(&self.standing)
    }

    /// Releases them all at once.
    pub(crate) fn open(self) {
        drop(self.open);
    }
}

fn end_of(mut pipe: &PipeReader) -> io::Result<()> {
    pipe.read_to_end(&mut Vec::new()).map(|_| ())
}
