//! The rules by which a pool keeps its workers going, and what became of its
//! jobs. It starts nothing: the pool of threads and the pool of processes
//! share it, and differ in how a worker is started, stopped and replaced.
//!
//! A job is *delivered* to a worker, at least once. An attempt can come to
//! nothing: the worker dies, or overruns the job's deadline and is stopped.
//! Then the job is queued again, until it has had its number of attempts, and
//! is quarantined. A worker that dies before it has the job costs no attempt.
//! What a job does outside of the pool may be done more than once, as with
//! any queue that loses no job. Its *result* is recorded exactly once, by the
//! job's id: a job is queued, or in one worker's hands, or finished, and the
//! compiler sees to it that it is in one place.

use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Supervision {
    /// How many workers there are.
    pub workers: usize,
    /// How long a worker may take until it is ready for its first job, before
    /// it is replaced. It is for processes: a thread is ready, or is none.
    pub start: Duration,
    /// How long an attempt may take, the way to the worker included, before
    /// it is stopped. A job may be submitted with a deadline of its own.
    pub deadline: Option<Duration>,
    /// How long a way to stop has, before the next one is tried.
    pub grace: Duration,
    /// How many attempts a job has that come to nothing.
    pub attempts: usize,
    /// How often workers may be replaced, before the pool gives up.
    pub intensity: Intensity,
}

/// So many restarts in so much time, and no more. The term is Erlang's:
/// <https://www.erlang.org/doc/system/sup_princ.html>. Without such a bound
/// a pool whose workers die at once does nothing but start workers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intensity {
    /// So many are borne.
    pub restarts: usize,
    /// In any stretch of this length.
    pub within: Duration,
}

impl Default for Supervision {
    /// One worker for each core, no deadline, three attempts.
    fn default() -> Self {
        Supervision {
            workers: crate::machine::cores(),
            start: Duration::from_secs(10),
            deadline: None,
            grace: Duration::from_millis(100),
            attempts: 3,
            intensity: Intensity::default(),
        }
    }
}

impl Default for Intensity {
    fn default() -> Self {
        Intensity { restarts: 100, within: Duration::from_secs(5) }
    }
}

/// The ways to stop a worker, in rising order.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    ValueEnum,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A flag, which the job looks at when it likes.
    Ask,
    /// What it waits for is closed, or it is sent SIGTERM.
    Interrupt,
    /// SIGKILL. Threads have nothing here: they are abandoned.
    Force,
}

impl Way {
    /// The next one, if there is one.
    pub fn next(self) -> Option<Self> {
        match self {
            Way::Ask => Some(Way::Interrupt),
            Way::Interrupt => Some(Way::Force),
            Way::Force => None,
        }
    }

    /// How the stopping of a job's attempt begins: with each attempt one way
    /// further up. A job that had to be stopped before is not asked again.
    pub fn first(attempt: usize) -> Self {
        match attempt {
            0 => Way::Ask,
            1 => Way::Interrupt,
            _ => Way::Force,
        }
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

/// How an attempt came to nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// It overran its deadline, and was stopped.
    Stopped(Stopped),
    /// No way could stop it: a thread is left, and still at it.
    Abandoned,
    /// The worker died by itself, and this is how.
    Died(String),
}

/// How an attempt was stopped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stopped {
    /// The first way that was tried.
    pub first: Way,
    /// The one that did it.
    pub by: Way,
    /// How long that one took.
    pub after: Duration,
    /// How long it took from the first.
    pub in_all: Duration,
}

/// A job that is done with, one way or the other.
#[derive(Debug)]
pub struct Finished<A> {
    /// Which job it is.
    pub id: JobId,
    /// The answer, or why there is none.
    pub result: Result<A, Failure>,
    /// The attempts that came to nothing.
    pub endings: Vec<Ending>,
}

/// Why a job has no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The text of the job's own error. It is an answer too, so that there
    /// is no further attempt.
    Failed(String),
    /// Each attempt came to nothing, and this was the last one.
    Quarantined {
        /// Which job it is.
        id: JobId,
        /// How many there were.
        attempts: usize,
        /// How the last one ended.
        last: Ending,
    },
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Stopped(Stopped { by, .. }) => {
                write!(formatter, "was stopped ({by:?})")
            }
            Ending::Abandoned => formatter.write_str("could not be stopped"),
            Ending::Died(how) => write!(formatter, "died: {how}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(error) => formatter.write_str(error),
            Failure::Quarantined { id, attempts, last } => write!(
                formatter,
                "{id} is quarantined after {attempts} attempts: its last \
                 worker {last}"
            ),
        }
    }
}

impl Error for Failure {}

/// The jobs of a pool: those that wait, and those that are done with. Those
/// in between are in the workers' hands.
#[derive(Debug)]
pub struct Docket<J, A> {
    attempts: usize,
    submitted: u64,
    waiting: VecDeque<Entry<J>>,
    in_hand: usize,
    finished: VecDeque<Finished<A>>,
}

