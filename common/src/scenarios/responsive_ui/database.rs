//! A database, as the screen sees it.

use std::{
    collections::VecDeque,
    sync::mpsc::{self, Receiver, Sender},
};

use anyhow::Result;

use super::{
    answer::{Link, serve},
    message::{Event, Query},
};

/// The screen's ends of what ties it to a worker. None of its calls waits.
pub trait Database {
    /// Asks. There is one query at a time.
    ///
    /// # Errors
    ///
    /// Fails if no worker can be had.
    fn ask(&mut self, query: Query) -> Result<()>;

    /// Has a query given up, if it is still under way.
    fn cancel(&mut self, query: u64);

    /// What came, if something did.
    ///
    /// # Errors
    ///
    /// Fails if no worker can be had.
    fn next(&mut self) -> Result<Option<Event>>;
}

/// No worker: the query runs where it is asked, and what comes of it is seen
/// when all of it has come.
#[derive(Debug)]
pub struct NoWorker {
    came: Receiver<Event>,
    give: Sender<Event>,
}

impl NoWorker {
    /// Nothing was asked yet.
    pub fn new() -> Self {
        let (give, came) = mpsc::channel();
        NoWorker { came, give }
    }
}

impl Default for NoWorker {
    fn default() -> Self {
        Self::new()
    }
}

impl Database for NoWorker {
    fn ask(&mut self, query: Query) -> Result<()> {
        let queries = VecDeque::from([query]);
        serve(Here { queries, give: self.give.clone() });
        Ok(())
    }

    fn cancel(&mut self, _query: u64) {}

    fn next(&mut self) -> Result<Option<Event>> {
        Ok(self.came.try_recv().ok())
    }
}

/// Who would cancel it is who runs it.
struct Here {
    queries: VecDeque<Query>,
    give: Sender<Event>,
}

impl Link for Here {
    fn take(&mut self) -> Option<Query> {
        self.queries.pop_front()
    }

    fn is_cancelled(&mut self, _query: u64) -> bool {
        false
    }

    fn give(&mut self, event: Event) -> Result<()> {
        Ok(self.give.send(event)?)
    }
}
