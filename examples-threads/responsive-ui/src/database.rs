//! The screen's side: what it holds of a database thread.

use std::{
    mem,
    thread::{Builder, Scope, ScopedJoinHandle},
};

use anyhow::{Result, anyhow};
use common::{
    gate::Gate,
    scenarios::responsive_ui::{Database, Event, News, Query},
};
use crossbeam::channel::{Receiver, Sender, TryRecvError, bounded};

use crate::{
    link::{Cancel, WorkerLink},
    worker,
};

/// How many hand-overs may lie between worker and screen.
const ROOM: usize = 64; // threads: counted, not measured

/// A worker, and what ties it to the screen.
pub struct DatabaseWorker<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>, // threads: std's
    gate: &'scope Gate,
    ties: Ties,
    thread: ScopedJoinHandle<'scope, Result<()>>, // threads: std's
}

/// Our ends. Without them the worker ends, once its query has.
struct Ties {
    queries: Sender<Query>,
    events: Receiver<Event>,
    cancel: Cancel, // threads: one memory, no message
    asked: u64,
}

impl<'scope, 'env> DatabaseWorker<'scope, 'env> {
    pub fn start(
        scope: &'scope Scope<'scope, 'env>,
        gate: &'scope Gate, // threads: borrowed
    ) -> Result<Self> {
        let (queries, take) = bounded(1); // threads: crossbeam's
        let (give, events) = bounded(ROOM);
        let cancel = Cancel::default();
        let link = WorkerLink { take, give, cancel: cancel.clone() };
        let job = move || worker(link, gate); // threads: a closure
        let thread = Builder::new().spawn_scoped(scope, job)?;
        let ties = Ties { queries, events, cancel, asked: 0 };
        Ok(DatabaseWorker { scope, gate, ties, thread })
    }

    /// Ends the worker, in the middle of a query if need be.
    pub fn stop(self) -> Result<()> {
        drop(self.ties);
        let joined = self.thread.join(); // threads: however long it takes
        joined.map(drop).map_err(|_| anyhow!("a database thread panicked"))
    }

    /// Puts another worker in its place, and hands over the old one.
    fn replace(&mut self) -> Result<ScopedJoinHandle<'scope, Result<()>>> {
        let new = Self::start(self.scope, self.gate)?; // threads: as before
        self.ties = new.ties;
        Ok(mem::replace(&mut self.thread, new.thread))
    }

    /// A new worker, once it is known how the old one ended.
    fn replace_dead(&mut self) -> Result<Option<Event>> {
        if !self.thread.is_finished() {
            return Ok(None); // threads: one that did not end cannot be left
        }
        let id = self.ties.asked;
        let reason = match self.replace()?.join() {
            Ok(_) => "the database thread ended", // threads: how?
            Err(_) => "a database thread panicked",
        };
        let text = format!("{reason}; there is a new one, Enter asks it");
        Ok(Some(Event { id, news: News::Failed(text) }))
    }

    fn send(&mut self, query: Query) -> Result<()> {
        self.ties.asked = query.id;
        Ok(self.ties.queries.send(query)?) // threads: moved
    }
}

impl Database for DatabaseWorker<'_, '_> {
    fn ask(&mut self, query: Query) -> Result<()> {
        if self.send(query.clone()).is_err() {
            let _ = self.replace()?.join(); // threads: it is about to end
            self.send(query)?;
        }
        Ok(())
    }

    fn cancel(&mut self, query: u64) {
        // The mark is one: another's query would take the place of ours.
        if query == self.ties.asked {
            self.ties.cancel.cancel(query); // threads: to be obeyed, or not
        }
    }

    fn next(&mut self) -> Result<Option<Event>> {
        match self.ties.events.try_recv() {
            Ok(event) => Ok(Some(event)), // threads: moved
            Err(TryRecvError::Empty) => Ok(None), // threads: no more to do
            Err(_gone) => self.replace_dead(),
        }
    }
}

/// Nobody waits for the rest of a query that nobody will see.
impl Drop for Ties {
    fn drop(&mut self) {
        self.cancel.cancel(self.asked); // threads: or a scope would wait
    }
}
