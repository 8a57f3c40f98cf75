//! A database as the screen sees it.

use std::{
    collections::VecDeque,
    sync::mpsc::{self, Receiver, Sender},
};

use anyhow::Result;

use super::{
    answer::{Link, serve},
    message::{Event, Query},
};

/// The screen's ends of the connection to a worker. None of its calls waits.
pub trait Database {
    /// Starts a query. There is only one at a time.
    ///
    /// # Errors
    ///
    /// Fails if there is no worker.
    fn ask(&mut self, query: Query) -> Result<()>;

    /// Cancels a query if it is still running.
    fn cancel(&mut self, query: u64);

    /// The next event, if there is one.
    ///
    /// # Errors
    ///
    /// Fails if there is no worker.
    fn next(&mut self) -> Result<Option<Event>>;
}

/// No worker: the query runs on the calling thread, and its rows appear when
/// all of it is done.
#[derive(Debug)]
pub struct NoWorker {
    came: Receiver<Event>,
    give: Sender<Event>,
}

impl NoWorker {
    /// Without any query yet.
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

/// The calling thread runs the query, so nobody can cancel it.
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
