//! The worker's side: the ends of what ties a database process to the screen.

use anyhow::Result;
use common::scenarios::responsive_ui::{Event, Link, Query};
use process_kit::channel::{Receiver, Sender};
use serde::{Deserialize, Serialize};

use crate::kill::Cancelled;

/// A worker's ends.
// processes: what goes through a channel is encoded, and copied by the kernel.
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
