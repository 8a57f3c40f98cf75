//! The worker's side: a database process's ends of the pipes to the screen.

use anyhow::Result;
use common::scenarios::responsive_ui::{Event, Link, Query};
use process_kit::channel::{Receiver, Sender};
use serde::{Deserialize, Serialize};

use crate::kill::Cancelled;

/// A worker's ends.
// processes: what is sent through a pipe is encoded, and the kernel copies it.
#[derive(Serialize, Deserialize)]
pub struct WorkerLink {
    pub queries: Receiver<Query>,
    pub events: Sender<Event>,
    pub cancelled: Cancelled,
}

impl Link for WorkerLink {
    fn take(&mut self) -> Option<Query> {
        self.queries.recv().ok()
    }

    fn is_cancelled(&mut self, query: u64) -> bool {
        self.cancelled.is(query)
    }

    fn give(&mut self, event: Event) -> Result<()> {
        Ok(self.events.send(&event)?)
    }
}
