//! A supervised pool: workers that may hang and may die, and jobs that get
//! done all the same.
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
//! A worker serves one job after the other. One that overruns its deadline
//! is asked to stop, then sent SIGTERM, then SIGKILL; one that dies is
//! reaped, replaced, and its job queued again.
//! [`supervision`](common::supervision) has the rules,
//! among them this one: a job is delivered *at least* once, and its result
//! recorded *exactly* once. So what a job does outside of the pool must bear
//! being done twice.
//!
//! # What it promises, whatever happens
//!
//! 1. **A death is known by the process, not by its streams.** A worker that
//!    forks and dies leaves its socket open in its child. The pool sees the
//!    death all the same, by a pidfd, takes the answer if it came whole, and
//!    goes on.
//! 2. **What a job has started dies with its worker**, which leads a process
//!    group: the group is killed when the worker ends, and by the kernel when
//!    the pool's own process is killed. A process escapes if it leaves the
//!    group (setsid(2), setpgid(2)) or gains other rights (setuid(2)). So
//!    does what a worker had started by exec, if that worker died and the
//!    pool's process is killed before it has seen that.
//! 3. **What cleans up may be killed at any moment, and nothing that lives
//!    is ever hit.** If the pool's process dies, the kernel closes the
//!    workers' lifelines, and that ends them. No number of a process is used
//!    after that process is reaped, so it cannot mean another one; and
//!    killing opens no descriptor, so it works when there are none left.
//! 4. **No call waits for one worker** that others need not wait for: not for
//!    one that is stopped in the middle of a message, nor for one that does
//!    not read, nor for one that was killed and takes its time in the kernel.
//!    [`join`](Pool::join) gives a worker that has nothing more to do some
//!    seconds to end, all of them the same, and then kills it. Only drop
//!    waits until the kernel is done with what it has killed.
//! 5. **A start that fails is a death like others**, and counts for the
//!    [intensity](common::supervision::Intensity). And blame is exact: a
//!    worker marks that it has read a job before it looks into it. A job that
//!    was not read when its worker died loses no attempt; one that kills its
//!    worker as it is decoded does. (To overrun its deadline costs an attempt
//!    in any case: the deadline includes the way to the worker.)
//!
//! Where the kernel refuses pidfds, a worker's streams have to tell of its
//! death, and the first promise is void for what escapes by the second.
//!
//! The supervisor is the calling thread, inside of
//! [`join_next`](Pool::join_next): it waits for all workers at once, in
//! poll(2). Between the calls nobody is supervised. The rejected alternative
//! is a thread of its own, which would own the pool and hide the loop that
//! this is about.

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

/// Worker processes that serve jobs of type `J` with answers of type `A`.
/// Dropped, it kills all of them and what they have started, and reaps them.
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
    /// Fails if no processes or no memory can be had.
    pub fn start(rules: Supervision) -> Result<Self> {
        Pool::start_with(rules, None)
    }

    /// The same with faults.
    ///
    /// # Errors
    ///
    /// As [`start`](Pool::start).
    pub fn start_with(
        rules: Supervision,
        chaos: Option<Chaos>,
    ) -> Result<Self> {
        ensure!(rules.workers > 0, "a pool of no workers does no job");
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

    /// The same for a job whose attempts have a deadline of their own, or
    /// none.
    pub fn submit_within(
        &mut self,
        deadline: Option<Duration>,
        job: J,
    ) -> JobId {
        let id = self.queue.submit(job, deadline);
        self.deliver();
        id
    }

    /// Supervises until a job is done with, and gives it; nothing if all
    /// have been given.
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

    /// Waits for all jobs that are not yet given, lets the workers go and
    /// reaps them. The jobs come in the order of their ids.
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

    /// One turn of the loop: waits until a worker has something to say, is
    /// dead, or it is time to stop one, and sees to all of them.
    fn supervise(&mut self) -> Result<()> {
        let news = self.wait()?;
        for (index, [speaks, is_dead]) in news.into_iter().enumerate() {
            if speaks || is_dead {
                // Also of the dead: their answer may be here.
                self.hear(index)?;
            }
            match is_dead {
                true => self.bury(index)?,
                false => self.stop_if_due(index)?,
            }
        }
        self.deliver();
        Ok(())
    }

    /// Of each worker, whether it has something to say, or room for the rest
    /// of its job, and whether it is dead.
    fn wait(&self) -> Result<Vec<[bool; 2]>> {
        let due = self.workers.iter().filter_map(Worker::due).min();
        let mut ends: Vec<_> =
            self.workers.iter().flat_map(Worker::ends).collect();
        wait_for_any(&mut ends, time_left(due))
            .context("the workers cannot be watched")?;
        let (ends, _) = ends.as_chunks();
        let is_told = |end: &PollFd<'_>| !end.revents().is_empty();
        Ok(ends
            .iter()
            .map(|[news, death]| [news, death].map(is_told))
            .collect())
    }

    /// Hears what a worker has to say, or that it has nothing to say any
    /// more.
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

    /// Takes what a worker says: that it is ready, or the answer to the job
    /// that it has. Whoever says anything else is not to be trusted with
    /// another job.
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
            // Whoever was sent a signal is to end, however fast its job was.
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
                // It may have answered by now: that is late, and right.
                Some(StopMethod::Force) => worker.kill()?,
            },
            _ => {}
        }
        Ok(())
    }

    /// Kills a worker that is not to be trusted with another job, and waits
    /// for nothing: its death is told as any other.
    fn condemn(&mut self, index: usize, reason: Option<String>) -> Result<()> {
        let worker = &mut self.workers[index];
        let attempt = match worker.rest() {
            State::Busy(attempt) => Some(attempt),
            _ => None,
        };
        worker.state = State::Condemned(attempt, reason);
        worker.kill()
    }

    /// Reaps a worker that is dead, and puts another in its place. Its job,
    /// if it has one, has lost an attempt; not so one that it never got.
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

    /// Gives each idle worker a job. One that cannot be encoded is done.
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
            .context("no worker can be started")
    }
}

fn died(status: ExitStatus, reason: Option<String>) -> Ending {
    Ending::Died(match reason {
        None => status.to_string(),
        Some(reason) => format!("{status}: {reason}"),
    })
}
