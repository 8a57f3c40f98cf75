//! The start gate: all workers wait at it, then they are released at once.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{self, PipeReader, PipeWriter, Read as _, Write as _},
    os::fd::OwnedFd,
    process,
    sync::Arc,
    time::Duration,
};

use rustix::event::{PollFd, PollFlags};
use serde::{Deserialize, Serialize};

use crate::start::child::{Child, death, wait_for_any};

/// The worker's side of the gate. The gate consists of two pipes.
///
/// Each worker holds a writer of the pipe `standing`. When it arrives, it
/// writes its id and drops the writer, so the parent reads end-of-file when all
/// have arrived. A worker that dies before it arrives drops it, too: where
/// threads would wait at a `Barrier` forever, the parent continues, and learns
/// of the death when it collects the answers. If a child of a worker also holds
/// the writer, there is no end-of-file: then the ids and the deaths show which
/// workers are missing.
///
/// Nothing is ever written to the pipe `opened`. The parent holds its only
/// writer, and drops it to release all workers at the same moment.
#[derive(Debug, Default)]
pub struct Gate(RefCell<Option<Pipes>>);

/// The ends that a worker holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Pipes {
    #[serde(with = "crate::descriptor")]
    standing: PipeWriter,
    #[serde(with = "crate::descriptor")]
    opened: PipeReader,
}

impl Gate {
    /// Waits at the gate until the parent opens it. For a worker that was
    /// spawned after that, it is already open.
    ///
    /// # Errors
    ///
    /// Fails if the pipe cannot be read.
    pub fn wait(&self) -> io::Result<()> {
        match self.arrive() {
            Some(mut opened) => opened.read_to_end(&mut Vec::new()).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Counts this worker as arrived.
    pub(crate) fn arrive(&self) -> Option<PipeReader> {
        let Pipes { mut standing, opened } = self.0.take()?;
        // An error means that the parent no longer counts: the gate is already
        // open.
        let _ = standing.write(&process::id().to_ne_bytes());
        Some(opened)
    }

    /// The gate whose pipes arrived with the job.
    pub(crate) fn of(pipes: Option<Pipes>) -> Self {
        Gate(RefCell::new(pipes))
    }
}

/// The parent's side of the gate.
#[derive(Debug)]
pub(crate) struct GateKeeper {
    /// What workers get, until the parent waits for them.
    pipes: Option<Pipes>,
    standing: PipeReader,
    open: PipeWriter,
    /// Workers that are neither known to have arrived nor known to be dead:
    /// their ids, and the pidfds that report their deaths.
    missing: BTreeMap<u32, Option<Arc<OwnedFd>>>,
}

/// For this long, arrivals do not wake the parent: it would take CPU time from
/// the workers that have not arrived yet.
const QUIET: Duration = Duration::from_secs(1);

impl GateKeeper {
    pub(crate) fn new() -> io::Result<Self> {
        let (here, standing) = io::pipe()?;
        let (opened, open) = io::pipe()?;
        let pipes = Some(Pipes { standing, opened });
        let missing = BTreeMap::new();
        Ok(GateKeeper { pipes, standing: here, open, missing })
    }

    /// The argument for [`Gate::of`].
    pub(crate) fn pipes(&self) -> Option<&Pipes> {
        self.pipes.as_ref()
    }

    /// Expects one more worker, if it got the pipes.
    pub(crate) fn expect(&mut self, child: &Child) {
        if self.pipes.is_some() {
            self.missing.insert(child.id(), child.pidfd().cloned());
        }
    }

    /// Waits until every worker has arrived at the gate or is dead.
    pub(crate) fn wait_for_all(&mut self) -> io::Result<()> {
        self.pipes = None;
        // Poll(2) always reports the end of a pipe.
        let mut news = PollFlags::empty();
        let mut patience = Some(QUIET);
        while !self.missing.is_empty() {
            let told = self.wait_for_news(news, patience)?;
            if told.contains(PollFlags::HUP) {
                break;
            }
            if told.contains(PollFlags::IN) {
                self.hear_who_stands()?;
            }
            (news, patience) = (PollFlags::IN, None);
        }
        Ok(())
    }

    /// Releases them all at once.
    pub(crate) fn open(self) {
        drop(self.open);
    }

    /// Waits for deaths, and for events of the pipe.
    fn wait_for_news(
        &mut self,
        news: PollFlags,
        patience: Option<Duration>,
    ) -> io::Result<PollFlags> {
        let standing = &self.standing;
        let mut ends = vec![PollFd::new(standing, news)];
        let pidfds = self.missing.values();
        ends.extend(pidfds.map(|pidfd| death(pidfd.as_ref(), standing)));
        wait_for_any(&mut ends, patience)?;
        let told: Vec<_> = ends.iter().map(PollFd::revents).collect();
        let mut deaths = told[1..].iter();
        let mut is_alive = || deaths.next().is_none_or(PollFlags::is_empty);
        self.missing.retain(|_, _| is_alive());
        Ok(told[0])
    }

    /// Each worker writes its id in one write, which is atomic (pipe(7)).
    fn hear_who_stands(&mut self) -> io::Result<()> {
        let mut ids = [[0; 4]; 1024];
        let read = self.standing.read(ids.as_flattened_mut())?;
        for id in &ids[..read / 4] {
            self.missing.remove(&u32::from_ne_bytes(*id));
        }
        Ok(())
    }
}
