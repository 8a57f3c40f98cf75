//! The role that this process plays.

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

/// The first argument of a worker. People see it in `ps`, and never type it.
pub(crate) const WORKER: &str = "process-kit-worker";

/// The first argument of a worker of a [`Pool`](crate::Pool).
pub(crate) const POOL_WORKER: &str = "process-kit-worker-of-pool";

/// The role that this process plays.
#[derive(Debug)]
pub enum Role {
    /// The main program.
    Main,
    /// A worker, spawned by another process of this program.
    Worker(Parent),
}

/// Determines the role from the first argument. Call it first, so that a worker
/// costs no more than necessary.
///
/// In a [sweeper] or a [keeper](terminal) of the terminal it does not return:
/// the program has nothing to do there. These two keep what they inherit: a
/// sweeper blocks all signals from its start, on purpose.
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

/// The message from a parent to its worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Assignment<J, P = Pipes> {
    pub(crate) job: J,
    pub(crate) index: usize,
    #[serde(with = "crate::descriptor")]
    pub(crate) lifeline: PipeReader,
    pub(crate) gate: Option<P>,
}

/// The message from a worker to its parent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply<A> {
    Answer(A),
    /// The text of an error: the error itself cannot be sent.
    Failed(String),
}

/// The process that spawned this worker, as the worker sees it.
#[derive(Debug)]
pub struct Parent {
    /// The index of this worker among those that run at once, from 0.
    pub index: usize,
    /// The gate at which the workers of a scope start together.
    pub gate: Gate,
    pooled: bool,
    lifeline: Option<PipeReader>,
}

impl Parent {
    fn unmet(pooled: bool) -> Self {
        Parent { index: 0, gate: Gate::default(), pooled, lifeline: None }
    }

    /// Whether the worker belongs to a [`Pool`](crate::Pool), for programs that
    /// have both kinds of workers. If so, call
    /// [`serve_each`](Parent::serve_each), otherwise [`serve`](Parent::serve).
    pub fn has_a_pool(&self) -> bool {
        self.pooled
    }

    /// Runs as a worker: receives the job, does it, sends the answer, and stays
    /// parked until the parent tells it to exit.
    ///
    /// If `work` returns an error, the parent gets its text instead of the
    /// answer. If the parent dies, the worker is killed, even in the middle of
    /// `work`: then none of its destructors run.
    pub fn serve<J: DeserializeOwned, A: Serialize>(
        mut self,
        work: impl FnOnce(J, &mut Parent) -> Result<A>,
    ) -> ExitCode {
        demo::status(
            self.converse(work).context("a worker cannot reach its parent"),
        )
    }

    fn converse<J: DeserializeOwned, A: Serialize>(
        &mut self,
        work: impl FnOnce(J, &mut Parent) -> Result<A>,
    ) -> Result<()> {
        let wire = take_stdin().context("stdin is not the wire")?;
        let reply = match self.arrive(&wire) {
            Ok(None) => return Ok(()),
            Ok(Some(job)) => work(job, self),
            Err(error) => Err(error),
        };
        let reply = match reply {
            Ok(answer) => Reply::Answer(answer),
            Err(error) => Reply::Failed(inherited::in_words(&error)),
        };
        // A worker that never waited at the gate does not hold up the others.
        self.gate.arrive();
        hand_over(&wire, &reply)?;
        wire.receive::<()>()?;
        Ok(())
    }

    /// Receives the job, and ties this process to its parent. No job means that
    /// the parent is already gone.
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

/// A worker is in its own process group, so a terminal treats it as a
/// background job: it would stop the worker on a read and, after `stty tostop`,
/// on a write. Nothing would continue it. With these signals ignored, its
/// writes succeed and its reads find nothing.
fn ignore_job_control() {
    for signal in [libc::SIGTTOU, libc::SIGTTIN] {
        // SAFETY: ignoring a signal runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// The wire to the parent arrives as stdin, because `Command` cannot pass any
/// other descriptor without `pre_exec`. It is moved away, so that code that
/// reads stdin finds it empty and cannot consume a message.
pub(crate) fn take_stdin() -> Result<Wire> {
    let wire = fcntl_dupfd_cloexec(io::stdin(), 3)?;
    dup2_stdin(open("/dev/null", OFlags::RDONLY, Mode::empty())?)?;
    Ok(wire.into())
}
