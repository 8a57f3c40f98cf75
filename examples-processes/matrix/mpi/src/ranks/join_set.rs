//! Dealing out the jobs: what rank 0 does beside its own share of the work.

use std::{
    collections::BTreeSet,
    iter::Enumerate,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{Builder, Scope},
    vec::IntoIter,
};

use anyhow::{Context as _, Result, bail};
use common::{laps::monotonic, resources::Resources};
use mpi::{Rank, traits::*};

use super::{ORDER, Order, PAUSE, Parent, REPLY, Ranks, Work};
use crate::{Answer, Job};

/// One job for each rank at a time: a rank that has answered is sent the next.
pub struct JoinSet<'ranks> {
    ranks: &'ranks Ranks,
    jobs: Enumerate<IntoIter<Job>>,
    busy: BTreeSet<Rank>,
    own: Share,
    used_before: Vec<Resources>,
}

/// A result, and the job that it belongs to.
pub struct Done {
    /// The position of its job in the list of jobs.
    pub place: usize,
    /// The result.
    pub value: Answer,
}

/// The two channels to the thread that does the share of rank 0.
struct Share {
    jobs: Sender<(usize, Job)>,
    results: Receiver<(usize, Result<Answer>)>,
}

impl<'ranks> JoinSet<'ranks> {
    /// Starts only a thread, for the share of rank 0. Its main thread deals out
    /// the jobs, so that nobody waits until rank 0 has finished a database.
    pub fn spawn<'scope>(
        scope: &'scope Scope<'scope, '_>,
        ranks: &'ranks Ranks,
        work: Work,
        jobs: Vec<Job>,
    ) -> Result<Self> {
        let (sender, given) = mpsc::channel();
        let (done, results) = mpsc::channel();
        let share = move || {
            for (place, job) in given {
                let result = work(job, &mut Parent { index: 0 });
                // After an error, nobody waits for it.
                let _ = done.send((place, result));
            }
        };
        let started = Builder::new().spawn_scoped(scope, share);
        started.context("cannot start a worker")?;
        Ok(JoinSet {
            ranks,
            jobs: jobs.into_iter().enumerate(),
            busy: BTreeSet::new(),
            own: Share { jobs: sender, results },
            used_before: Vec::new(),
        })
    }

    /// Waits until every rank has reported.
    pub fn wait_for_all(&mut self) -> Result<()> {
        self.used_before = self.ranks.call_the_roll()?;
        Ok(())
    }

    /// Deals out the first jobs.
    pub fn open_gate(&mut self) -> Result<()> {
        (0..self.ranks.world.size()).try_for_each(|rank| self.deal(rank))
    }

    /// Waits for the next result, from whichever rank is first; `None` once all
    /// have arrived.
    pub fn join_next(&mut self) -> Result<Option<Done>> {
        if self.busy.is_empty() {
            return Ok(None);
        }
        let (rank, place, result) = self.next_reply()?;
        let value = result?;
        self.deal(rank)?;
        Ok(Some(Done { place, value }))
    }

    /// What each of the other ranks has used. They stay until rank 0 leaves.
    pub fn join_all(self) -> Result<Vec<Resources>> {
        let after = self.ranks.call_the_roll()?;
        let both = after.into_iter().zip(&self.used_before);
        Ok(both.map(|(after, before)| after - *before).collect())
    }

    /// Gives this rank the next job, if there is one.
    fn deal(&mut self, rank: Rank) -> Result<()> {
        let Some((place, job)) = self.jobs.next() else { return Ok(()) };
        self.busy.insert(rank);
        if rank == 0 {
            return self.own.jobs.send((place, job)).context("rank 0 is gone");
        }
        let work = Order::Work { place, sent: monotonic(), job };
        self.ranks.send(rank, ORDER, &work)
    }

    fn next_reply(&mut self) -> Result<(Rank, usize, Result<Answer>)> {
        let anyone = self.ranks.world.any_process();
        let (rank, place, result) = loop {
            if let Some(it) = anyone.immediate_matched_probe_with_tag(REPLY) {
                break self.ranks.take(it)?;
            }
            match self.own.results.recv_timeout(PAUSE) {
                Ok((place, result)) => break (0, place, result),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => bail!("rank 0 panicked"),
            }
        };
        self.busy.remove(&rank);
        Ok((rank, place, result))
    }
}

/// After an error, the other ranks finish what they are doing: MPI cannot stop
/// one of them without all the others.
impl Drop for JoinSet<'_> {
    fn drop(&mut self) {
        while !self.busy.is_empty() && self.next_reply().is_ok() {}
    }
}
