//! The worker's side: the ends of what ties a database thread to the screen.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use anyhow::Result;
use common::scenarios::responsive_ui::{Event, Link, Query};
use crossbeam::channel::{Receiver, Sender};
use rusqlite::{Connection, InterruptHandle};

/// A worker's ends.
pub struct WorkerLink {
    pub take: Receiver<Query>,
    pub give: Sender<Event>,
    pub cancel: Cancel, // threads: one memory, no message
}

impl Link for WorkerLink {
    fn take(&mut self) -> Option<Query> {
        self.take.recv().ok()
    }

    fn begin(&mut self, query: &Query, connection: &Connection) {
        let handle = connection.get_interrupt_handle(); // threads: usable from any
        self.cancel.begin(query.id, handle);
    }

    fn is_cancelled(&mut self, query: u64) -> bool {
        self.cancel.is_of(query) // threads: a load
    }

    fn give(&mut self, event: Event) -> Result<()> {
        Ok(self.give.send(event)?) // threads: moved
    }
}

/// How the screen reaches into a query that is under way.
///
/// The handle is kept with the query whose connection it interrupts, under
/// one lock: so it is never used for another. An interrupt before the first
/// step of a query is lost (the documentation of `sqlite3_interrupt`), so
/// there is a mark as well, at which SQLite is made to look as it goes.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Marks>); // threads: shared by both

#[derive(Default)]
struct Marks {
    cancelled: AtomicU64,
    running: Mutex<Option<(u64, InterruptHandle)>>, // threads: sent across
}

impl Cancel {
    fn begin(&self, query: u64, handle: InterruptHandle) {
        *self.running() = Some((query, handle)); // threads: for the screen
    }

    fn is_of(&self, query: u64) -> bool {
        self.0.cancelled.load(SeqCst) == query // threads: an atomic
    }

    pub fn cancel(&self, query: u64) {
        self.0.cancelled.store(query, SeqCst); // threads: an atomic
        if let Some((id, handle)) = &*self.running()
            && *id == query
        {
            handle.interrupt(); // threads: sqlite3_interrupt
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<(u64, InterruptHandle)>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner) // threads: std's
    }
}