/// A job on its way.
#[derive(Debug)]
pub struct Entry<J> {
    /// Which job it is.
    pub id: JobId,
    /// The job, as the pool sends it to a worker.
    pub job: J,
    /// How long an attempt may take.
    pub deadline: Option<Duration>,
    /// The attempts that came to nothing.
    pub endings: Vec<Ending>,
}

impl<J, A> Docket<J, A> {
    /// No jobs yet. Each will have so many attempts that come to nothing,
    /// and at least one.
    pub fn new(attempts: usize) -> Self {
        Docket {
            attempts,
            submitted: 0,
            waiting: VecDeque::new(),
            in_hand: 0,
            finished: VecDeque::new(),
        }
    }

    /// One more job.
    pub fn submit(&mut self, job: J, deadline: Option<Duration>) -> JobId {
        let (id, endings) = (JobId(self.submitted), Vec::new());
        self.submitted += 1;
        self.waiting.push_back(Entry { id, job, deadline, endings });
        id
    }

    /// A job for a worker, who must bring it back: see
    /// [`finish`](Docket::finish) and [`fail`](Docket::fail).
    pub fn take(&mut self) -> Option<Entry<J>> {
        let entry = self.waiting.pop_front();
        self.in_hand += usize::from(entry.is_some());
        entry
    }

    /// The job is done. An error is the job's own.
    pub fn finish(&mut self, entry: Entry<J>, result: Result<A, String>) {
        self.record(entry, result.map_err(Failure::Failed));
    }

    /// The attempt came to nothing. The job waits for the next one, behind
    /// the others, or is quarantined. One that could not be stopped gets no
    /// other: each would cost one more worker for good.
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

    /// The attempt came to nothing, and the job has no part in that: its
    /// worker died before it had the job, or was killed on purpose.
    pub fn put_back(&mut self, entry: Entry<J>) {
        self.in_hand -= 1;
        self.waiting.push_back(entry);
    }

    /// A job that is done with: each is given once.
    pub fn pop_finished(&mut self) -> Option<Finished<A>> {
        self.finished.pop_front()
    }

    /// Whether no job waits or is in a worker's hands.
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.in_hand == 0
    }

    fn record(&mut self, entry: Entry<J>, result: Result<A, Failure>) {
        self.in_hand -= 1;
        let Entry { id, endings, .. } = entry;
        self.finished.push_back(Finished { id, result, endings });
    }
}

/// When an attempt must be stopped, by which way, and until when.
#[derive(Debug)]
pub struct Watch {
    grace: Duration,
    due: Option<Instant>,
    first: Way,
    stopping: Option<Stopping>,
}

#[derive(Debug, Clone, Copy)]
struct Stopping {
    by: Way,
    begun: Instant,
    since: Instant,
}

impl Watch {
    /// Over an attempt that begins now.
    pub fn new(
        deadline: Option<Duration>,
        grace: Duration,
        first: Way,
        now: Instant,
    ) -> Self {
        let due = deadline.and_then(|time| now.checked_add(time));
        Watch { grace, due, first, stopping: None }
    }

    /// When to look next; never, if there is no deadline.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The way to try, if it is time for one.
    pub fn escalate(&mut self, now: Instant) -> Option<Way> {
        if self.due.is_none_or(|due| now < due) {
            return None;
        }
        let by = match self.stopping {
            None => self.first,
            Some(Stopping { by, .. }) => by.next()?,
        };
        let begun = self.stopping.map_or(now, |stopping| stopping.begun);
        self.stopping = Some(Stopping { by, begun, since: now });
        self.due = by.next().and_then(|_| now.checked_add(self.grace));
        Some(by)
    }

    /// That it has stopped now, if it was to.
    pub fn stopped(&self, now: Instant) -> Option<Stopped> {
        let Stopping { by, begun, since } = self.stopping?;
        Some(Stopped {
            first: self.first,
            by,
            after: now - since,
            in_all: now - begun,
        })
    }
}

/// The restarts of late, held against their [`Intensity`].
#[derive(Debug)]
pub struct Restarts {
    intensity: Intensity,
    recent: VecDeque<Instant>,
    /// All that there were.
    pub count: usize,
}

impl Restarts {
    /// None yet.
    pub fn new(intensity: Intensity) -> Self {
        Restarts { intensity, recent: VecDeque::new(), count: 0 }
    }

