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

/// Runs `body`, which can spawn workers, and returns when all of them are gone:
/// the joined ones because they have finished, the others because they were
/// killed. A thread can only be waited for; a process can be killed. So after
/// an early `?` in `body`, this waits for no worker.
///
/// # Errors
///
/// Fails if the gate cannot be created, or if `body` does.
pub fn scope<T>(
    body: impl for<'scope> FnOnce(&'scope Scope) -> Result<T>,
) -> Result<T> {
    let gate = GateKeeper::new().context("cannot create the start gate")?;
    let gate = RefCell::new(Some(gate));
    body(&Scope { gate, spawned: Cell::new(0) })
}

/// Spawns workers that share one start gate.
#[derive(Debug)]
pub struct Scope {
    gate: RefCell<Option<GateKeeper>>,
    spawned: Cell<usize>,
}

impl Scope {
    /// Starts this program again as a worker for `job`. The handle cannot leave
    /// the scope.
    ///
    /// # Errors
    ///
    /// Fails if a process cannot be started, or if the job cannot be encoded.
    pub fn spawn<J: Serialize, A: DeserializeOwned>(
        &self,
        job: &J,
    ) -> Result<JoinHandle<'_, A>> {
        let index = self.spawned.get();
        self.spawned.set(index + 1);
        self.spawn_as(index, job)
    }

    /// Spawns a worker that takes another's place.
    pub(crate) fn spawn_as<J: Serialize, A: DeserializeOwned>(
        &self,
        index: usize,
        job: &J,
    ) -> Result<JoinHandle<'_, A>> {
        let (child, wire) = start(WORKER).context("cannot start a worker")?;
        let (line, lifeline) = io::pipe().context("cannot open a lifeline")?;
        let mut keeper = self.gate.borrow_mut();
        let gate = keeper.as_ref().and_then(GateKeeper::pipes);
        let assignment = Assignment { job, index, lifeline: line, gate };
        hand_over(&wire, &assignment)
            .context("cannot hand a job to a worker")?;
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

    /// Waits until every worker spawned so far has arrived at the gate or died.
    /// This is the time to start the clock: once the gate is open, the workers
    /// may get the cores before the parent does.
    ///
    /// # Errors
    ///
    /// Fails if the gate is already open, or cannot be watched.
    pub fn wait_for_all(&self) -> Result<()> {
        let mut gate = self.gate.borrow_mut();
        let gate = gate.as_mut().context("the gate is already open")?;
        gate.wait_for_all().context("cannot watch the gate")
    }

    /// Releases all workers at the gate at once. Workers spawned later find it
    /// open.
    pub fn open_gate(&self) {
        if let Some(gate) = self.gate.take() {
            gate.open();
        }
    }
}

/// A spawned worker. Dropping the handle without [`join`](JoinHandle::join)
/// kills and reaps the worker, and kills the processes that it started.
#[derive(Debug)]
pub struct JoinHandle<'scope, A> {
    index: usize,
    child: Child,
    heard: RefCell<Heard<A>>,
    /// Closing this kills the worker: on drop, or when this process exits and
    /// the kernel closes it.
    _lifeline: PipeWriter,
    _scope: PhantomData<&'scope Scope>,
}

/// What a worker has sent so far.
#[derive(Debug)]
pub(crate) struct Heard<A> {
    link: Link<Reply<A>>,
    /// Its whole answer, or the reason why there will be none.
    word: Option<Result<Reply<A>, RecvError>>,
}

impl<A: DeserializeOwned> JoinHandle<'_, A> {
    /// The index of the worker among those that run at once, from 0.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// The worker's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the answer. The worker stays parked until it is joined, so the
    /// time that it takes to exit can be measured separately from its work.
    ///
    /// # Errors
    ///
    /// Fails with the text of the worker's error or, if it died before it
    /// answered, with its exit status.
    pub fn wait_for_answer(&mut self) -> Result<&A> {
        if let Some(how) = self.wait_for_answer_or_death()? {
            let id = self.id();
            bail!("worker {id} died before it answered: {how}");
        }
        match &self.heard.get_mut().word {
            Some(Ok(Reply::Answer(answer))) => Ok(answer),
            _ => bail!("the answer was already taken"),
        }
    }

    /// Waits for the answer, where a death is not an error: a worker that died
    /// before it answered is reaped, and its exit status is returned. A worker
    /// that has hung up but keeps running is killed.
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
            None => bail!("the answer was already taken"),
            _ => self.child.reap_until(soon()).map(Some),
        }
    }

    /// Waits for the answer, tells the worker to exit, and reaps it. A worker
    /// that does not exit is killed after a while.
    ///
    /// # Errors
    ///
    /// As [`wait_for_answer`](JoinHandle::wait_for_answer), and if the worker
    /// then did not exit cleanly.
    pub fn join(mut self) -> Result<A> {
        let answer = self.take_answer()?;
        self.release()?;
        Ok(answer)
    }

    /// Takes the answer of a worker, which stays parked.
    pub(crate) fn take_answer(&mut self) -> Result<A> {
        self.wait_for_answer()?;
        match self.heard.get_mut().word.take() {
            Some(Ok(Reply::Answer(answer))) => Ok(answer),
            _ => bail!("the answer was already taken"),
        }
    }

    /// Tells a worker whose answer was taken to exit.
    pub(crate) fn let_go(&self) {
        self.heard.borrow().link.close();
    }

    /// Whether it is dead and only has to be reaped.
    pub(crate) fn is_dead(&self) -> bool {
        self.child.is_dead()
    }

    /// Tells a worker whose answer was taken to exit, and reaps it.
    pub(crate) fn release(mut self) -> Result<()> {
        self.let_go();
        let (id, status) = (self.id(), self.child.reap_until(soon())?);
        ensure!(status.success(), "worker {id} exited badly: {status}");
        Ok(())
    }

    /// Kills the worker, whatever it is doing, and reaps it.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses.
    pub fn kill(mut self) -> Result<ExitStatus> {
        self.child.end()
    }

    /// As [`kill`](JoinHandle::kill), without waiting: returns the worker's
    /// exit status if it is gone. It takes a moment to die, or longer if it is
    /// stuck in the kernel, so call this again until then.
    ///
    /// # Errors
    ///
    /// As [`kill`](JoinHandle::kill).
    pub fn try_kill(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_end()
    }

    /// Takes what the worker has sent, if it has sent something or died.
    /// Returns whether that is final: a whole answer, or the news that there
    /// will be none.
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

    /// What the worker has sent so far, for waiting for more.
    pub(crate) fn heard(&self) -> Ref<'_, Heard<A>> {
        self.heard.borrow()
    }

    /// The two events to wait for: more from the worker, and its death.
    pub(crate) fn ends<'a>(&'a self, heard: &'a Heard<A>) -> [PollFd<'a>; 2] {
        let Heard { link, .. } = heard;
        let death = death(self.child.pidfd(), link);
        [PollFd::new(link, PollFlags::IN), death]
    }
}

/// Whether the worker exited or hung up before its answer was whole.
fn is_an_end(error: &RecvError) -> bool {
    use RecvError::{Corrupt, Disconnected};
    matches!(error, Disconnected | Corrupt(error::Corrupt::Cut { .. }))
}

/// The process ids of these workers.
pub fn ids<A>(workers: &[JoinHandle<'_, A>]) -> Vec<u32> {
    workers.iter().map(|worker| worker.child.id()).collect()
}

/// By then, a worker that is about to exit has exited.
fn soon() -> Option<Instant> {
    Instant::now().checked_add(PARTING)
}
