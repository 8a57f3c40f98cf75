//! Spawning this program again as a worker, and joining it.

use std::{
    cell::{Cell, Ref, RefCell},
    io::{self, PipeWriter},
    marker::PhantomData,
    process::ExitStatus,
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    channel::error::{self, RecvError},
    start::child::{Child, PARTING, death, hand_over, start},
    start::gate::GateKeeper,
    start::join_set::first_ready,
    start::link::Link,
    start::role::{Assignment, Reply, WORKER},
};

/// Runs `body`, in which workers can be spawned, and returns when all of
/// them are gone: those that were joined because they were done, the others
/// because they were killed. A thread can only be waited for; a process can
/// be ended. So an early `?` in `body` waits for nobody.
///
/// # Errors
///
/// Fails if the gate cannot be made, or as `body` does.
pub fn scope<T>(
    body: impl for<'scope> FnOnce(&'scope Scope) -> Result<T>,
) -> Result<T> {
    let gate = GateKeeper::new().context("no pipe for the start gate")?;
    let gate = RefCell::new(Some(gate));
    body(&Scope { gate, spawned: Cell::new(0) })
}

/// Where workers can be spawned that share one start gate.
#[derive(Debug)]
pub struct Scope {
    gate: RefCell<Option<GateKeeper>>,
    spawned: Cell<usize>,
}

impl Scope {
    /// Starts this program again as a worker on `job`. The handle cannot
    /// leave the scope.
    ///
    /// # Errors
    ///
    /// Fails if no process can be had, or if the job cannot be encoded.
    pub fn spawn<J: Serialize, A: DeserializeOwned>(
        &self,
        job: &J,
    ) -> Result<JoinHandle<'_, A>> {
        let index = self.spawned.get();
        self.spawned.set(index + 1);
        self.spawn_as(index, job)
    }

    /// The same for a worker that takes another's place.
    pub(crate) fn spawn_as<J: Serialize, A: DeserializeOwned>(
        &self,
        index: usize,
        job: &J,
    ) -> Result<JoinHandle<'_, A>> {
        let (child, wire) =
            start(WORKER).context("no worker can be started")?;
        let (line, lifeline) = io::pipe().context("no pipe for a lifeline")?;
        let mut keeper = self.gate.borrow_mut();
        let gate = keeper.as_ref().and_then(GateKeeper::pipes);
        let assignment = Assignment { job, index, lifeline: line, gate };
        hand_over(&wire, &assignment)
            .context("a worker did not take its job")?;
        if let Some(keeper) = keeper.as_mut() {
            keeper.expect(&child);
        }
        Ok(JoinHandle {
            index,
            child,
            heard: RefCell::new(Heard { link: Link::new(wire)?, word: None }),
            _lifeline: lifeline,
            _scope: PhantomData,
        })
    }

    /// Waits until every worker spawned so far stands at the gate, or is
    /// dead. Now is the time to start the clock: once the gate is open, the
    /// workers may have the cores before we do.
    ///
    /// # Errors
    ///
    /// Fails if the gate is open already, or cannot be watched.
    pub fn wait_for_all(&self) -> Result<()> {
        let mut gate = self.gate.borrow_mut();
        let gate = gate.as_mut().context("the gate is open already")?;
        gate.wait_for_all().context("the gate cannot be watched")
    }

    /// Releases all who stand at the gate at once. Workers that are spawned
    /// later find it open.
    pub fn open_gate(&self) {
        if let Some(gate) = self.gate.take() {
            gate.open();
        }
    }
}

/// A worker that was spawned. Dropped without [`join`](JoinHandle::join), it
/// kills the worker and what that has started, and reaps it.
#[derive(Debug)]
pub struct JoinHandle<'scope, A> {
    index: usize,
    child: Child,
    heard: RefCell<Heard<A>>,
    /// The worker is killed when this is closed: by drop, or by the kernel
    /// when this process ends.
    _lifeline: PipeWriter,
    _scope: PhantomData<&'scope Scope>,
}

/// What has come from a worker.
#[derive(Debug)]
pub(crate) struct Heard<A> {
    link: Link<Reply<A>>,
    /// Its whole answer, or why there will be none.
    word: Option<Result<Reply<A>, RecvError>>,
}

