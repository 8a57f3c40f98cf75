//! The screen's side: what it holds of a database process.

use std::{
    mem,
    time::{Duration, Instant},
};

use anyhow::Result;
use common::scenarios::responsive_ui::{Database, Event, News, Query};
use process_kit::{
    JoinHandle, Scope,
    channel::{Receiver, RecvTimeoutError, Sender, pipe},
};

use crate::link::Request;

/// How long a worker has to give up a query before it is killed.
const GRACE: Duration = Duration::from_millis(25); // processes: a last resort

/// A worker, and what ties it to the screen.
pub struct DatabaseWorker<'scope> {
    scope: &'scope Scope, // processes: the kit's
    ties: Ties,
    process: JoinHandle<'scope, ()>, // processes: the kit's
}

/// Our ends. Without them the worker ends, once its query has.
struct Ties {
    queries: Sender<Request>,
    events: Receiver<Event>,
    cancelled: Option<(u64, Instant)>, // processes: since when it should obey
    asked: u64,
}

impl<'scope> DatabaseWorker<'scope> {
    pub fn start(
        scope: &'scope Scope, // processes: the gate is in it
    ) -> Result<Self> {
        let (queries, take) = pipe()?; // processes: the kernel's
        let (give, events) = pipe()?;
        let lent = [take.descriptors(), give.descriptors()].concat();
        let process = scope.spawn_with(&(), &lent)?; // processes: copied over
        let ties = Ties { queries, events, cancelled: None, asked: 0 };
        Ok(DatabaseWorker { scope, ties, process })
    }

    pub fn id(&self) -> u32 {
        self.process.id() // processes: as `ps` has it
    }

    /// Ends the worker, in the middle of a query if need be.
    pub fn stop(self) -> Result<()> {
        self.process.kill().map(drop) // processes: whatever it does
    }

    /// Puts another worker in the place of one that is gone.
    fn restart(&mut self) -> Result<String> {
        let new = Self::start(self.scope)?; // processes: as before
        let reason = mem::replace(self, new).last_words()?;
        Ok(format!("{reason}; there is a new one, Enter asks it"))
    }

    fn last_words(self) -> Result<String> {
        let id = self.id();
        let status = self.process.kill()?; // processes: it says how it died
        Ok(format!("database process {id} ended: {status}"))
    }

    fn send(&mut self, query: Query) -> Result<()> {
        self.ties.cancelled = None; // processes: that was another
        self.ties.asked = query.id;
        Ok(self.ties.queries.send(&Request::Ask(query))?) // processes: encoded
    }

    /// A new worker, if this one was told to give up a query and goes on.
    fn insist(&mut self) -> Result<Option<Event>> {
        let is_late = |(_, since): &(u64, Instant)| since.elapsed() > GRACE; // processes: long enough
        match self.ties.cancelled.filter(is_late) {
            None => Ok(None),
            Some((id, _)) => {
                self.restart()?; // processes: nothing is left of it
                Ok(Some(Event { id, news: News::Cancelled }))
            }
        }
    }
}

impl Database for DatabaseWorker<'_> {
    fn ask(&mut self, query: Query) -> Result<()> {
        if self.send(query.clone()).is_err() {
            self.restart()?;
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
        match self.ties.events.recv_timeout(Duration::ZERO) {
            Ok(event) => Ok(Some(self.ties.note(event))), // processes: decoded
            Err(RecvTimeoutError::Timeout) => self.insist(), // processes: in time
            Err(_gone) => {
                let id = self.ties.asked;
                let news = News::Failed(self.restart()?);
                Ok(Some(Event { id, news }))
            }
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
