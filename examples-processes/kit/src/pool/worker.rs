//! One worker of a pool, as its supervisor sees it.

use std::{
    io::{self, PipeWriter},
    mem,
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use common::supervision::{Entry, StopMethod, Supervision, Watch};
use rustix::{
    event::{PollFd, PollFlags},
    process::Signal,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{Delivery, Hello, Report};
use crate::{
    channel::error::SendError,
    start::child::{Child, death, hand_over, start},
    start::gate::Pipes,
    start::link::Link,
    start::role::{Assignment, POOL_WORKER},
};

/// A worker process and its state.
#[derive(Debug)]
pub(super) struct Worker<J, A> {
    /// How many workers were started before it.
    pub(super) serial: u64,
    /// How many jobs it has been sent.
    pub(super) delivered: u64,
    pub(super) state: State<J>,
    pub(super) link: Link<Report<A>>,
    child: Child,
    /// Closing this kills the worker.
    _lifeline: PipeWriter,
}

/// What a worker is doing.
#[derive(Debug)]
pub(super) enum State<J> {
    /// It has to report that it is ready by then.
    Starting(Option<Instant>),
    Idle,
    Busy(Attempt<J>),
    /// It was killed, for this reason if there is one. The pool only waits for
    /// its death.
    Condemned(Option<Attempt<J>>, Option<String>),
}

/// A job that a worker is doing.
#[derive(Debug)]
pub(super) struct Attempt<J> {
    pub(super) entry: Entry<J>,
    pub(super) watch: Watch,
}

impl<J: Serialize, A: DeserializeOwned> Worker<J, A> {
    /// Starts a worker. If it dies at once, that is not an error here: its
    /// death is reported like any other.
    pub(super) fn start(
        index: usize,
        hello: Hello,
        rules: &Supervision,
    ) -> Result<Self> {
        let serial = hello.serial;
        let (child, wire) = start(POOL_WORKER)?;
        let (line, lifeline) = io::pipe().context("cannot open a lifeline")?;
        if let Some(doom) = hello.doom() {
            doom.before_hello(&child)?;
        }
        let gate = None::<Pipes>;
        let assignment = Assignment { job: hello, index, lifeline: line, gate };
        hand_over(&wire, &assignment)?;
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

    /// Whether it has started: it is idle or busy.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.state, State::Idle | State::Busy(_))
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    pub(super) fn is_condemned(&self) -> bool {
        matches!(self.state, State::Condemned(..))
    }

    /// When to stop it, or to try the next way.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.state {
            State::Busy(attempt) => attempt.watch.due(),
            State::Starting(until) => *until,
            State::Idle | State::Condemned(..) => None,
        }
    }

    /// The two events to wait for: news, and its death. A condemned worker's
    /// messages are ignored.
    pub(super) fn ends(&self) -> [PollFd<'_>; 2] {
        let death = || death(self.child.pidfd(), &self.link);
        let news = match (self.is_condemned(), self.link.is_sending()) {
            (true, _) => death(),
            (_, true) => {
                PollFd::new(&self.link, PollFlags::IN | PollFlags::OUT)
            }
            (_, false) => PollFd::new(&self.link, PollFlags::IN),
        };
        [news, death()]
    }

    /// Sends a job; returns it if it cannot be encoded.
    pub(super) fn deliver(
        &mut self,
        entry: Entry<J>,
        grace: Duration,
    ) -> Result<(), (Entry<J>, SendError)> {
        let attempt = entry.endings.len();
        let delivery = Delivery { id: entry.id, attempt, job: &entry.job };
        if let Err(error) = self.link.send(&delivery) {
            return Err((entry, error));
        }
        self.delivered += 1;
        let first = StopMethod::first(attempt);
        let watch = Watch::new(entry.deadline, grace, first, Instant::now());
        self.state = State::Busy(Attempt { entry, watch });
        Ok(())
    }

    /// Takes its job away, if it has one. It is idle then.
    pub(super) fn rest(&mut self) -> State<J> {
        mem::replace(&mut self.state, State::Idle)
    }

    pub(super) fn terminate(&self) -> Result<()> {
        self.child.signal(Signal::TERM).context("cannot send SIGTERM")
    }

    /// Kills it, unless it is already dead, and the processes it started. Does
    /// not wait for its death.
    pub(super) fn kill(&self) -> Result<()> {
        self.child.kill().context("cannot send SIGKILL")
    }

    /// Reaps it; it must be dead.
    pub(super) fn reap(&mut self) -> Result<ExitStatus> {
        self.child.reap()
    }

    /// Reaps an idle worker that was told to exit. It is killed if it has not
    /// exited by `deadline`.
    pub(super) fn release(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.child.reap_until(deadline).map(drop)
    }
}
