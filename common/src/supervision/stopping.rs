//! The ways to stop a worker, and when to try each.

use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The ways to stop a worker, from weakest to strongest.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    ValueEnum,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum StopMethod {
    /// Set a flag, which the job checks when it chooses to
    Ask,
    /// Close what it waits for, or send SIGTERM
    Interrupt,
    /// SIGKILL. Threads have no counterpart: they are abandoned
    Force,
}

impl StopMethod {
    /// The next stronger way, if there is one.
    pub fn next(self) -> Option<Self> {
        match self {
            StopMethod::Ask => Some(StopMethod::Interrupt),
            StopMethod::Interrupt => Some(StopMethod::Force),
            StopMethod::Force => None,
        }
    }

    /// The first way to try, one step stronger with each attempt: a job that
    /// had to be stopped before is not asked again.
    pub fn first(attempt: usize) -> Self {
        match attempt {
            0 => StopMethod::Ask,
            1 => StopMethod::Interrupt,
            _ => StopMethod::Force,
        }
    }
}

/// When to stop an attempt, in which way, and when to escalate.
#[derive(Debug)]
pub struct Watch {
    grace: Duration,
    due: Option<Instant>,
    first: StopMethod,
    stopping: Option<Stopping>,
}

#[derive(Debug, Clone, Copy)]
struct Stopping {
    by: StopMethod,
    begun: Instant,
    since: Instant,
}

impl Watch {
    /// Watches an attempt that starts now.
    pub fn new(
        deadline: Option<Duration>,
        grace: Duration,
        first: StopMethod,
        now: Instant,
    ) -> Self {
        let due = deadline.and_then(|time| now.checked_add(time));
        Watch { grace, due, first, stopping: None }
    }

    /// When to check next. None if there is no deadline.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The way to try now, if it is time for one.
    pub fn escalate(&mut self, now: Instant) -> Option<StopMethod> {
        if self.due.is_none_or(|due| now < due) {
            return None;
        }
        let by = match self.stopping {
            None => self.first,
            Some(Stopping { by, .. }) => by.next()?,
        };
        let begun = self.stopping.map_or(now, |stopping| stopping.begun);
        self.stopping = Some(Stopping { by, begun, since: now });
        self.due = by.next().and_then(|_| now.checked_add(self.grace));
        Some(by)
    }

    /// How the attempt was stopped, given that it stopped at `now`. None if
    /// nothing tried to stop it.
    pub fn stopped(&self, now: Instant) -> Option<Stopped> {
        let Stopping { by, begun, since } = self.stopping?;
        Some(Stopped {
            first: self.first,
            by,
            after: now - since,
            in_all: now - begun,
        })
    }
}

/// How an attempt was stopped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stopped {
    /// The first way tried.
    pub first: StopMethod,
    /// The way that worked.
    pub by: StopMethod,
    /// How long that way took.
    pub after: Duration,
    /// How long it took since the first way was tried.
    pub in_all: Duration,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn ways_are_tried_one_after_the_other_each_for_its_grace() {
        let begin = Instant::now();
        let at = |seconds| begin + seconds * SECOND;
        let deadline = Some(10 * SECOND);
        let mut watch = Watch::new(deadline, SECOND, StopMethod::Ask, begin);
        assert_eq!(watch.escalate(at(9)), None);
        assert_eq!(watch.stopped(at(9)), None);
        assert_eq!(watch.escalate(at(10)), Some(StopMethod::Ask));
        assert_eq!(watch.escalate(at(10)), None);
        assert_eq!(watch.escalate(at(11)), Some(StopMethod::Interrupt));
        assert_eq!(watch.escalate(at(13)), Some(StopMethod::Force));
        assert_eq!(watch.due(), None);
        assert_eq!(watch.escalate(at(99)), None);
        let stopped = watch.stopped(at(14)).unwrap();
        assert_eq!(
            (stopped.first, stopped.by),
            (StopMethod::Ask, StopMethod::Force)
        );
        assert_eq!(stopped.after, SECOND);
        assert_eq!(stopped.in_all, 4 * SECOND);
    }

    #[test]
    fn without_a_deadline_nothing_is_stopped() {
        let begin = Instant::now();
        let mut watch = Watch::new(None, SECOND, StopMethod::Ask, begin);
        assert_eq!(watch.due(), None);
        assert_eq!(watch.escalate(Instant::now() + 1000 * SECOND), None);
    }
}
