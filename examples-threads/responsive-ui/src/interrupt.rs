//! How the screen cancels a query: it reaches into the thread that runs it.
//!
//! It has no twin: nobody can reach into another process. That one can only be
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
/// The handle is kept with the query whose connection it interrupts, under
/// one lock: so it is never used for another. An interrupt before the first
/// step of a query is lost (the documentation of `sqlite3_interrupt`), so
/// there is a mark as well, which SQLite is made to check as it goes.
#[derive(Default)]
struct Marks {
    cancelled: AtomicU64,
    running: Mutex<Option<(u64, InterruptHandle)>>,
}

/// Stands for every query. None has this number.
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

/// A thread can only be waited for, so a query that nobody will see is not
/// left to run.
impl Drop for Canceller {
    fn drop(&mut self) {
        self.cancel(ALL);
    }
}

impl Cancelled {
    /// From now on, this is the query to be interrupted.
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
    /// A panic leaves nothing half done here.
    fn running(&self) -> MutexGuard<'_, Option<(u64, InterruptHandle)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