    /// One more, now.
    ///
    /// # Errors
    ///
    /// Fails if it is one too many: then whatever kills the workers will kill
    /// the next one too, and it is time to give up.
    pub fn note(&mut self, now: Instant) -> Result<()> {
        let Intensity { restarts, within } = self.intensity;
        let is_old = |then: &Instant| now - *then > within;
        while self.recent.front().is_some_and(is_old) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.count += 1;
        ensure!(
            self.recent.len() <= restarts,
            "{} workers had to be replaced within {within:?}, and {restarts} \
             are the most",
            self.recent.len()
        );
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn died() -> Ending {
        Ending::Died("as planned".into())
    }

    proptest! {
        /// Workers take and bring back jobs in any order and with any luck.
        #[test]
        fn every_job_is_finished_exactly_once(
            jobs in 0..40_u64,
            attempts in 1..4_usize,
            lots in prop::collection::vec((0..4_u8, any::<prop::sample::Index>()), 4000),
        ) {
            let mut docket = Docket::<u64, u64>::new(attempts);
            for job in 0..jobs {
                prop_assert_eq!(docket.submit(job * 7, None), JobId(job));
            }
            let mut hands = Vec::new();
            let mut given = Vec::new();
            for (lot, at) in lots {
                if lot == 0 || hands.is_empty() {
                    hands.extend(docket.take());
                    continue;
                }
                let entry: Entry<u64> = hands.swap_remove(at.index(hands.len()));
                match lot {
                    1 => {
                        let answer = entry.job + 1;
                        docket.finish(entry, Ok(answer));
                    }
                    2 => docket.put_back(entry),
                    _ => docket.fail(entry, died()),
                }
                given.extend(docket.pop_finished());
            }
            while let Some(entry) = hands.pop().or_else(|| docket.take()) {
                let answer = entry.job + 1;
                docket.finish(entry, Ok(answer));
            }
            prop_assert!(docket.is_done());
            given.extend(std::iter::from_fn(|| docket.pop_finished()));
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

        /// Against the plainest of ways: count those in the window.
        #[test]
        fn restarts_are_bounded_in_every_window(
            gaps in prop::collection::vec(0..3000_u64, 1..60),
            restarts in 1..6_usize,
        ) {
            let intensity = Intensity { restarts, within: SECOND };
            let mut noted = Restarts::new(intensity);
            let (mut now, mut times) = (Instant::now(), Vec::new());
            for gap in gaps {
                now += Duration::from_millis(gap);
                times.push(now);
                let late = |time: &&Instant| now - **time <= SECOND;
                let in_window = times.iter().filter(late).count();
                prop_assert_eq!(noted.note(now).is_ok(), in_window <= restarts);
            }
        }
    }

    #[test]
    fn a_job_that_kills_its_worker_three_times_is_quarantined_and_named() {
        let mut docket = Docket::<_, ()>::new(3);
        docket.submit("good", None);
        docket.submit("bad", None);
        docket.take().unwrap();
        for _ in 0..3 {
            let entry = docket.take().unwrap();
            assert_eq!(entry.job, "bad");
            docket.fail(entry, died());
        }
        let Finished { id, result, endings } = docket.pop_finished().unwrap();
        assert_eq!((id, endings.len()), (JobId(1), 3));
        let text = result.unwrap_err().to_string();
        assert!(text.starts_with("job 1 is quarantined after 3"), "{text}");
        assert!(text.ends_with("died: as planned"), "{text}");
    }

    #[test]
    fn who_cannot_be_stopped_gets_no_second_worker() {
        let mut docket = Docket::<_, ()>::new(3);
        docket.submit((), None);
        let entry = docket.take().unwrap();
        docket.fail(entry, Ending::Abandoned);
        assert!(docket.pop_finished().unwrap().result.is_err());
        assert!(docket.is_done());
    }

    #[test]
    fn ways_are_tried_one_after_the_other_each_for_its_grace() {
        let begin = Instant::now();
        let at = |seconds| begin + seconds * SECOND;
        let deadline = Some(10 * SECOND);
        let mut watch = Watch::new(deadline, SECOND, Way::Ask, begin);
        assert_eq!(watch.escalate(at(9)), None);
        assert_eq!(watch.stopped(at(9)), None);
        assert_eq!(watch.escalate(at(10)), Some(Way::Ask));
        assert_eq!(watch.escalate(at(10)), None);
        assert_eq!(watch.escalate(at(11)), Some(Way::Interrupt));
        assert_eq!(watch.escalate(at(13)), Some(Way::Force));
        assert_eq!(watch.due(), None);
        assert_eq!(watch.escalate(at(99)), None);
        let stopped = watch.stopped(at(14)).unwrap();
        assert_eq!((stopped.first, stopped.by), (Way::Ask, Way::Force));
        assert_eq!(stopped.after, SECOND);
        assert_eq!(stopped.in_all, 4 * SECOND);
    }

    #[test]
    fn without_a_deadline_nothing_is_stopped() {
        let begin = Instant::now();
        let mut watch = Watch::new(None, SECOND, Way::Ask, begin);
        assert_eq!(watch.due(), None);
        assert_eq!(watch.escalate(Instant::now() + 1000 * SECOND), None);
    }
}
