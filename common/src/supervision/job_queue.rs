//! The jobs of a pool: each is in one place until it is finished.

use std::{collections::VecDeque, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Ending, Failure};

/// The jobs of a pool: those that wait, and those that are finished. Workers
/// own the jobs in between.
#[derive(Debug)]
pub struct JobQueue<J, A> {
    attempts: usize,
    submitted: u64,
    waiting: VecDeque<Entry<J>>,
    in_hand: usize,
    finished: VecDeque<Finished<A>>,
}

/// An unfinished job.
#[derive(Debug)]
pub struct Entry<J> {
    /// The job's id.
    pub id: JobId,
    /// The job, as the pool sends it to a worker.
    pub job: J,
    /// How long an attempt may take.
    pub deadline: Option<Duration>,
    /// The failed attempts.
    pub endings: Vec<Ending>,
}

impl<J, A> JobQueue<J, A> {
    /// No jobs yet. Each may fail this many attempts, and gets at least one.
    pub fn new(attempts: usize) -> Self {
        JobQueue {
            attempts,
            submitted: 0,
            waiting: VecDeque::new(),
            in_hand: 0,
            finished: VecDeque::new(),
        }
    }

    /// Queues a job.
    pub fn submit(&mut self, job: J, deadline: Option<Duration>) -> JobId {
        let (id, endings) = (JobId(self.submitted), Vec::new());
        self.submitted += 1;
        self.waiting.push_back(Entry { id, job, deadline, endings });
        id
    }

    /// Takes a job for a worker. It must come back, through
    /// [`finish`](JobQueue::finish), [`fail`](JobQueue::fail) or
    /// [`put_back`](JobQueue::put_back).
    pub fn take(&mut self) -> Option<Entry<J>> {
        let entry = self.waiting.pop_front();
        self.in_hand += usize::from(entry.is_some());
        entry
    }

    /// Records that the job is finished. An error is the job's own.
    pub fn finish(&mut self, entry: Entry<J>, result: Result<A, String>) {
        self.record(entry, result.map_err(Failure::Failed));
    }

    /// Records a failed attempt. The job goes to the back of the queue, or is
    /// quarantined. A job that could not be stopped is not retried: each
    /// attempt would permanently cost another worker.
    pub fn fail(&mut self, mut entry: Entry<J>, ending: Ending) {
        entry.endings.push(ending.clone());
        let attempts = entry.endings.len();
        if attempts < self.attempts && ending != Ending::Abandoned {
            self.put_back(entry);
        } else {
            let (id, last) = (entry.id, ending);
            let failure = Failure::Quarantined { id, attempts, last };
            self.record(entry, Err(failure));
        }
    }

    /// Requeues a job whose attempt failed through no fault of its own: its
    /// worker died before receiving it, or was killed on purpose.
    pub fn put_back(&mut self, entry: Entry<J>) {
        self.in_hand -= 1;
        self.waiting.push_back(entry);
    }

    /// Takes a finished job: each is returned once.
    pub fn pop_finished(&mut self) -> Option<Finished<A>> {
        self.finished.pop_front()
    }

    /// Whether no job is waiting or with a worker.
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.in_hand == 0
    }

    fn record(&mut self, entry: Entry<J>, result: Result<A, Failure>) {
        self.in_hand -= 1;
        let Entry { id, endings, .. } = entry;
        self.finished.push_back(Finished { id, result, endings });
    }
}

/// A job's number, from 0, in the order of submission.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "job {}", self.0)
    }
}

/// A finished job, with or without an answer.
#[derive(Debug)]
pub struct Finished<A> {
    /// The job's id.
    pub id: JobId,
    /// The answer, or why there is none.
    pub result: Result<A, Failure>,
    /// The failed attempts.
    pub endings: Vec<Ending>,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn died() -> Ending {
        Ending::Died("as planned".into())
    }

    proptest! {
        /// Workers take and return jobs in any order and with any result.
        #[test]
        fn every_job_is_finished_exactly_once(
            jobs in 0..40_u64,
            attempts in 1..4_usize,
            lots in prop::collection::vec((0..4_u8, any::<prop::sample::Index>()), 4000),
        ) {
            let mut queue = JobQueue::<u64, u64>::new(attempts);
            for job in 0..jobs {
                prop_assert_eq!(queue.submit(job * 7, None), JobId(job));
            }
            let mut hands = Vec::new();
            let mut given = Vec::new();
            for (lot, at) in lots {
                if lot == 0 || hands.is_empty() {
                    hands.extend(queue.take());
                    continue;
                }
                let entry: Entry<u64> = hands.swap_remove(at.index(hands.len()));
                match lot {
                    1 => {
                        let answer = entry.job + 1;
                        queue.finish(entry, Ok(answer));
                    }
                    2 => queue.put_back(entry),
                    _ => queue.fail(entry, died()),
                }
                given.extend(queue.pop_finished());
            }
            while let Some(entry) = hands.pop().or_else(|| queue.take()) {
                let answer = entry.job + 1;
                queue.finish(entry, Ok(answer));
            }
            prop_assert!(queue.is_done());
            given.extend(std::iter::from_fn(|| queue.pop_finished()));
            given.sort_by_key(|finished| finished.id);
            let ids: Vec<u64> = given.iter().map(|one| one.id.0).collect();
            prop_assert_eq!(ids, (0..jobs).collect::<Vec<_>>());
            for Finished { id, result, endings } in given {
                match result {
                    Ok(answer) => prop_assert_eq!(answer, id.0 * 7 + 1),
                    Err(_) => prop_assert_eq!(endings.len(), attempts),
                }
                prop_assert!(endings.len() <= attempts);
            }
        }
    }

    #[test]
    fn a_job_that_kills_its_worker_three_times_is_quarantined_and_named() {
        let mut queue = JobQueue::<_, ()>::new(3);
        queue.submit("good", None);
        queue.submit("bad", None);
        queue.take().unwrap();
        for _ in 0..3 {
            let entry = queue.take().unwrap();
            assert_eq!(entry.job, "bad");
            queue.fail(entry, died());
        }
        let Finished { id, result, endings } = queue.pop_finished().unwrap();
        assert_eq!((id, endings.len()), (JobId(1), 3));
        let text = result.unwrap_err().to_string();
        assert!(text.starts_with("job 1 is quarantined after 3"), "{text}");
        assert!(text.ends_with("died: as planned"), "{text}");
    }

    #[test]
    fn a_job_that_cannot_be_stopped_gets_no_second_worker() {
        let mut queue = JobQueue::<_, ()>::new(3);
        queue.submit((), None);
        let entry = queue.take().unwrap();
        queue.fail(entry, Ending::Abandoned);
        assert!(queue.pop_finished().unwrap().result.is_err());
        assert!(queue.is_done());
    }
}
