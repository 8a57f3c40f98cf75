//! Which part of the program this process plays.

use std::{
    env,
    io::{self, PipeReader},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use common::{demo, inherited, lifeline, terminal};
use rustix::{
    fs::{Mode, OFlags, open},
    io::fcntl_dupfd_cloexec,
    process::Signal,
    stdio::dup2_stdin,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    guard::sweeper,
    start::child::hand_over,
    start::gate::{Gate, Pipes},
    start::wire::Wire,
};

/// The first argument of a worker. A person sees it in `ps`, and never types
/// it.
pub(crate) const WORKER: &str = "process-kit-worker";

/// The same of a worker of a [`Pool`](crate::Pool).
pub(crate) const POOL_WORKER: &str = "process-kit-worker-of-pool";

/// The part of the program that this process plays.
#[derive(Debug)]
pub enum Role {
    /// The process that a person started.
    Main,
    /// A worker that such a process spawned.
    Worker(Parent),
}

/// Finds out which part to play, from the first argument: before anything
/// else is done, so that a worker costs no more than it must.
///
/// In a [sweeper] and in a [keeper](terminal) of the terminal it does not
/// return: there is nothing to do for the program. They keep what they
/// inherit: a sweeper is deaf to signals from its start, on purpose.
pub fn role() -> Role {
    let mut arguments = env::args_os().skip(1);
    let role = arguments.next().unwrap_or_default();
    if role == sweeper::SWEEPER {
        sweeper::sweep(arguments);
    }
    if role == terminal::KEEPER {
        terminal::keep();
    }
    inherited::put_in_order();
    if role == WORKER {
        Role::Worker(Parent::unmet(false))
    } else if role == POOL_WORKER {
        Role::Worker(Parent::unmet(true))
    } else {
        Role::Main
    }
}

/// What a parent says to its worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Assignment<J, P = Pipes> {
    pub(crate) job: J,
    pub(crate) index: usize,
    #[serde(with = "crate::descriptor")]
    pub(crate) lifeline: PipeReader,
    pub(crate) gate: Option<P>,
}

/// What a worker says to its parent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply<A> {
    Answer(A),
    /// An error's text: the error itself cannot cross.
    Failed(String),
}

/// A worker's view of the process that spawned it.
#[derive(Debug)]
pub struct Parent {
    /// Which of the workers at once this one is, from 0.
    pub index: usize,
    /// Where the workers of one scope start together.
    pub gate: Gate,
    pooled: bool,
    lifeline: Option<PipeReader>,
}

impl Parent {
    fn unmet(pooled: bool) -> Self {
        Parent { index: 0, gate: Gate::default(), pooled, lifeline: None }
    }

    /// Whether it has a [`Pool`](crate::Pool), for programs that have workers
    /// of both kinds. Then it is for [`serve_each`](Parent::serve_each), and
    /// otherwise for [`serve`](Parent::serve).
    pub fn has_a_pool(&self) -> bool {
        self.pooled
    }

    /// Plays the worker: receives the job, does it, sends the answer, and
    /// stays, parked, until the parent lets it go.
    ///
    /// An error of `work` reaches the parent as its text, in place of the
    /// answer. The worker ends with its parent, even in the middle of
    /// `work`: no destructor of its own runs then.
    pub fn serve<J: DeserializeOwned, A: Serialize>(
        mut self,
        work: impl FnOnce(J, &mut Parent) -> Result<A>,
    ) -> ExitCode {
        demo::status(self.converse(work).context("a worker lost its parent"))
    }

    fn converse<J: DeserializeOwned, A: Serialize>(
        &mut self,
        work: impl FnOnce(J, &mut Parent) -> Result<A>,
    ) -> Result<()> {
        let wire = take_stdin().context("stdin is not its wire")?;
        let reply = match self.arrive(&wire) {
            Ok(None) => return Ok(()),
            Ok(Some(job)) => work(job, self),
            Err(error) => Err(error),
        };
        let reply = match reply {
            Ok(answer) => Reply::Answer(answer),
            Err(error) => Reply::Failed(inherited::in_words(&error)),
        };
        // A worker that never went to the gate is not waited for there.
        self.gate.arrive();
        hand_over(&wire, &reply)?;
        wire.receive::<()>()?;
        Ok(())
    }

    /// Receives the job, and ties this process to its parent. No job means
    /// that the parent is gone already.
    pub(crate) fn arrive<J: DeserializeOwned>(
        &mut self,
        wire: &Wire,
    ) -> Result<Option<J>> {
        let Some(assignment) = wire.receive()? else { return Ok(None) };
        let Assignment { job, index, lifeline, gate } = assignment;
        lifeline::hold_for_group(&lifeline, Signal::KILL)?;
        ignore_job_control();
        self.index = index;
        self.gate = Gate::of(gate);
        self.lifeline = Some(lifeline);
        Ok(Some(job))
    }
}

/// A worker is in a process group of its own, so a terminal takes it for a
/// background job: with `stty tostop` it would stop one that writes to it,
/// and any that reads. Nobody would know to continue it, so it writes all the
/// same, and finds nothing to read.
fn ignore_job_control() {
    for signal in [libc::SIGTTOU, libc::SIGTTIN] {
        // SAFETY: to ignore a signal runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// The wire to the parent comes as stdin, because `Command` can pass no
/// other descriptor without a `pre_exec`. It is moved away, so that whatever
/// reads stdin finds it empty and cannot eat a message.
pub(crate) fn take_stdin() -> Result<Wire> {
    let wire = fcntl_dupfd_cloexec(io::stdin(), 3)?;
    dup2_stdin(open("/dev/null", OFlags::RDONLY, Mode::empty())?)?;
    Ok(wire.into())
}
