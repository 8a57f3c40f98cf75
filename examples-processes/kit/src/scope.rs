//! Spawning this program again as a worker, and joining it.

use std::{
    cell::RefCell,
    env,
    io::{self, PipeWriter},
    marker::PhantomData,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    process::{Child, Command, ExitStatus},
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use rustix::event::{PollFd, PollFlags, poll};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    channel::Channel,
    gate::GateKeeper,
    role::{Reply, WORKER},
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
    body(&Scope {
        gate: RefCell::new(Some(gate)),
    })
}

/// Where workers can be spawned that share one start gate.
#[derive(Debug)]
pub struct Scope {
    gate: RefCell<Option<GateKeeper>>,
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
        self.spawn_with(job, &[])
    }

    /// The same with open descriptors, of which the worker gets copies, see
    /// [`Parent::take_descriptor`](crate::Parent::take_descriptor).
    ///
    /// # Errors
    ///
    /// As [`spawn`](Scope::spawn).
    pub fn spawn_with<J: Serialize, A: DeserializeOwned>(
        &self,
        job: &J,
        lent: &[BorrowedFd<'_>],
    ) -> Result<JoinHandle<'_, A>> {
        let (child, channel) = start().context("no worker can be started")?;
        let (line, lifeline) = io::pipe().context("no pipe for a lifeline")?;
        let gate = self.gate.borrow();
        let mut descriptors = vec![line.as_fd()];
        descriptors.extend(gate.iter().flat_map(GateKeeper::descriptors));
        descriptors.extend(lent);
        channel
            .send(&(job, gate.is_some()), &descriptors)
            .context("a worker did not take its job")?;
        Ok(JoinHandle {
            child,
            channel,
            given: Vec::new(),
            _lifeline: lifeline,
            _answer: PhantomData,
        })
    }

    /// Waits until every worker spawned so far stands at the gate, or is
    /// dead, and then releases them all at once. Workers that are spawned
    /// later find the gate open.
    ///
    /// # Errors
    ///
    /// Fails if the gate was opened before, or cannot be read.
    pub fn open_gate(&self) -> Result<()> {
        let gate = self.gate.take().context("the gate is open already")?;
        gate.open().context("the gate could not be opened")
    }
}

/// A worker that was spawned. Dropped without [`join`](JoinHandle::join), it
/// kills the worker and reaps it.
#[derive(Debug)]
pub struct JoinHandle<'scope, A> {
    child: Guard,
    channel: Channel,
    given: Vec<OwnedFd>,
    /// The worker is killed when this is closed: by drop, or by the kernel
    /// when this process ends.
    _lifeline: PipeWriter,
    _answer: PhantomData<(&'scope Scope, A)>,
}

impl<A: DeserializeOwned> JoinHandle<'_, A> {
    /// The worker's process id.
    pub fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// Waits for the answer. The worker stays, parked, until it is joined.
    ///
    /// # Errors
    ///
    /// Fails with the text of the worker's error, or, if it died before it
    /// answered, with how it died.
    pub fn answer(&mut self) -> Result<A> {
        match self.channel.receive()? {
            Some((Reply::Answer(answer), given)) => {
                self.given = given;
                Ok(answer)
            }
            Some((Reply::Failed(error), _)) => Err(anyhow!(error)),
            None => bail!(self.last_words()?),
        }
    }

    /// The next of the descriptors that came with the answer.
    ///
    /// # Errors
    ///
    /// Fails if there are no more.
    pub fn take_descriptor(&mut self) -> Result<OwnedFd> {
        ensure!(!self.given.is_empty(), "the answer has no such descriptor");
        Ok(self.given.remove(0))
    }

    /// Lets the worker go and reaps it.
    ///
    /// # Errors
    ///
    /// Fails if it did not end well.
    pub fn join(self) -> Result<()> {
        let JoinHandle {
            mut child, channel, ..
        } = self;
        let id = child.0.id();
        drop(channel);
        let status = child.reap()?;
        ensure!(status.success(), "worker {id} ended badly: {status}");
        Ok(())
    }

    /// Ends the worker at once, whatever it does, and reaps it.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses.
    pub fn kill(mut self) -> Result<ExitStatus> {
        self.child.0.kill()?;
        self.child.reap()
    }

    fn last_words(&mut self) -> Result<String> {
        let status = self.child.reap()?;
        let id = self.id();
        Ok(format!("worker {id} died before it answered: {status}"))
    }
}

/// Waits until one of the workers has answered, or died, and says which.
///
/// # Errors
///
/// Fails if there is none to wait for.
pub fn select<A>(handles: &[JoinHandle<'_, A>]) -> Result<usize> {
    ensure!(!handles.is_empty(), "there is no worker to wait for");
    let mut channels: Vec<PollFd<'_>> = handles
        .iter()
        .map(|handle| PollFd::new(&handle.channel, PollFlags::IN))
        .collect();
    loop {
        match poll(&mut channels, None) {
            Err(rustix::io::Errno::INTR) => continue,
            result => result?,
        };
        if let Some(ready) = channels
            .iter()
            .position(|channel| !channel.revents().is_empty())
        {
            return Ok(ready);
        }
    }
}

/// Kills and reaps on drop. To kill what is reaped already does nothing.
#[derive(Debug)]
struct Guard(Child);

impl Guard {
    fn reap(&mut self) -> Result<ExitStatus> {
        self.0.wait().context("a worker could not be reaped")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // An error here means that it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Its stdin is the channel. Its stdout is *our stderr*, from its first
/// instruction on, so that nothing it prints can corrupt our JSON.
fn start() -> io::Result<(Guard, Channel)> {
    let (ours, theirs) = Channel::pair()?;
    let child = this_program()
        .arg(WORKER)
        .stdin(OwnedFd::from(theirs))
        .stdout(io::stderr())
        .spawn()?;
    Ok((Guard(child), ours))
}

/// This program, to be started again: by its open file and not by its path,
/// under which a build may have put another meanwhile.
pub(crate) fn this_program() -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = env::args_os().next() {
        command.arg0(name);
    }
    command
}
