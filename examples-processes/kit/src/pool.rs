//! A supervised pool: every job is completed or accounted for, even if workers
//! hang or die.
//!
//! ```no_run
//! use std::{process::ExitCode, time::Duration};
//! use anyhow::Result;
//! use common::supervision::Supervision;
//! use process_kit::{Pool, Role, Turn, role};
//!
//! fn main() -> ExitCode {
//!     match role() {
//!         Role::Main => match run() {
//!             Ok(()) => ExitCode::SUCCESS,
//!             Err(_) => ExitCode::FAILURE,
//!         },
//!         Role::Worker(parent) => parent.serve_each(worker),
//!     }
//! }
//!
//! fn run() -> Result<()> {
//!     let deadline = Some(Duration::from_secs(1));
//!     let rules = Supervision { deadline, ..Supervision::default() };
//!     let mut pool = Pool::<u64, u64>::start(rules)?;
//!     for number in 0..100 {
//!         pool.submit(number);
//!     }
//!     for finished in pool.join()? {
//!         match finished.result {
//!             Ok(square) => println!("{}: {square}", finished.id),
//!             Err(failure) => println!("{}: {failure}", finished.id),
//!         }
//!     }
//!     Ok(())
//! }
//!
//! fn worker(number: u64, _turn: &Turn) -> Result<u64> {
//!     Ok(number * number)
//! }
//! ```
//!
//! A worker does one job after another. If it overruns its deadline, the pool
//! asks it to stop, then sends SIGTERM, then SIGKILL. If it dies, the pool
//! reaps it, replaces it, and queues its job again. The rules are in
//! [`supervision`](common::supervision). One of them: a job is delivered *at
//! least* once, and its result is recorded *exactly* once. So a job's effects
//! outside the pool must be safe to repeat.
//!
//! # Guarantees
//!
//! 1. **A death is detected through the process, not its streams.** A worker
//!    that forks and dies leaves its socket open in its child. The pool still
//!    sees the death, through a pidfd, takes the answer if it arrived whole,
//!    and continues.
//! 2. **Processes that a job starts die with its worker.** The worker leads a
//!    process group; the group is killed when the worker exits, and by the
//!    kernel when the pool's own process is killed. A process escapes if it
//!    leaves the group (setsid(2), setpgid(2)) or changes its credentials
//!    (setuid(2)). A program that the worker started with exec also escapes if
//!    the worker dies and the pool's process is killed before it notices.
//! 3. **The cleanup itself may be killed at any moment, and never hits the
//!    wrong process.** If the pool's process dies, the kernel closes the
//!    workers' lifelines, which kills the workers. A process id is never used
//!    after its process is reaped, so it cannot refer to another process.
//!    Killing opens no descriptor, so it works even when none are left.
//! 4. **No call waits for one worker** unless it needs that worker: a worker
//!    that is stopped in the middle of a message, that does not read, or that
//!    was killed and is slow to die in the kernel does not delay the others.
//!    [`join`](Pool::join) gives workers with nothing left to do a few seconds
//!    to exit, the same few seconds for all, and then kills them. Only drop
//!    waits until the kernel has finished with the workers that it killed.
//! 5. **A failed start is a death like any other**, and counts towards the
//!    [intensity](common::supervision::Intensity). Blame is exact: a worker
//!    marks a job as read before it decodes it. If a worker dies before it has
//!    read its job, the job loses no attempt; if decoding the job kills the
//!    worker, it does. (An overrun deadline always costs an attempt: the
//!    deadline includes the way to the worker.)
//!
//! Where the kernel refuses pidfds, the end of a worker's streams has to report
//! its death. Then the first guarantee does not hold for processes that escape
//! the second.
//!
//! The supervisor is the calling thread, inside [`join_next`](Pool::join_next):
//! it waits for all workers at once, in poll(2). Between calls nothing is
//! supervised. The rejected alternative is a supervisor thread that owns the
//! pool: it would hide the loop that this module is meant to show.

pub mod chaos;
pub(crate) mod flags;
mod turn;
mod worker;

use std::{
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use common::supervision::{
    Ending, Finished, JobId, JobQueue, Restarts, StopMethod, Stopped,
    Supervision,
};
use rustix::event::PollFd;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    channel::RecvError,
    pool::chaos::Chaos,
    pool::flags::Flags,
    start::child::{PARTING, time_left, wait_for_any},
    start::role::Reply,
};
use worker::{Attempt, State, Worker};

pub use turn::Turn;
pub(crate) use turn::{Delivery, Hello, Report};

/// Worker processes that do jobs of type `J` with answers of type `A`. Dropping
/// the pool kills and reaps them, and kills all processes that they started.
#[derive(Debug)]
pub struct Pool<J, A> {
    rules: Supervision,
    chaos: Option<Chaos>,
    flags: Flags,
    queue: JobQueue<J, A>,
    restarts: Restarts,
    workers: Vec<Worker<J, A>>,
    /// Workers started so far.
    started: u64,
}

