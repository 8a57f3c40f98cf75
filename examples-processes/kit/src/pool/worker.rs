//! One worker of a pool, as its supervisor sees it.

use std::{
    io::{self, PipeWriter},
    mem,
    os::fd::AsFd as _,
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use common::supervision::{Entry, Supervision, Watch, Way};
use rustix::{
    event::{PollFd, PollFlags},
    process::Signal,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{Delivery, Hello, Report, link::Link};
use crate::{
    child::{Child, start},
    error::SendError,
    flags::Flags,
    role::{Assignment, POOL_WORKER},
};

/// How long a worker may take to end that has nothing to do any more.
const PARTING: Duration = Duration::from_secs(2);

/// A worker process, and what it is at.
#[derive(Debug)]
pub(super) struct Worker<J, A> {
    /// How many were started before it, in all.
    pub(super) serial: u64,
    /// How many jobs it was sent.
    pub(super) delivered: u64,
    pub(super) state: State<J>,
    pub(super) link: Link<Report<A>>,
    child: Child,
    /// The worker is killed when this is closed.
    _lifeline: PipeWriter,
}

/// What a worker is at.
#[derive(Debug)]
pub(super) enum State<J> {
    /// It has until then to say that it is ready.
    Starting(Option<Instant>),
    Idle,
    Busy(Attempt<J>),
}

/// A job in a worker's hands.
#[derive(Debug)]
pub(super) struct Attempt<J> {
    pub(super) entry: Entry<J>,
    pub(super) watch: Watch,
}

impl<J: Serialize, A: DeserializeOwned> Worker<J, A> {
    pub(super) fn start(
        index: usize,
        hello: Hello,
        flags: &Flags,
        rules: &Supervision,
    ) -> Result<Self> {
        let serial = hello.serial;
        let (child, wire) = start(POOL_WORKER)?;
        let (line, lifeline) = io::pipe().context("no pipe for a lifeline")?;
        let assignment = Assignment { job: hello, index, gated: false };
        wire.send(&assignment, &[line.as_fd(), flags.as_fd()])?;
        Ok(Worker {
            serial,
            delivered: 0,
            state: State::Starting(Instant::now().checked_add(rules.start)),
            link: Link::new(wire)?,
            child,
            _lifeline: lifeline,
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn is_starting(&self) -> bool {
        matches!(self.state, State::Starting(_))
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// When it is time to stop it, or to try another way.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.state {
            State::Busy(attempt) => attempt.watch.due(),
            State::Starting(until) => *until,
            State::Idle => None,
        }
    }

    /// The way to stop it, if it is time for one. Who is not ready in time
    /// has nothing to be asked for.
    pub(super) fn escalate(&mut self, now: Instant) -> Option<Way> {
        match &mut self.state {
            State::Busy(attempt) => attempt.watch.escalate(now),
            State::Starting(Some(until)) if *until <= now => Some(Way::Force),
            State::Starting(_) | State::Idle => None,
        }
    }

    /// What to wait for.
    pub(super) fn poll(&self) -> PollFd<'_> {
        let flags = match self.link.is_sending() {
            true => PollFlags::IN | PollFlags::OUT,
            false => PollFlags::IN,
        };
        PollFd::new(&self.link, flags)
    }

    /// Sends a job; gives it back if it has no encoding.
    pub(super) fn deliver(
        &mut self,
        entry: Entry<J>,
        rules: &Supervision,
    ) -> Result<(), (Entry<J>, SendError)> {
        let attempt = entry.endings.len();
        let delivery = Delivery { id: entry.id, attempt, job: &entry.job };
        if let Err(error) = self.link.send(&delivery) {
            return Err((entry, error));
        }
        self.delivered += 1;
        let watch = Watch::new(rules, Way::first(attempt), Instant::now());
        self.state = State::Busy(Attempt { entry, watch });
        Ok(())
    }

    /// Takes its job away, if it has one. It is idle then.
    pub(super) fn rest(&mut self) -> State<J> {
        mem::replace(&mut self.state, State::Idle)
    }

    pub(super) fn terminate(&self) -> Result<()> {
        self.child.signal(Signal::TERM).context("no SIGTERM can be sent")
    }

    /// Kills it, unless it is dead already, and reaps it.
    pub(super) fn kill(&mut self) -> Result<ExitStatus> {
        self.child.end()
    }

    /// Lets a worker go that is idle, and reaps it.
    pub(super) fn release(self) -> Result<()> {
        let Worker { mut child, link, .. } = self;
        drop(link);
        child.reap_within(PARTING)?;
        Ok(())
    }
}