impl<A: DeserializeOwned> JoinHandle<'_, A> {
    /// Which of the workers at once it is, from 0.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// The worker's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the answer is in. The worker stays, parked, until it is
    /// joined: so the time it takes to end can be told from its work.
    ///
    /// # Errors
    ///
    /// Fails with the text of the worker's error, or, if it died before it
    /// answered, with how it died.
    pub fn wait_for_answer(&mut self) -> Result<&A> {
        if let Some(how) = self.wait_for_answer_or_death()? {
            let id = self.id();
            bail!("worker {id} died before it answered: {how}");
        }
        match &self.heard.get_mut().word {
            Some(Ok(Reply::Answer(answer))) => Ok(answer),
            _ => bail!("the answer was taken before"),
        }
    }

    /// Waits until the answer is in, for who can do without: a worker that
    /// died before it answered is reaped, and how it died is no error. One
    /// that has hung up and goes on is killed.
    ///
    /// # Errors
    ///
    /// Fails with the text of the worker's error.
    pub fn wait_for_answer_or_death(&mut self) -> Result<Option<ExitStatus>> {
        first_ready([&*self], None)?;
        match &self.heard.get_mut().word {
            Some(Ok(Reply::Answer(_))) => Ok(None),
            Some(Ok(Reply::Failed(error))) => bail!("{error}"),
            Some(Err(error)) if !is_an_end(error) => bail!("{error}"),
            None => bail!("the answer was taken before"),
            _ => self.child.reap_until(soon()).map(Some),
        }
    }

    /// Waits for the answer, lets the worker go, and reaps it. A worker that
    /// does not end is killed after a while.
    ///
    /// # Errors
    ///
    /// As [`wait_for_answer`](JoinHandle::wait_for_answer), and if the worker
    /// did not end well afterwards.
    pub fn join(mut self) -> Result<A> {
        let answer = self.take_answer()?;
        self.release()?;
        Ok(answer)
    }

    /// The answer of a worker that stays parked.
    pub(crate) fn take_answer(&mut self) -> Result<A> {
        self.wait_for_answer()?;
        match self.heard.get_mut().word.take() {
            Some(Ok(Reply::Answer(answer))) => Ok(answer),
            _ => bail!("the answer was taken before"),
        }
    }

    /// Lets a worker go whose answer was taken.
    pub(crate) fn let_go(&self) {
        self.heard.borrow().link.close();
    }

    /// Whether it is dead, and only to be reaped.
    pub(crate) fn is_dead(&self) -> bool {
        self.child.is_dead()
    }

    /// Lets a worker go whose answer was taken, and reaps it.
    pub(crate) fn release(mut self) -> Result<()> {
        self.let_go();
        let (id, status) = (self.id(), self.child.reap_until(soon())?);
        ensure!(status.success(), "worker {id} ended badly: {status}");
        Ok(())
    }

    /// Ends the worker at once, whatever it does, and reaps it.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses.
    pub fn kill(mut self) -> Result<ExitStatus> {
        self.child.end()
    }

    /// The same for one who must not wait: how the worker ended, if it is
    /// gone. It takes a moment to go, or longer if it is stuck in the kernel,
    /// so this is to be called again until then.
    ///
    /// # Errors
    ///
    /// As [`kill`](JoinHandle::kill).
    pub fn try_kill(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_end()
    }

    /// Takes what has come, if it has something to say or is dead. Whether
    /// that is all: a whole answer, or the news that there will be none.
    pub(crate) fn hear(&self, [speaks, is_dead]: [bool; 2]) -> bool {
        let Heard { link, word } = &mut *self.heard.borrow_mut();
        if word.is_none() && (speaks || is_dead) {
            *word = match link.receive().transpose() {
                None if is_dead => Some(Err(RecvError::Disconnected)),
                word => word,
            };
        }
        word.is_some()
    }

    /// What has come so far, to wait for more of it.
    pub(crate) fn heard(&self) -> Ref<'_, Heard<A>> {
        self.heard.borrow()
    }

    /// Two things to wait for: more from the worker, and its death.
    pub(crate) fn ends<'a>(&'a self, heard: &'a Heard<A>) -> [PollFd<'a>; 2] {
        let Heard { link, .. } = heard;
        let death = death(self.child.pidfd(), link);
        [PollFd::new(link, PollFlags::IN), death]
    }
}

/// Whether the worker has ended, or hung up, before its answer was whole.
fn is_an_end(error: &RecvError) -> bool {
    use RecvError::{Corrupt, Disconnected};
    matches!(error, Disconnected | Corrupt(error::Corrupt::Cut { .. }))
}

/// The process ids of these workers.
pub fn ids<A>(workers: &[JoinHandle<'_, A>]) -> Vec<u32> {
    workers.iter().map(|worker| worker.child.id()).collect()
}

/// By then a worker has ended that is about to.
fn soon() -> Option<Instant> {
    Instant::now().checked_add(PARTING)
}
