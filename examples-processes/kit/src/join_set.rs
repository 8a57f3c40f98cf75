//! More jobs than there may be workers at once.

use std::{
    iter::Enumerate,
    os::fd::OwnedFd,
    time::{Duration, Instant},
    vec::IntoIter,
};

use anyhow::{Context as _, Result};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::scope::{JoinHandle, Scope};

/// A worker process for each job, and only so many at once: when one is done,
/// it is reaped and the next one is spawned. The name, and that of
/// [`join_next`](JoinSet::join_next), are tokio's.
#[derive(Debug)]
pub struct JoinSet<'scope, J, A> {
    scope: &'scope Scope,
    jobs: Enumerate<IntoIter<J>>,
    running: Vec<Member<'scope, A>>,
    parked: Vec<JoinHandle<'scope, A>>,
}

/// An answer, and where it belongs.
#[derive(Debug)]
pub struct Answer<A> {
    /// The place of its job among the jobs.
    pub place: usize,
    /// What the worker found.
    pub value: A,
    descriptors: IntoIter<OwnedFd>,
}

/// A worker, and the place of its job.
#[derive(Debug)]
struct Member<'scope, A> {
    place: usize,
    handle: JoinHandle<'scope, A>,
}

impl<'scope, J: Serialize, A: DeserializeOwned> JoinSet<'scope, J, A> {
    /// Starts workers on the first jobs, at most `at_once`.
    ///
    /// # Errors
    ///
    /// As [`Scope::spawn`].
    pub fn spawn(
        scope: &'scope Scope,
        at_once: usize,
        jobs: Vec<J>,
    ) -> Result<Self> {
        let jobs = jobs.into_iter().enumerate();
        let (running, parked) = (Vec::new(), Vec::new());
        let mut set = JoinSet { scope, jobs, running, parked };
        for index in 0..at_once {
            set.replace(index)?;
        }
        Ok(set)
    }

    /// Waits for the next answer, of whichever worker is first; nothing when
    /// all are in. The last workers stay parked, until all are joined.
    ///
    /// # Errors
    ///
    /// As [`JoinHandle::join`] and [`Scope::spawn`].
    pub fn join_next(&mut self) -> Result<Option<Answer<A>>> {
        if self.running.is_empty() {
            return Ok(None);
        }
        let handles = self.running.iter().map(|member| &member.handle);
        let ready = first_ready(handles, None)?.context("nobody is ready")?;
        let Member { place, mut handle } = self.running.swap_remove(ready);
        let (value, descriptors) = handle.take_answer()?;
        let index = handle.index();
        if self.jobs.len() == 0 {
            self.parked.push(handle);
        } else {
            // The next one starts while this one, idle now, takes itself
            // apart: it need not be waited for.
            self.replace(index)?;
            handle.release()?;
        }
        Ok(Some(Answer { place, value, descriptors }))
    }

    /// The process ids of the workers that there are.
    pub fn ids(&self) -> Vec<u32> {
        let running = self.running.iter().map(|member| &member.handle);
        running.chain(&self.parked).map(JoinHandle::id).collect()
    }

    /// Lets the parked workers go and reaps them.
    ///
    /// # Errors
    ///
    /// As [`JoinHandle::join`].
    pub fn join_all(self) -> Result<()> {
        self.parked.into_iter().try_for_each(JoinHandle::release)
    }

    /// Spawns a worker for the next job, if there is one.
    fn replace(&mut self, index: usize) -> Result<()> {
        if let Some((place, job)) = self.jobs.next() {
            let handle = self.scope.spawn_as(index, &job, &[])?;
            self.running.push(Member { place, handle });
        }
        Ok(())
    }
}

impl<A> Answer<A> {
    /// The next of the descriptors that came with the answer.
    ///
    /// # Errors
    ///
    /// Fails if there are no more.
    pub fn take_descriptor(&mut self) -> Result<OwnedFd> {
        self.descriptors.next().context("the answer has no such descriptor")
    }
}

/// Waits until one of the workers has answered, or died: the place of the
/// first that has, or nothing if none has when the time is up.
///
/// # Errors
///
/// Fails if the kernel cannot watch them, or if the time is beyond its clock.
pub fn first_ready<'scope, A: 'scope>(
    workers: impl IntoIterator<Item = &'scope JoinHandle<'scope, A>>,
    patience: Option<Duration>,
) -> Result<Option<usize>> {
    let workers = workers.into_iter();
    let mut wires: Vec<PollFd<'_>> =
        workers.map(|worker| PollFd::new(worker, PollFlags::IN)).collect();
    let deadline = patience.map(|patience| Instant::now() + patience);
    loop {
        let left = deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.map(Timespec::try_from).transpose()?;
        match poll(&mut wires, left.as_ref()) {
            Err(Errno::INTR) => continue,
            result => result?,
        };
        let ready = |wire: &PollFd<'_>| !wire.revents().is_empty();
        return Ok(wires.iter().position(ready));
    }
}
