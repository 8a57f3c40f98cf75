//! A worker's side of a pool: it does one job after another.

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

/// The first message from a supervisor to a worker: its setup.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// Two flags for each worker.
    pub(crate) flags: Flags,
    /// How many workers were started before this one.
    pub(crate) serial: u64,
    pub(crate) chaos: Option<Chaos>,
}

impl Hello {
    /// The fate of the worker that receives this.
    pub(crate) fn doom(&self) -> Option<Doom> {
        self.chaos.map(|chaos| chaos.doom(self.serial))
    }
}

/// Every later message: a job.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Delivery<J> {
    pub(crate) id: JobId,
    /// How many attempts have failed so far.
    pub(crate) attempt: usize,
    pub(crate) job: J,
}

/// A message from a worker to its supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report<A> {
    Ready,
    Done(JobId, Reply<A>),
}

/// One attempt at a job.
#[derive(Debug)]
pub struct Turn<'worker> {
    /// The id of the job.
    pub id: JobId,
    /// How many attempts at it have failed so far, on any worker.
    pub attempt: usize,
    index: usize,
    flags: &'worker Flags,
}

impl Turn<'_> {
    /// Whether the job should stop. If it does, it may return any error, and
    /// the worker stays.
    pub fn is_cancelled(&self) -> bool {
        self.flags.is_raised(self.index)
    }
}

/// What a worker needs for its jobs.
struct Post {
    index: usize,
    flags: Flags,
    socket: UnixStream,
    doom: Option<Doom>,
}

impl Parent {
    /// Runs as a worker of a [`Pool`](crate::Pool): does each job that arrives,
    /// until the pool tells it to exit.
    ///
    /// If `work` returns an error, the pool gets its text. A panic ends the
    /// worker. If the parent dies, the worker is killed, even in the middle of
    /// a job: then none of its destructors run.
    pub fn serve_each<J: DeserializeOwned, A: Serialize>(
        mut self,
        work: impl FnMut(J, &Turn) -> Result<A>,
    ) -> ExitCode {
        let served = match self.take_post() {
            Ok(Some(post)) => post.serve(work),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        demo::status(served.context("a worker cannot reach its pool"))
    }

    fn take_post(&mut self) -> Result<Option<Post>> {
        let wire = take_stdin().context("stdin is not the wire")?;
        let Some(hello) = self.arrive::<Hello>(&wire)? else {
            return Ok(None);
        };
        let (doom, flags) = (hello.doom(), hello.flags);
        ensure!(self.index < flags.count(), "no such worker");
        let socket = UnixStream::from(OwnedFd::from(wire));
        // A duplicate that only the kernel closes: otherwise a panic would
        // close the socket as it unwinds, and the pool would kill the worker
        // before its own exit status could tell how it died.
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
            // From here on, the job may be what kills this worker.
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

    /// Returns whether the supervisor is still there.
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