impl<J: Serialize, A: DeserializeOwned> Pool<J, A> {
    /// Starts the workers.
    ///
    /// # Errors
    ///
    /// Fails if a process cannot be started or memory cannot be allocated.
    pub fn start(rules: Supervision) -> Result<Self> {
        Pool::start_with(rules, None)
    }

    /// As [`start`](Pool::start), with injected faults.
    ///
    /// # Errors
    ///
    /// As [`start`](Pool::start).
    pub fn start_with(
        rules: Supervision,
        chaos: Option<Chaos>,
    ) -> Result<Self> {
        ensure!(rules.workers > 0, "no workers: a pool needs at least one");
        let mut pool = Pool {
            rules,
            chaos,
            flags: Flags::new(rules.workers)?,
            queue: JobQueue::new(rules.attempts),
            restarts: Restarts::new(rules.intensity),
            workers: Vec::new(),
            started: 0,
        };
        for index in 0..rules.workers {
            let worker = pool.start_worker(index)?;
            pool.workers.push(worker);
        }
        Ok(pool)
    }

    /// Waits until every worker is ready for a job.
    ///
    /// # Errors
    ///
    /// As [`join_next`](Pool::join_next).
    pub fn wait_for_all(&mut self) -> Result<()> {
        while !self.workers.iter().all(Worker::is_ready) {
            self.supervise()?;
        }
        Ok(())
    }

    /// Adds a job. An idle worker gets it at once.
    pub fn submit(&mut self, job: J) -> JobId {
        self.submit_within(self.rules.deadline, job)
    }

    /// Adds a job whose attempts have a deadline of their own, or none.
    pub fn submit_within(
        &mut self,
        deadline: Option<Duration>,
        job: J,
    ) -> JobId {
        let id = self.queue.submit(job, deadline);
        self.deliver();
        id
    }

    /// Supervises until a job has finished, and returns it; `None` if all have
    /// been returned.
    ///
    /// # Errors
    ///
    /// Fails if workers die faster than [`Supervision::intensity`] allows,
    /// or cannot be replaced.
    pub fn join_next(&mut self) -> Result<Option<Finished<A>>> {
        loop {
            if let Some(finished) = self.queue.pop_finished() {
                return Ok(Some(finished));
            }
            if self.queue.is_done() {
                return Ok(None);
            }
            self.supervise()?;
        }
    }

    /// Waits for all jobs that have not been returned yet, then tells the
    /// workers to exit and reaps them. The jobs are in the order of their ids.
    ///
    /// # Errors
    ///
    /// As [`join_next`](Pool::join_next).
    pub fn join(mut self) -> Result<Vec<Finished<A>>> {
        let mut all = Vec::new();
        while let Some(finished) = self.join_next()? {
            all.push(finished);
        }
        all.sort_by_key(|finished| finished.id);
        self.workers.iter().for_each(|worker| worker.link.close());
        let deadline = Instant::now().checked_add(PARTING);
        for mut worker in self.workers {
            worker.release(deadline)?;
        }
        Ok(all)
    }

    /// The process ids of the workers.
    pub fn ids(&self) -> Vec<u32> {
        self.workers.iter().map(Worker::id).collect()
    }

    /// How many workers were replaced.
    pub fn restarts(&self) -> usize {
        self.restarts.count
    }

    /// One iteration of the loop: waits until a worker sends something or dies,
    /// or until it is time to stop one, and handles all of them.
    fn supervise(&mut self) -> Result<()> {
        let news = self.wait()?;
        for (index, [speaks, is_dead]) in news.into_iter().enumerate() {
            if speaks || is_dead {
                // A dead worker's answer may have arrived, too.
                self.hear(index)?;
            }
            if is_dead { self.bury(index)? } else { self.stop_if_due(index)? }
        }
        self.deliver();
        Ok(())
    }

    /// For each worker: whether it has sent something or has room for the rest
    /// of its job, and whether it is dead.
    fn wait(&self) -> Result<Vec<[bool; 2]>> {
        let due = self.workers.iter().filter_map(Worker::due).min();
        let mut ends: Vec<_> =
            self.workers.iter().flat_map(Worker::ends).collect();
        wait_for_any(&mut ends, time_left(due))
            .context("cannot watch the workers")?;
        let (ends, _) = ends.as_chunks();
        let is_told = |end: &PollFd<'_>| !end.revents().is_empty();
        Ok(ends
            .iter()
            .map(|[news, death]| [news, death].map(is_told))
            .collect())
    }

    /// Receives what a worker sent, or learns that it will send nothing more.
    fn hear(&mut self, index: usize) -> Result<()> {
        let worker = &mut self.workers[index];
        if worker.is_condemned() {
            return Ok(());
        }
        worker.link.flush();
        match worker.link.receive() {
            Ok(None) => Ok(()),
            Ok(Some(report)) => self.settle(index, report),
            Err(RecvError::Disconnected) => self.condemn(index, None),
            Err(error) => self.condemn(index, Some(error.to_string())),
        }
    }

