//! How the screen cancels a query: it interrupts the thread that runs it.
//!
//! It has no twin: nobody can reach into another process. A process can only be
//! told to give up a query, and killed if it does not.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use rusqlite::InterruptHandle;

/// The screen's end, and the worker's.
pub fn canceller() -> (Canceller, Cancelled) {
    let marks = Arc::<Marks>::default();
    (Canceller(marks.clone()), Cancelled(marks))
}

/// The screen's end.
pub struct Canceller(Arc<Marks>);

/// The worker's end.
pub struct Cancelled(Arc<Marks>);

/// What both ends share.
///
/// One lock guards the handle together with the query whose connection it
/// interrupts, so it is never used for another query. An interrupt before the
/// first step of a query is lost (documentation of `sqlite3_interrupt`), so
/// there is also a mark, which SQLite checks as it runs.
#[derive(Default)]
struct Marks {
    cancelled: AtomicU64,
    running: Mutex<Option<(u64, InterruptHandle)>>,
}

/// Stands for all queries. No query has this number.
const ALL: u64 = u64::MAX;

impl Canceller {
    pub fn cancel(&mut self, query: u64) {
        self.0.cancelled.store(query, SeqCst);
        if let Some((running, handle)) = &*self.0.running()
            && (*running == query || query == ALL)
        {
            handle.interrupt();
        }
    }
}

/// A thread can only be waited for, so a query whose rows nobody will see is
/// not left running.
impl Drop for Canceller {
    fn drop(&mut self) {
        self.cancel(ALL);
    }
}

impl Cancelled {
    /// From now on, an interrupt hits this query.
    pub fn begin(&mut self, query: u64, handle: InterruptHandle) {
        *self.0.running() = Some((query, handle));
    }

    /// Whether this query was cancelled.
    pub fn is(&mut self, query: u64) -> bool {
        let cancelled = self.0.cancelled.load(SeqCst);
        cancelled == query || cancelled == ALL
    }
}

impl Marks {
    /// Ignores poison: a panic leaves nothing half done here.
    fn running(&self) -> MutexGuard<'_, Option<(u64, InterruptHandle)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
