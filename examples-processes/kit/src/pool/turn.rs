//! A worker's side of a pool: one job after the other.

use std::{
    io::{self, BufReader, ErrorKind, Write as _},
    mem,
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::ExitCode,
};

use anyhow::{Context as _, Result, ensure};
use common::{demo, supervision::JobId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Parent,
    channel::RecvError,
    channel::frame::{self, Incoming},
    pool::chaos::{Chaos, Doom},
    pool::flags::Flags,
    start::role::{Reply, take_stdin},
};

/// What a supervisor says to a worker first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// One pair for each worker.
    pub(crate) flags: Flags,
    /// How many were started before this one.
    pub(crate) serial: u64,
    pub(crate) chaos: Option<Chaos>,
}

impl Hello {
    /// What is in store for the worker that is told so.
    pub(crate) fn doom(&self) -> Option<Doom> {
        self.chaos.map(|chaos| chaos.doom(self.serial))
    }
}

/// What it says from then on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Delivery<J> {
    pub(crate) id: JobId,
    /// How many attempts came to nothing.
    pub(crate) attempt: usize,
    pub(crate) job: J,
}

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report<A> {
    Ready,
    Done(JobId, Reply<A>),
}

/// A worker's turn at a job.
#[derive(Debug)]
pub struct Turn<'worker> {
    /// Which job it is.
    pub id: JobId,
    /// How many attempts at it came to nothing, this worker's or others'.
    pub attempt: usize,
    index: usize,
    flags: &'worker Flags,
}

impl Turn<'_> {
    /// Whether the job should stop. It may then return an error, whatever
    /// it says, and the worker stays.
    pub fn is_cancelled(&self) -> bool {
        self.flags.is_raised(self.index)
    }
}

/// What a worker has to serve with.
struct Post {
    index: usize,
    flags: Flags,
    socket: UnixStream,
    doom: Option<Doom>,
}

impl Parent {
    /// Plays the worker of a [`Pool`](crate::Pool): does each job that comes,
    /// until the pool lets it go.
    ///
    /// An error of `work` reaches the pool as its text. A panic ends the
    /// worker. The worker ends with its parent, even in the middle of a job:
    /// no destructor of its own runs then.
    pub fn serve_each<J: DeserializeOwned, A: Serialize>(
        mut self,
        work: impl FnMut(J, &Turn) -> Result<A>,
    ) -> ExitCode {
        let served = match self.take_post() {
            Ok(Some(post)) => post.serve(work),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        demo::status(served.context("a worker lost its pool"))
    }

    fn take_post(&mut self) -> Result<Option<Post>> {
        let wire = take_stdin().context("stdin is not its wire")?;
        let Some(hello) = self.arrive::<Hello>(&wire)? else {
            return Ok(None);
        };
        let (doom, flags) = (hello.doom(), hello.flags);
        ensure!(self.index < flags.count(), "no such worker");
        let socket = UnixStream::from(OwnedFd::from(wire));
        // A copy that only the kernel closes: or the pool would hear of a
        // panic as it unwinds, and kill what is about to say how it ends.
        mem::forget(socket.try_clone()?);
        Ok(Some(Post { index: self.index, flags, socket, doom }))
    }
}

impl Post {
    fn serve<J: DeserializeOwned, A: Serialize>(
        self,
        mut work: impl FnMut(J, &Turn) -> Result<A>,
    ) -> Result<()> {
        let mut source = BufReader::new(&self.socket);
        let mut incoming = Incoming::default();
        let doom_at = |delivery| {
            self.doom.filter(|doom: &Doom| doom.delivery == delivery)
        };
        if !self.send::<A>(&Report::Ready, doom_at(None))? {
            return Ok(());
        }
        for delivery in 0.. {
            let doom = doom_at(Some(delivery));
            doom.map_or(Ok(()), |doom| doom.before_work(&self.socket))?;
            let frame = match incoming.frame(&mut source) {
                Err(RecvError::Disconnected) => return Ok(()),
                received => received?,
            };
            // From here on the job may be what kills this worker.
            self.flags.take(self.index);
            let Delivery { id, attempt, job } = frame::decode(frame)?;
            doom.map_or(Ok(()), |doom| doom.in_work())?;
            let (index, flags) = (self.index, &self.flags);
            let reply = match work(job, &Turn { id, attempt, index, flags }) {
                Ok(answer) => Reply::Answer(answer),
                Err(error) => Reply::Failed(format!("{error:#}")),
            };
            if !self.send(&Report::Done(id, reply), doom)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether there is still somebody to send to.
    fn send<A: Serialize>(
        &self,
        report: &Report<A>,
        doom: Option<Doom>,
    ) -> Result<bool> {
        let mut frame = Vec::new();
        frame::encode(report, &mut frame)?;
        let sent: io::Result<()> = match doom {
            None => (&self.socket).write_all(&frame),
            Some(doom) => doom.last_words(&frame, &self.socket),
        };
        match sent {
            Ok(()) => Ok(true),
            Err(error) => match error.kind() {
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Ok(false),
                _ => Err(error.into()),
            },
        }
    }
}
