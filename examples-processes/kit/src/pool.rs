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
//! The supervisor is the calling thread, inside of
//! [`join_next`](Pool::join_next): it waits for all workers at once, in
//! poll(2). Between the calls nobody is supervised. The rejected alternative
//! is a thread of its own, which would own the pool and hide the loop that
//! this is about.

mod link;
mod turn;
mod worker;

use std::{io, process::ExitStatus, time::Instant};

use anyhow::{Context as _, Result, ensure};
use common::supervision::{
    Docket, Ending, Finished, JobId, Restarts, Stopped, Supervision, Way,
};
use rustix::{
    event::{Timespec, poll},
    io::Errno,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{channel::RecvError, chaos::Chaos, flags::Flags, role::Reply};
use worker::{Attempt, State, Worker};

pub use turn::Turn;
pub(crate) use turn::{Delivery, Hello, Report};

/// Worker processes that serve jobs of type `J` with answers of type `A`.
/// Dropped, it kills and reaps all of them.
#[derive(Debug)]
pub struct Pool<J, A> {
    rules: Supervision,
    chaos: Option<Chaos>,
    flags: Flags,
    docket: Docket<J, A>,
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
            docket: Docket::new(rules.attempts),
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
        while self.workers.iter().any(Worker::is_starting) {
            self.supervise()?;
        }
        Ok(())
    }

    /// Adds a job. An idle worker gets it at once.
    pub fn submit(&mut self, job: J) -> JobId {
        let id = self.docket.submit(job);
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
            if let Some(finished) = self.docket.pop_finished() {
                return Ok(Some(finished));
            }
            if self.docket.is_done() {
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
        self.workers.into_iter().try_for_each(Worker::release)?;
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

    /// One turn of the loop: waits until a worker has something to say, or
    /// it is time to stop one, and sees to all of them.
    fn supervise(&mut self) -> Result<()> {
        let is_ready = self.wait()?;
        for (index, is_ready) in is_ready.into_iter().enumerate() {
            if is_ready {
                self.hear(index)?;
            }
            self.stop_if_due(index)?;
        }
        self.deliver();
        Ok(())
    }

    /// Which of the workers have something to say, or room for the rest of
    /// their job.
    fn wait(&self) -> Result<Vec<bool>> {
        let due = self.workers.iter().filter_map(Worker::due).min();
        let mut links: Vec<_> = self.workers.iter().map(Worker::poll).collect();
        match poll(&mut links, patience(due).as_ref()) {
            Ok(_) => {}
            // A handler has run: there may be time left, or not.
            Err(Errno::INTR) => {}
            Err(error) => {
                return Err(io::Error::from(error))
                    .context("the workers cannot be watched");
            }
        }
        Ok(links.iter().map(|link| !link.revents().is_empty()).collect())
    }

    /// Hears what a worker has to say, or that it has nothing to say any
    /// more.
    fn hear(&mut self, index: usize) -> Result<()> {
        let worker = &mut self.workers[index];
        worker.link.flush();
        match worker.link.receive() {
            Ok(None) => Ok(()),
            Ok(Some(report)) => self.settle(index, report),
            Err(RecvError::Disconnected) => self.bury(index, None),
            Err(error) => self.bury(index, Some(&error.to_string())),
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
                self.bury(index, Some("it spoke out of turn"))
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
        let docket = &mut self.docket;
        match (reply, stopped) {
            (Reply::Answer(answer), _) => docket.finish(entry, Ok(answer)),
            (Reply::Failed(error), None) => docket.finish(entry, Err(error)),
            (Reply::Failed(_), Some(stopped)) => {
                docket.fail(entry, Ending::Stopped(stopped));
            }
        }
        match stopped {
            // Whoever was sent a signal is to end, however fast its job was.
            Some(Stopped { by: Way::Interrupt | Way::Force, .. }) => {
                self.bury(index, None)
            }
            _ => Ok(()),
        }
    }

    /// Tries the next way to stop a worker whose time is up. Death leaves
    /// no choice, so it is waited for.
    fn stop_if_due(&mut self, index: usize) -> Result<()> {
        let worker = &mut self.workers[index];
        match worker.escalate(Instant::now()) {
            None => {}
            Some(Way::Ask) => self.flags.raise(index),
            Some(Way::Interrupt) => worker.terminate()?,
            Some(Way::Force) => {
                worker.kill()?;
                // Its answer may be here: it was late, and is right.
                self.hear(index)?;
            }
        }
        Ok(())
    }

    /// Reaps a worker, in case of doubt kills it, and puts another in its
    /// place. Its job, if it has one, has lost an attempt.
    fn bury(&mut self, index: usize, reason: Option<&str>) -> Result<()> {
        let worker = &mut self.workers[index];
        let status = worker.kill()?;
        let was_doomed = self.chaos.is_some_and(|chaos| {
            worker.delivered > chaos.doom(worker.serial).delivery
        });
        if let State::Busy(Attempt { entry, watch }) = worker.rest() {
            let docket = &mut self.docket;
            match watch.stopped(Instant::now()) {
                Some(stopped) => docket.fail(entry, Ending::Stopped(stopped)),
                None if was_doomed => docket.put_back(entry),
                None => docket.fail(entry, died(status, reason)),
            }
        }
        self.restarts.note(Instant::now()).context("the pool gives up")?;
        self.workers[index] = self.start_worker(index)?;
        Ok(())
    }

    /// Gives each idle worker a job. One that cannot be encoded is done.
    fn deliver(&mut self) {
        for (index, worker) in self.workers.iter_mut().enumerate() {
            while worker.is_idle()
                && let Some(entry) = self.docket.take()
            {
                self.flags.lower(index);
                if let Err((entry, error)) = worker.deliver(entry, &self.rules)
                {
                    self.docket.finish(entry, Err(error.to_string()));
                }
            }
        }
    }

    fn start_worker(&mut self, index: usize) -> Result<Worker<J, A>> {
        let hello = Hello {
            workers: self.rules.workers,
            serial: self.started,
            chaos: self.chaos,
        };
        self.started += 1;
        Worker::start(index, hello, &self.flags, &self.rules)
            .context("no worker can be started")
    }
}

fn died(status: ExitStatus, reason: Option<&str>) -> Ending {
    Ending::Died(match reason {
        None => status.to_string(),
        Some(reason) => format!("{status}: {reason}"),
    })
}

/// Until then. Poll's clock counts in nanoseconds, and rounds up.
fn patience(due: Option<Instant>) -> Option<Timespec> {
    let left = due?.saturating_duration_since(Instant::now());
    Timespec::try_from(left).ok()
}
