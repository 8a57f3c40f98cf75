//! The worker's side: the ends of what ties a database process to the screen.

use std::time::Duration;

use anyhow::Result;
use common::scenarios::responsive_ui::{Event, Link, Query};
use process_kit::{
    Parent,
    channel::{Receiver, Sender},
};
use serde::{Deserialize, Serialize};

/// What the screen says.
#[derive(Serialize, Deserialize)] // processes: all goes one way
pub enum Request {
    Ask(Query),
    Cancel(u64),
}

/// A worker's ends.
pub struct WorkerLink {
    take: Receiver<Request>,
    give: Sender<Event>,
    cancelled: u64, // processes: as it was told
}

impl WorkerLink {
    pub fn take(parent: &mut Parent) -> Result<Self> {
        let take = Receiver::take(parent)?; // processes: in this order
        let give = Sender::take(parent)?;
        Ok(WorkerLink { take, give, cancelled: 0 })
    }
}

impl Link for WorkerLink {
    /// A request to cancel that comes only now is for a query that was done.
    fn take(&mut self) -> Option<Query> {
        self.take.iter().find_map(|request| match request {
            Ok(Request::Ask(query)) => Some(query), // processes: decoded
            _ => None,
        })
    }

    fn is_cancelled(&mut self, query: u64) -> bool {
        let request = self.take.recv_timeout(Duration::ZERO); // processes: a call of the kernel
        if let Ok(Request::Cancel(cancelled)) = request {
            self.cancelled = cancelled;
        }
        self.cancelled == query
    }

    fn give(&mut self, event: Event) -> Result<()> {
        Ok(self.give.send(&event)?) // processes: encoded, copied
    }
}
