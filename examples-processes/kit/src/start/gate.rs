//! The start gate: every worker stands at it, then all are released at once.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{self, PipeReader, PipeWriter, Read as _, Write as _},
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    process,
    sync::Arc,
    time::Duration,
};

use rustix::event::{PollFd, PollFlags};

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
pub struct Gate(RefCell<Option<(PipeWriter, PipeReader)>>);

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
        let (mut standing, opened) = self.0.take()?;
        // An error means that nobody counts: the gate is open already.
        let _ = standing.write(&process::id().to_ne_bytes());
        Some(opened)
    }

    /// The gate whose two pipes came with the job.
    pub(crate) fn of(standing: OwnedFd, opened: OwnedFd) -> Self {
        Gate(RefCell::new(Some((standing.into(), opened.into()))))
    }
}

/// The parent's side of the gate.
#[derive(Debug)]
pub(crate) struct GateKeeper {
    /// Lent to workers, until they are waited for.
    stand: Option<PipeWriter>,
    standing: PipeReader,
    open: PipeWriter,
    opened: PipeReader,
    /// Who is not known to stand at the gate or to be dead: by their ids,
    /// what tells of their deaths.
    missing: BTreeMap<u32, Option<Arc<OwnedFd>>>,
}

/// For so long the parent is not woken by each worker that arrives: it would
/// take the time of those that are still on their way.
const QUIET: Duration = Duration::from_secs(1);

impl GateKeeper {
    pub(crate) fn new() -> io::Result<Self> {
        let (standing, stand) = io::pipe()?;
        let (opened, open) = io::pipe()?;
        let (stand, missing) = (Some(stand), BTreeMap::new());
        Ok(GateKeeper { stand, standing, open, opened, missing })
    }

    /// What [`Gate::of`] takes; nothing once the workers are waited for.
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let stand = self.stand.iter();
        stand.flat_map(|stand| [stand.as_fd(), self.opened.as_fd()]).collect()
    }

    /// One more will come, which was lent the descriptors.
    pub(crate) fn expect(&mut self, child: &Child) {
        self.missing.insert(child.id(), child.pidfd().cloned());
    }

    /// Waits until every worker stands at the gate, or is dead.
    pub(crate) fn wait_for_all(&mut self) -> io::Result<()> {
        self.stand = None;
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