    /// Accepts a report: that the worker is ready, or the answer to its current
    /// job. A worker that sends anything else gets no more jobs.
    fn settle(&mut self, index: usize, report: Report<A>) -> Result<()> {
        let worker = &mut self.workers[index];
        match (report, worker.rest()) {
            (Report::Ready, State::Starting(_)) => Ok(()),
            (Report::Done(id, reply), State::Busy(attempt))
                if id == attempt.entry.id =>
            {
                self.record(index, attempt, reply)
            }
            (_, before) => {
                worker.state = before;
                self.condemn(index, Some("it spoke out of turn".into()))
            }
        }
    }

    fn record(
        &mut self,
        index: usize,
        attempt: Attempt<J>,
        reply: Reply<A>,
    ) -> Result<()> {
        let Attempt { entry, watch } = attempt;
        let stopped = watch.stopped(Instant::now());
        let queue = &mut self.queue;
        match (reply, stopped) {
            (Reply::Answer(answer), _) => queue.finish(entry, Ok(answer)),
            (Reply::Failed(error), None) => queue.finish(entry, Err(error)),
            (Reply::Failed(_), Some(stopped)) => {
                queue.fail(entry, Ending::Stopped(stopped));
            }
        }
        match stopped {
            // A worker that was sent a signal must exit, however fast its job
            // was.
            Some(Stopped {
                by: StopMethod::Interrupt | StopMethod::Force,
                ..
            }) => self.condemn(index, None),
            _ => Ok(()),
        }
    }

    /// Tries the next way to stop a worker whose time is up.
    fn stop_if_due(&mut self, index: usize) -> Result<()> {
        let (worker, now) = (&mut self.workers[index], Instant::now());
        match &mut worker.state {
            State::Starting(Some(until)) if *until <= now => {
                return self.condemn(index, Some("it was never ready".into()));
            }
            State::Busy(attempt) => match attempt.watch.escalate(now) {
                None => {}
                Some(StopMethod::Ask) => self.flags.raise(index),
                Some(StopMethod::Interrupt) => worker.terminate()?,
                // It may have answered by now: a late answer is valid.
                Some(StopMethod::Force) => worker.kill()?,
            },
            _ => {}
        }
        Ok(())
    }

    /// Kills a worker that must get no more jobs, without waiting: its death is
    /// reported like any other.
    fn condemn(&mut self, index: usize, reason: Option<String>) -> Result<()> {
        let worker = &mut self.workers[index];
        let attempt = match worker.rest() {
            State::Busy(attempt) => Some(attempt),
            _ => None,
        };
        worker.state = State::Condemned(attempt, reason);
        worker.kill()
    }

    /// Reaps a dead worker and replaces it. Its job, if it has one, loses an
    /// attempt, unless the worker never read it.
    fn bury(&mut self, index: usize) -> Result<()> {
        let worker = &mut self.workers[index];
        let status = worker.reap()?;
        let was_doomed = self.chaos.is_some_and(|chaos| {
            chaos.doom(worker.serial).is_met(worker.delivered)
        });
        let is_innocent = was_doomed || !self.flags.is_taken(index);
        let (attempt, reason) = match worker.rest() {
            State::Busy(attempt) => (Some(attempt), None),
            State::Condemned(attempt, reason) => (attempt, reason),
            State::Starting(_) | State::Idle => (None, None),
        };
        let ending = died(status, reason);
        if let Some(Attempt { entry, watch }) = attempt {
            let queue = &mut self.queue;
            match watch.stopped(Instant::now()) {
                Some(stopped) => queue.fail(entry, Ending::Stopped(stopped)),
                None if is_innocent => queue.put_back(entry),
                None => queue.fail(entry, ending.clone()),
            }
        }
        self.restarts
            .note(Instant::now())
            .map_err(|error| anyhow!("{error}; the last one {ending}"))
            .context("the pool gives up")?;
        self.workers[index] = self.start_worker(index)?;
        Ok(())
    }

    /// Gives each idle worker a job. A job that cannot be encoded fails.
    fn deliver(&mut self) {
        for (index, worker) in self.workers.iter_mut().enumerate() {
            while worker.is_idle()
                && let Some(entry) = self.queue.take()
            {
                self.flags.lower(index);
                if let Err((entry, error)) =
                    worker.deliver(entry, self.rules.grace)
                {
                    self.queue.finish(entry, Err(error.to_string()));
                }
            }
        }
    }

    fn start_worker(&mut self, index: usize) -> Result<Worker<J, A>> {
        let hello = Hello {
            flags: self.flags.clone(),
            serial: self.started,
            chaos: self.chaos,
        };
        self.started += 1;
        Worker::start(index, hello, &self.rules)
            .context("cannot start a worker")
    }
}

fn died(status: ExitStatus, reason: Option<String>) -> Ending {
    Ending::Died(match reason {
        None => status.to_string(),
        Some(reason) => format!("{status}: {reason}"),
    })
}
