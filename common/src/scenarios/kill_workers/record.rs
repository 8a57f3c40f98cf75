//! Which job comes next, and what became of the previous ones.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};

use super::{Job, Kind, Plan, good_work};
use crate::{
    arguments::name,
    supervision::{Ending, Failure, Finished},
};

/// How many good jobs are in flight per worker, so that none has to wait for
/// its next one.
const AHEAD: usize = 2;

/// The jobs of a run, as they are submitted and come back.
///
/// Only one job is stuck at a time, so that its time to stop is not affected by
/// another. Good jobs run in parallel.
#[derive(Debug)]
pub struct Record {
    pub(super) plan: Plan,
    begun: Instant,
    /// Indexed by the ids of the pool.
    submitted: Vec<Job>,
    /// Indexed by the numbers of the good jobs.
    pub(super) results: Vec<Option<u64>>,
    next_good: u64,
    next_stuck: usize,
    pub(super) stuck: Vec<Stuck>,
    /// When the last good job came back.
    pub(super) good_after: Duration,
    /// How many times a worker was replaced.
    pub(super) restarts: usize,
}

/// What became of a stuck job.
#[derive(Debug)]
pub(super) struct Stuck {
    pub(super) kind: Kind,
    pub(super) place: usize,
    pub(super) endings: Vec<Ending>,
}

impl Record {
    /// An empty record. The clock of the good jobs starts.
    pub fn new(plan: &Plan) -> Self {
        Record {
            plan: plan.clone(),
            begun: Instant::now(),
            submitted: Vec::new(),
            results: Vec::new(),
            next_good: 0,
            next_stuck: 0,
            stuck: Vec::new(),
            good_after: Duration::ZERO,
            restarts: 0,
        }
    }

    /// The initial jobs.
    pub fn first(&mut self) -> Vec<Job> {
        let ahead = AHEAD * self.plan.rules.workers;
        let mut jobs: Vec<_> = self.stuck_job().into_iter().collect();
        jobs.extend((0..ahead).map_while(|_| self.good_job()));
        jobs
    }

    /// Records a finished job, and returns the one to submit in its place.
    ///
    /// # Errors
    ///
    /// Fails if a good job was not done, or done twice, or if a stuck one has
    /// an answer.
    pub fn note(&mut self, finished: Finished<u64>) -> Result<Option<Job>> {
        let Finished { id, result, endings } = finished;
        let job = self.submitted.get(id.0 as usize).copied();
        match job.ok_or_else(|| anyhow!("{id} was never submitted"))? {
            Job::Good { number, .. } => {
                self.note_good(number, result)?;
                Ok(self.good_job())
            }
            Job::Stuck { kind, place, .. } => {
                self.note_stuck(kind, place, result, endings)?;
                Ok(self.stuck_job())
            }
        }
    }

    /// Closes the record: nothing more will come.
    pub fn close(&mut self, restarts: usize) {
        self.restarts = restarts;
    }

    fn note_good(
        &mut self,
        number: u64,
        result: Result<u64, Failure>,
    ) -> Result<()> {
        let result = result?;
        let Some(place) = self.results.get_mut(number as usize) else {
            bail!("good job {number} was never submitted");
        };
        ensure!(place.is_none(), "good job {number} was done twice");
        *place = Some(result);
        self.good_after = self.begun.elapsed();
        Ok(())
    }

    fn note_stuck(
        &mut self,
        kind: Kind,
        place: usize,
        result: Result<u64, Failure>,
        endings: Vec<Ending>,
    ) -> Result<()> {
        let kind_name = name(&kind);
        match result {
            Err(Failure::Quarantined { .. }) => {}
            Err(Failure::Failed(error)) => {
                bail!("a job that should get stuck ({kind_name}): {error}")
            }
            Ok(_) => bail!("a stuck job ({kind_name}) has an answer"),
        }
        // One job of a kind that cannot be stopped is enough.
        if endings.contains(&Ending::Abandoned) {
            let of_its_kind = |place: &usize| {
                matches!(self.plan.stuck_job(*place),
                    Some(Job::Stuck { kind: next, .. }) if next == kind)
            };
            while of_its_kind(&self.next_stuck) {
                self.next_stuck += 1;
            }
        }
        self.stuck.push(Stuck { kind, place, endings });
        Ok(())
    }

    fn good_job(&mut self) -> Option<Job> {
        let (number, seed) = (self.next_good, self.plan.seed);
        self.plan.has_good_job(number, self.begun).then(|| {
            self.next_good += 1;
            self.results.push(None);
            self.submit(Job::Good { number, seed })
        })
    }

    fn stuck_job(&mut self) -> Option<Job> {
        let job = self.plan.stuck_job(self.next_stuck)?;
        self.next_stuck += 1;
        Some(self.submit(job))
    }

    fn submit(&mut self, job: Job) -> Job {
        self.submitted.push(job);
        job
    }

    /// The good jobs' results, each compared with the same work done here.
    pub(super) fn verified(&self) -> Result<Vec<u64>> {
        let seed = self.plan.seed;
        (0..)
            .zip(&self.results)
            .map(|(number, found)| {
                let expected = good_work(seed, number);
                let found = found
                    .ok_or_else(|| anyhow!("good job {number} was not done"))?;
                ensure!(
                    found == expected,
                    "wrong result of good job {number}: got {found}, expected \
                     {expected}"
                );
                Ok(found)
            })
            .collect()
    }
}
