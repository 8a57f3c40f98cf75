//! How the screen cancels a query: it tells the worker, and kills a worker
//! that keeps running it.
//!
//! It has no twin: a thread cannot be killed. But all its memory can be
//! reached, so the query that it runs can be interrupted.

use std::{
    io,
    time::{Duration, Instant},
};

use common::scenarios::responsive_ui::{Event, News};
use process_kit::{
    JoinHandle,
    channel::{Outbox, Receiver, outbox},
};
use serde::{Deserialize, Serialize};

/// How long a worker has to give up a query before it is killed.
const GRACE: Duration = Duration::from_millis(25);

/// The screen's end, and the worker's.
pub fn canceller() -> io::Result<(Canceller, Cancelled)> {
    let (tell, told) = outbox()?;
    Ok((Canceller { tell, pending: None }, Cancelled { told, last: 0 }))
}

/// The screen's end.
pub struct Canceller {
    tell: Outbox<u64>,
    /// What the worker was told to give up, and when.
    pending: Option<(u64, Instant)>,
}

/// The worker's end.
#[derive(Serialize, Deserialize)]
pub struct Cancelled {
    told: Receiver<u64>,
    last: u64,
}

impl Canceller {
    pub fn cancel(&mut self, query: u64) {
        let is_pending = self.pending.is_some_and(|(id, _)| id == query);
        if !is_pending {
            self.pending = Some((query, Instant::now()));
            // If the worker is dead, the next read shows it.
            let _ = self.tell.send(&query);
        }
    }

    /// Sends what there was no room for.
    pub fn flush(&mut self) {
        // As above.
        let _ = self.tell.flush();
    }

    /// Notes an event: a worker whose query has finished has obeyed, if late.
    pub fn note(&mut self, event: Event) -> Event {
        if !matches!(event.news, News::Columns(_) | News::Rows(_)) {
            self.pending = None;
        }
        event
    }

    /// Whether the worker keeps running this query although it was told to
    /// give it up, or has not even received that.
    pub fn is_disobeyed(&self, query: u64) -> bool {
        self.pending
            .is_some_and(|(id, since)| id == query && since.elapsed() > GRACE)
    }
}

impl Cancelled {
    /// Whether this query was cancelled, according to the latest message.
    pub fn is(&mut self, query: u64) -> bool {
        while let Ok(cancelled) = self.told.recv_timeout(Duration::ZERO) {
            self.last = cancelled;
        }
        self.last == query
    }
}

/// Workers that are being killed. The screen does not wait until they are gone,
/// because that may take a while.
#[derive(Default)]
pub struct Killed<'a>(Vec<JoinHandle<'a, ()>>);

impl<'a> Killed<'a> {
    pub fn add(&mut self, worker: JoinHandle<'a, ()>) {
        self.0.push(worker);
    }

    /// Kills them, and reaps those that have exited.
    pub fn reap(&mut self) {
        let is_left = |worker: &mut JoinHandle<'_, ()>| {
            !matches!(worker.try_kill(), Ok(Some(_)))
        };
        self.0.retain_mut(is_left);
    }
}
