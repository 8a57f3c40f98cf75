//! Running more jobs than there may be workers at once.

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

/// A worker process for each job, with a limit on how many run at once: when
/// one has answered, it is reaped and the next is spawned. The name, and that
/// of [`join_next`](JoinSet::join_next), are tokio's.
#[derive(Debug)]
pub struct JoinSet<'scope, J, A> {
    scope: &'scope Scope,
    jobs: Enumerate<IntoIter<J>>,
    running: Vec<Member<'scope, A>>,
    parked: Vec<JoinHandle<'scope, A>>,
    /// Told to exit, and not known to be dead yet.
    leaving: Vec<JoinHandle<'scope, A>>,
}

/// An answer, and the job it belongs to.
#[derive(Debug)]
pub struct Answer<A> {
    /// The position of its job in the list of jobs.
    pub place: usize,
    /// The answer.
    pub value: A,
}

/// A worker, and the position of its job.
#[derive(Debug)]
struct Member<'scope, A> {
    place: usize,
    handle: JoinHandle<'scope, A>,
}

impl<'scope, J: Serialize, A: DeserializeOwned> JoinSet<'scope, J, A> {
    /// Starts workers for the first jobs, at most `at_once`.
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

    /// Waits for the next answer, from whichever worker is first; `None` once
    /// all have arrived. The last workers stay parked until all are joined.
    ///
    /// # Errors
    ///
    /// As [`JoinHandle::join`] and [`Scope::spawn`].
    pub fn join_next(&mut self) -> Result<Option<Answer<A>>> {
        if self.running.is_empty() {
            return Ok(None);
        }
        let handles = self.running.iter().map(|member| &member.handle);
        let ready = first_ready(handles, None)?.context("no worker ready")?;
        let Member { place, mut handle } = self.running.swap_remove(ready);
        let value = handle.take_answer()?;
        let index = handle.index();
        if self.jobs.len() == 0 {
            self.parked.push(handle);
        } else {
            // The next worker starts while this one, now idle, tears itself
            // down: nothing waits for that.
            handle.let_go();
            self.leaving.push(handle);
            self.replace(index)?;
        }
        self.reap_the_dead()?;
        Ok(Some(Answer { place, value }))
    }

    /// The process ids of the current workers.
    pub fn ids(&self) -> Vec<u32> {
        let running = self.running.iter().map(|member| &member.handle);
        running.chain(&self.parked).map(JoinHandle::id).collect()
    }

    /// Tells the parked workers to exit, and reaps them.
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

    /// Reaps the dead among the workers that were told to exit.
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

/// Waits until a worker has answered or died. Returns the position of the first
/// one that has, or `None` if the time is up. Half an answer does not count.
///
/// # Errors
///
/// Fails if the kernel cannot watch them.
pub fn first_ready<'scope, A: DeserializeOwned + 'scope>(
    workers: impl IntoIterator<Item = &'scope JoinHandle<'scope, A>>,
    patience: Option<Duration>,
) -> Result<Option<usize>> {
    let workers: Vec<_> = workers.into_iter().collect();
    // A time that the clock cannot represent is no limit.
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

/// Waits until a worker has sent something or died, at most for `patience`.
/// Returns for each worker whether it has sent something, and whether it is
/// dead.
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
    wait_for_any(&mut ends, patience).context("cannot watch the workers")?;
    let (ends, _) = ends.as_chunks();
    let is_told = |end: &PollFd<'_>| !end.revents().is_empty();
    Ok(ends.iter().map(|[link, death]| [link, death].map(is_told)).collect())
}
