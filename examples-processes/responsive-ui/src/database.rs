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

/// A database process, and what ties it to the screen.
pub struct DatabaseWorker<'scope> {
    scope: &'scope Scope,
    ties: Ties,
    process: JoinHandle<'scope, ()>,
}

/// Our ends. Without them the worker ends, once its query has.
struct Ties {
    queries: Sender<Request>,
    events: Receiver<Event>,
    cancelled: Option<(u64, Instant)>, // processes: when it was asked to
    asked: u64,
}

impl<'scope> DatabaseWorker<'scope> {
    pub fn start(scope: &'scope Scope) -> Result<Self> {
        let (queries, take) = pipe()?; // processes: the kernel's
        let (give, events) = pipe()?;
        let lent = [take.descriptors(), give.descriptors()].concat();
        let process = scope.spawn_with(&(), &lent)?; // processes: a job
        let ties = Ties { queries, events, cancelled: None, asked: 0 };
        Ok(DatabaseWorker { scope, ties, process })
    }

    pub fn id(&self) -> u32 {
        self.process.id() // processes: a number in `ps`
    }

    /// Ends the worker, in the middle of a query if need be.
    pub fn stop(self) -> Result<()> {
        self.process.kill().map(drop) // processes: whatever it does
    }

    /// Puts another worker in the place of one that is gone, or is to be.
    fn restart(&mut self) -> Result<String> {
        let gone = mem::replace(self, Self::start(self.scope)?);
        let id = gone.id();
        let status = gone.process.kill()?; // processes: it says how it died
        let reason = format!("database process {id} ended: {status}");
        Ok(format!("{reason}; there is a new one, Enter asks it"))
    }

    /// A new worker, if this one was cancelled and goes on.
    fn kill_if_late(&mut self) -> Result<Option<Event>> {
        let late = |(_, since): &(u64, Instant)| since.elapsed() > GRACE;
        let Some((id, _)) = self.ties.cancelled.filter(late) else {
            return Ok(None);
        };
        self.restart()?; // processes: nothing of it is left
        Ok(Some(Event { id, news: News::Cancelled }))
    }
}

impl Database for DatabaseWorker<'_> {
    fn ask(&mut self, query: Query) -> Result<()> {
        self.ties.cancelled = None;
        self.ties.asked = query.id;
        let request = Request::Ask(query); // processes: encoded
        if self.ties.queries.send(&request).is_err() {
            let asked = self.ties.asked;
            self.restart()?;
            self.ties.asked = asked;
            self.ties.queries.send(&request)?;
        }
        Ok(())
    }

    fn cancel(&mut self, query: u64) {
        if query == self.ties.asked && self.ties.cancelled.is_none() {
            self.ties.cancelled = Some((query, Instant::now()));
            // An error means that it is dead, as is seen by what comes next.
            let _ = self.ties.queries.send(&Request::Cancel(query)); // processes: it may obey
        }
    }

    fn next(&mut self) -> Result<Option<Event>> {
        match self.ties.events.recv_timeout(Duration::ZERO) {
            Ok(event) => Ok(Some(self.note(event))), // processes: decoded
            Err(RecvTimeoutError::Timeout) => self.kill_if_late(),
            Err(_gone) => {
                let id = self.ties.asked;
                let news = News::Failed(self.restart()?);
                Ok(Some(Event { id, news }))
            }
        }
    }
}

impl DatabaseWorker<'_> {
    /// What has ended need not be killed.
    fn note(&mut self, event: Event) -> Event {
        let goes_on = matches!(event.news, News::Columns(_) | News::Rows(_));
        if !goes_on {
            self.ties.cancelled = None;
        }
        event
    }
}
