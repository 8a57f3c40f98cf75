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
    /// It was killed, for this reason if one is known. Only its death is
    /// waited for.
    Condemned(Option<Attempt<J>>, Option<String>),
}

/// A job in a worker's hands.
#[derive(Debug)]
pub(super) struct Attempt<J> {
    pub(super) entry: Entry<J>,
    pub(super) watch: Watch,
}

impl<J: Serialize, A: DeserializeOwned> Worker<J, A> {
    /// Starts one. That it dies at once is no error here: its death is told
    /// as any other.
    pub(super) fn start(
        index: usize,
        hello: Hello,
        rules: &Supervision,
    ) -> Result<Self> {
        let serial = hello.serial;
        let (child, wire) = start(POOL_WORKER)?;
        let (line, lifeline) = io::pipe().context("no pipe for a lifeline")?;
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

    /// Whether it can be given jobs, sooner or later.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.state, State::Idle | State::Busy(_))
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    pub(super) fn is_condemned(&self) -> bool {
        matches!(self.state, State::Condemned(..))
    }

    /// When it is time to stop it, or to try another way.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.state {
            State::Busy(attempt) => attempt.watch.due(),
            State::Starting(until) => *until,
            State::Idle | State::Condemned(..) => None,
        }
    }

    /// Two things to wait for: news, and its death. What the condemned say is
    /// not heard.
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

    /// Sends a job; gives it back if it has no encoding.
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
        self.child.signal(Signal::TERM).context("no SIGTERM can be sent")
    }

    /// Kills it, unless it is dead already, and what it has started. Its
    /// death is for others to wait for.
    pub(super) fn kill(&self) -> Result<()> {
        self.child.kill().context("no SIGKILL can be sent")
    }

    /// Reaps it, which is dead.
    pub(super) fn reap(&mut self) -> Result<ExitStatus> {
        self.child.reap()
    }

    /// Lets a worker go that is idle. It has until then to end.
    pub(super) fn release(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.child.reap_until(deadline).map(drop)
    }
}
