//! The screen's side: its ends of the pipes to a database process.

use std::{mem, time::Duration};

use anyhow::Result;
use common::scenarios::responsive_ui::{Database, Event, News, Query};
use process_kit::{
    JoinHandle,
    channel::{Outbox, Receiver, RecvTimeoutError, outbox, pipe},
};

use crate::{
    kill::{Canceller, Killed, canceller},
    link::WorkerLink,
};

/// Starts a worker that has these ends.
pub type Spawn<'a> = dyn Fn(WorkerLink) -> Result<JoinHandle<'a, ()>> + 'a;

/// A worker, and what connects it to the screen.
pub struct DatabaseWorker<'a> {
    spawn: &'a Spawn<'a>,
    ties: Ties,
    handle: JoinHandle<'a, ()>,
    killed: Killed<'a>,
}

/// Our ends. Without them the worker exits, once its query has finished.
struct Ties {
    /// A suspended worker does not read: a long query would fill a pipe.
    queries: Outbox<Query>,
    events: Receiver<Event>,
    canceller: Canceller,
    asked: u64,
}

impl<'a> DatabaseWorker<'a> {
    pub fn start(spawn: &'a Spawn<'a>) -> Result<Self> {
        let (ask, queries) = outbox()?;
        let (events, came) = pipe()?;
        let (canceller, cancelled) = canceller()?;
        let handle = spawn(WorkerLink { queries, events, cancelled })?;
        let ties = Ties { queries: ask, events: came, canceller, asked: 0 };
        let killed = Killed::default();
        Ok(DatabaseWorker { spawn, ties, handle, killed })
    }

    pub fn id(&self) -> u32 {
        self.handle.id()
    }

    /// Stops the worker, in the middle of a query if need be.
    // processes: the kernel kills it, whatever it does.
    pub fn stop(self) -> Result<()> {
        self.handle.kill().map(drop)
    }

    /// Replaces the worker with a new one.
    fn replace(&mut self) -> Result<()> {
        let new = Self::start(self.spawn)?;
        self.ties = new.ties;
        self.killed.add(mem::replace(&mut self.handle, new.handle));
        Ok(())
    }

    /// Starts a new worker, and reports how the old one exited.
    fn replace_dead(&mut self) -> Result<Option<Event>> {
        let Some(status) = self.handle.try_kill()? else {
            return self.replace_disobedient();
        };
        let (id, worker) = (self.ties.asked, self.id());
        let reason = format!("database process {worker} exited: {status}");
        self.replace()?;
        let text = format!("{reason}; started a new one, Enter asks again");
        Ok(Some(Event { id, news: News::Failed(text) }))
    }

    /// Starts a new worker, if the old one keeps running a cancelled query.
    fn replace_disobedient(&mut self) -> Result<Option<Event>> {
        let id = self.ties.asked;
        if !self.ties.canceller.is_disobeyed(id) {
            return Ok(None);
        }
        self.replace()?;
        Ok(Some(Event { id, news: News::Cancelled }))
    }

    fn send(&mut self, query: Query) -> Result<()> {
        self.ties.asked = query.id;
        Ok(self.ties.queries.send(&query)?)
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
        self.killed.reap();
        self.ties.flush();
        match self.ties.events.recv_timeout(Duration::ZERO) {
            Ok(event) => Ok(Some(self.ties.canceller.note(event))),
            Err(RecvTimeoutError::Timeout) => self.replace_disobedient(),
            Err(_gone) => self.replace_dead(),
        }
    }
}

impl Ties {
    /// Sends what there was no room for. If the worker is gone, the next read
    /// shows it.
    fn flush(&mut self) {
        let _ = self.queries.flush();
        self.canceller.flush();
    }
}
