//! The screen's side: what it holds of a database process.

use std::{
    mem,
    time::{Duration, Instant},
};

use anyhow::Result;
use common::scenarios::responsive_ui::{Database, Event, News, Query};
use process_kit::{
    JoinHandle, Scope,
    channel::{Outbox, Receiver, RecvTimeoutError, outbox, pipe},
};

use crate::link::Request;

/// How long a worker has to give up a query before it is killed.
const GRACE: Duration = Duration::from_millis(25); // processes: a last resort

/// A worker, and what ties it to the screen.
pub struct DatabaseWorker<'scope> {
    scope: &'scope Scope, // processes: the kit's
    ties: Ties,
    process: JoinHandle<'scope, ()>, // processes: the kit's
    /// Those before it, which were killed: nobody waits until they are gone.
    leaving: Vec<JoinHandle<'scope, ()>>, // processes: one can be left behind
}

/// Our ends. Without them the worker ends, once its query has.
struct Ties {
    /// A worker that is stopped does not read: a long query would fill a pipe.
    queries: Outbox<Request>, // processes: never waits
    events: Receiver<Event>,
    cancelled: Option<(u64, Instant)>, // processes: since when it should obey
    asked: u64,
}

impl<'scope> DatabaseWorker<'scope> {
    pub fn start(
        scope: &'scope Scope, // processes: the gate is in it
    ) -> Result<Self> {
        let (queries, take) = outbox()?; // processes: the kernel's
        let (give, events) = pipe()?;
        let lent = [take.descriptors(), give.descriptors()].concat();
        let process = scope.spawn_with(&(), &lent)?; // processes: copied over
        let ties = Ties { queries, events, cancelled: None, asked: 0 };
        Ok(DatabaseWorker { scope, ties, process, leaving: Vec::new() })
    }

    pub fn id(&self) -> u32 {
        self.process.id() // processes: as `ps` has it
    }

    /// Ends the worker, in the middle of a query if need be.
    pub fn stop(self) -> Result<()> {
        self.process.kill().map(drop) // processes: whatever it does
    }

    /// Puts another worker in its place, and hands over the old one.
    fn replace(&mut self) -> Result<JoinHandle<'scope, ()>> {
        let new = Self::start(self.scope)?; // processes: as before
        self.ties = new.ties;
        Ok(mem::replace(&mut self.process, new.process))
    }

    /// A new worker, once it is known how the old one ended.
    fn replace_dead(&mut self) -> Result<Option<Event>> {
        let Some(status) = self.process.try_kill()? else {
            return self.insist(); // processes: it may take a while to go
        };
        let (id, worker) = (self.ties.asked, self.id());
        let reason = format!("database process {worker} ended: {status}"); // processes: it says how it died
        drop(self.replace()?);
        let text = format!("{reason}; there is a new one, Enter asks it");
        Ok(Some(Event { id, news: News::Failed(text) }))
    }

    fn send(&mut self, query: Query) -> Result<()> {
        self.ties.cancelled = None; // processes: that was another
        self.ties.asked = query.id;
        Ok(self.ties.queries.send(&Request::Ask(query))?) // processes: encoded
    }

    /// A new worker, if this one was told to give up a query and goes on, or
    /// was not even reached.
    fn insist(&mut self) -> Result<Option<Event>> {
        let is_late = |(_, since): &(u64, Instant)| since.elapsed() > GRACE; // processes: long enough
        let Some((id, _)) = self.ties.cancelled.filter(is_late) else {
            return Ok(None);
        };
        let old = self.replace()?; // processes: nothing is left of it
        self.leaving.push(old);
        Ok(Some(Event { id, news: News::Cancelled }))
    }

    fn reap(&mut self) {
        let is_left = |old: &mut JoinHandle<'_, ()>| {
            !matches!(old.try_kill(), Ok(Some(_))) // processes: or a zombie stays
        };
        self.leaving.retain_mut(is_left);
    }
}

impl Database for DatabaseWorker<'_> {
    fn ask(&mut self, query: Query) -> Result<()> {
        if self.send(query.clone()).is_err() {
            let old = self.replace()?;
            self.leaving.push(old); // processes: killed, and reaped later
            self.send(query)?;
        }
        Ok(())
    }

    fn cancel(&mut self, query: u64) {
        if self.ties.asked == query && self.ties.cancelled.is_none() {
            self.ties.cancelled = Some((query, Instant::now())); // processes: from now on
            // That it is dead already is seen by what comes next.
            let _ = self.ties.queries.send(&Request::Cancel(query)); // processes: to be obeyed
        }
    }

    fn next(&mut self) -> Result<Option<Event>> {
        self.reap();
        // That nobody reads it is seen by what comes next.
        let _ = self.ties.queries.flush(); // processes: what there is room for
        match self.ties.events.recv_timeout(Duration::ZERO) {
            Ok(event) => Ok(Some(self.ties.note(event))), // processes: decoded
            Err(RecvTimeoutError::Timeout) => self.insist(), // processes: in time
            Err(_gone) => self.replace_dead(),
        }
    }
}

impl Ties {
    /// Who has ended a query obeyed, if late.
    fn note(&mut self, event: Event) -> Event {
        if !matches!(event.news, News::Columns(_) | News::Rows(_)) {
            self.cancelled = None; // processes: no need to insist
        }
        event
    }
}
