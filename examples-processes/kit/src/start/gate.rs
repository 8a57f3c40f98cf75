//! The start gate: every worker stands at it, then all are released at once.

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

/// The worker's side of the gate. It is made of two pipes.
///
/// Each worker holds a writer of the pipe `standing`. When it arrives, it
/// writes its id and drops the writer, so the parent reads the end when all
/// have. A worker that dies on the way drops it too: where threads would wait
/// at a `Barrier` without end, the parent goes on, and learns of the death as
/// it collects the answers. If a worker's own child holds the writer as well,
/// the end does not come: then the ids and the deaths tell who is missing.
///
/// On the pipe `opened` nothing is ever written. The parent holds its one
/// writer and drops it to release all workers in one moment.
#[derive(Debug, Default)]
pub struct Gate(RefCell<Option<Pipes>>);

/// What a worker holds of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Pipes {
    #[serde(with = "crate::descriptor")]
    standing: PipeWriter,
    #[serde(with = "crate::descriptor")]
    opened: PipeReader,
}

impl Gate {
    /// Stands at the gate until the parent opens it. A worker that was
    /// spawned after that finds it open.
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

    /// Has this worker no longer waited for.
    pub(crate) fn arrive(&self) -> Option<PipeReader> {
        let Pipes { mut standing, opened } = self.0.take()?;
        // An error means that nobody counts: the gate is open already.
        let _ = standing.write(&process::id().to_ne_bytes());
        Some(opened)
    }

    /// The gate whose pipes came with the job.
    pub(crate) fn of(pipes: Option<Pipes>) -> Self {
        Gate(RefCell::new(pipes))
    }
}

/// The parent's side of the gate.
#[derive(Debug)]
pub(crate) struct GateKeeper {
    /// What workers get, until they are waited for.
    pipes: Option<Pipes>,
    standing: PipeReader,
    open: PipeWriter,
    /// Who is not known to stand at the gate or to be dead: by their ids,
    /// what tells of their deaths.
    missing: BTreeMap<u32, Option<Arc<OwnedFd>>>,
}

/// For so long the parent is not woken by each worker that arrives: it would
/// take the time of those that are still on their way.
const QUIET: Duration = Duration::from_secs(1);

impl GateKeeper {
    pub(crate) fn new() -> io::Result<Self> {
        let (here, standing) = io::pipe()?;
        let (opened, open) = io::pipe()?;
        let pipes = Some(Pipes { standing, opened });
        let missing = BTreeMap::new();
        Ok(GateKeeper { pipes, standing: here, open, missing })
    }

    /// What [`Gate::of`] takes.
    pub(crate) fn pipes(&self) -> Option<&Pipes> {
        self.pipes.as_ref()
    }

    /// One more will come, if it has got the pipes.
    pub(crate) fn expect(&mut self, child: &Child) {
        if self.pipes.is_some() {
            self.missing.insert(child.id(), child.pidfd().cloned());
        }
    }

    /// Waits until every worker stands at the gate, or is dead.
    pub(crate) fn wait_for_all(&mut self) -> io::Result<()> {
        self.pipes = None;
        // Of the pipe's end poll(2) tells in any case.
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

    /// Waits for deaths, and for what the pipe tells.
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

    /// Each says so in one write, which no other's can get into (pipe(7)).
    fn hear_who_stands(&mut self) -> io::Result<()> {
        let mut ids = [[0; 4]; 1024];
        let read = self.standing.read(ids.as_flattened_mut())?;
        for id in &ids[..read / 4] {
            self.missing.remove(&u32::from_ne_bytes(*id));
        }
        Ok(())
    }
}
