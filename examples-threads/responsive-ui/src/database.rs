//! The screen's side: its ends of the channels to a database thread.

use anyhow::Result;
use common::scenarios::responsive_ui::{Database, Event, News, Query};
use crossbeam::channel::{Receiver, Sender, TryRecvError, bounded};
use thread_kit::JoinHandle;

use crate::{
    interrupt::{Canceller, canceller},
    link::WorkerLink,
};

/// How many hand-overs may be in flight between worker and screen.
const ROOM: usize = 64;

/// Starts a worker that has these ends.
pub type Spawn<'a> = dyn Fn(WorkerLink) -> Result<JoinHandle<'a, ()>> + 'a;

/// A worker, and what connects it to the screen.
pub struct DatabaseWorker<'a> {
    spawn: &'a Spawn<'a>,
    ties: Ties,
    handle: JoinHandle<'a, ()>,
}

/// Our ends. Without them the worker exits, once its query has finished.
struct Ties {
    queries: Sender<Query>,
    events: Receiver<Event>,
    canceller: Canceller,
    asked: u64,
}

impl<'a> DatabaseWorker<'a> {
    pub fn start(spawn: &'a Spawn<'a>) -> Result<Self> {
        let (ask, queries) = bounded(1);
        let (events, came) = bounded(ROOM);
        let (canceller, cancelled) = canceller();
        let handle = spawn(WorkerLink { queries, events, cancelled })?;
        let ties = Ties { queries: ask, events: came, canceller, asked: 0 };
        Ok(DatabaseWorker { spawn, ties, handle })
    }

    /// Stops the worker, in the middle of a query if need be.
    // threads: its query is interrupted; how long that takes is up to SQLite.
    pub fn stop(self) -> Result<()> {
        drop(self.ties);
        self.handle.join()
    }

    /// Replaces the worker with a new one.
    fn replace(&mut self) -> Result<()> {
        let new = Self::start(self.spawn)?;
        self.ties = new.ties;
        self.handle = new.handle;
        Ok(())
    }

    /// Starts a new worker, and reports how the old one exited.
    fn replace_dead(&mut self) -> Result<Option<Event>> {
        let id = self.ties.asked;
        let reason = match self.handle.wait_for_answer() {
            Ok(()) => "the database thread exited".into(),
            Err(error) => format!("the database thread failed: {error:#}"),
        };
        self.replace()?;
        let text = format!("{reason}; started a new one, Enter asks again");
        Ok(Some(Event { id, news: News::Failed(text) }))
    }

    fn send(&mut self, query: Query) -> Result<()> {
        self.ties.asked = query.id;
        Ok(self.ties.queries.send(query)?)
    }
}

impl Database for DatabaseWorker<'_> {
    fn ask(&mut self, query: Query) -> Result<()> {
        if self.send(query.clone()).is_err() {
            self.replace()?;
            self.send(query)?;
        }
        Ok(())
    }

    fn cancel(&mut self, query: u64) {
        // The query may belong to another worker.
        if query == self.ties.asked {
            self.ties.canceller.cancel(query);
        }
    }

    fn next(&mut self) -> Result<Option<Event>> {
        match self.ties.events.try_recv() {
            Ok(event) => Ok(Some(event)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(_gone) => self.replace_dead(),
        }
    }
}
