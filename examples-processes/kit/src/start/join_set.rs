//! More jobs than there may be workers at once.

use std::{
    iter::Enumerate,
    mem,
    time::{Duration, Instant},
    vec::IntoIter,
};

use anyhow::{Context as _, Result};
use rustix::event::PollFd;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    start::child::{time_left, wait_for_any},
    start::scope::{JoinHandle, Scope},
};

/// A worker process for each job, and only so many at once: when one is done,
/// it is reaped and the next one is spawned. The name, and that of
/// [`join_next`](JoinSet::join_next), are tokio's.
#[derive(Debug)]
pub struct JoinSet<'scope, J, A> {
    scope: &'scope Scope,
    jobs: Enumerate<IntoIter<J>>,
    running: Vec<Member<'scope, A>>,
    parked: Vec<JoinHandle<'scope, A>>,
    /// Let go, and not yet seen to end.
    leaving: Vec<JoinHandle<'scope, A>>,
}

/// An answer, and where it belongs.
#[derive(Debug)]
pub struct Answer<A> {
    /// The place of its job among the jobs.
    pub place: usize,
    /// What the worker found.
    pub value: A,
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
        let (running, parked, leaving) = (Vec::new(), Vec::new(), Vec::new());
        let mut set = JoinSet { scope, jobs, running, parked, leaving };
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
        let value = handle.take_answer()?;
        let index = handle.index();
        if self.jobs.len() == 0 {
            self.parked.push(handle);
        } else {
            // The next one starts while this one, idle now, takes itself
            // apart: that is not waited for.
            handle.let_go();
            self.leaving.push(handle);
            self.replace(index)?;
        }
        self.reap_the_dead()?;
        Ok(Some(Answer { place, value }))
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
        let mut all = self.leaving;
        all.extend(self.parked);
        all.iter().for_each(JoinHandle::let_go);
        all.into_iter().try_for_each(JoinHandle::release)
    }

    /// Of the workers that were let go.
    fn reap_the_dead(&mut self) -> Result<()> {
        let is_alive = |handle: &JoinHandle<'_, A>| !handle.is_dead();
        let (leaving, dead): (Vec<_>, Vec<_>) =
            mem::take(&mut self.leaving).into_iter().partition(is_alive);
        self.leaving = leaving;
        dead.into_iter().try_for_each(JoinHandle::release)
    }

    /// Spawns a worker for the next job, if there is one.
    fn replace(&mut self, index: usize) -> Result<()> {
        if let Some((place, job)) = self.jobs.next() {
            let handle = self.scope.spawn_as(index, &job)?;
            self.running.push(Member { place, handle });
        }
        Ok(())
    }
}

/// Waits until one of the workers has answered, or died: the place of the
/// first that has, or nothing if none has when the time is up. Half an answer
/// is none.
///
/// # Errors
///
/// Fails if the kernel cannot watch them.
pub fn first_ready<'scope, A: DeserializeOwned + 'scope>(
    workers: impl IntoIterator<Item = &'scope JoinHandle<'scope, A>>,
    patience: Option<Duration>,
) -> Result<Option<usize>> {
    let workers: Vec<_> = workers.into_iter().collect();
    // A time beyond the clock's is without end.
    let deadline = patience.and_then(|time| Instant::now().checked_add(time));
    let mut left = Some(Duration::ZERO);
    loop {
        let news = wait(&workers, left)?;
        let mut workers = workers.iter().zip(news);
        let ready = workers.position(|(worker, news)| worker.hear(news));
        left = time_left(deadline);
        if ready.is_some() || left == Some(Duration::ZERO) {
            return Ok(ready);
        }
    }
}

/// Waits until one of the workers has something to say or is dead, or for so
/// long: of each, whether it has, and whether it is.
fn wait<A: DeserializeOwned>(
    workers: &[&JoinHandle<'_, A>],
    patience: Option<Duration>,
) -> Result<Vec<[bool; 2]>> {
    let heard: Vec<_> = workers.iter().map(|worker| worker.heard()).collect();
    let mut ends: Vec<_> = workers
        .iter()
        .zip(&heard)
        .flat_map(|(worker, heard)| worker.ends(heard))
        .collect();
    wait_for_any(&mut ends, patience)
        .context("the workers cannot be watched")?;
    let (ends, _) = ends.as_chunks();
    let is_told = |end: &PollFd<'_>| !end.revents().is_empty();
    Ok(ends.iter().map(|[link, death]| [link, death].map(is_told)).collect())
}
