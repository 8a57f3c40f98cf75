//! The worker's side: a database thread's ends of the channels to the screen.

use anyhow::Result;
use common::scenarios::responsive_ui::{Event, Link, Query};
use crossbeam::channel::{Receiver, Sender};
use rusqlite::Connection;

use crate::interrupt::Cancelled;

/// A worker's ends.
// threads: a channel moves what is sent through it.
pub struct WorkerLink {
    pub queries: Receiver<Query>,
    pub events: Sender<Event>,
    pub cancelled: Cancelled,
}

impl Link for WorkerLink {
    fn take(&mut self) -> Option<Query> {
        self.queries.recv().ok()
    }

    fn begin(&mut self, query: &Query, connection: &Connection) {
        let handle = connection.get_interrupt_handle();
        self.cancelled.begin(query.id, handle);
    }

    fn is_cancelled(&mut self, query: u64) -> bool {
        self.cancelled.is(query)
    }

    fn give(&mut self, event: Event) -> Result<()> {
        Ok(self.events.send(event)?)
    }
}
