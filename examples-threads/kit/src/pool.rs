//! The supervised pool of threads.

use std::{
    any::Any,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use common::supervision::{
    Ending, Entry, Finished, JobId, JobQueue, Restarts, StopMethod,
    Supervision, Watch,
};
use crossbeam::channel::{Receiver, Sender, unbounded};

use crate::Turn;

/// Worker threads that do jobs of type `J` with answers of type `A`.
///
/// The supervisor is the calling thread, inside [`join_next`](Pool::join_next).
/// Between calls nothing is supervised.
pub struct Pool<J, A> {
    rules: Supervision,
    work: Arc<Work<J, A>>,
    queue: JobQueue<J, A>,
    restarts: Restarts,
    workers: Vec<Worker<J>>,
    /// Workers started so far.
    started: u64,
    abandoned: usize,
    reporting: Sender<Report<A>>,
    reports: Receiver<Report<A>>,
}

type Work<J, A> = dyn Fn(J, &Turn) -> Result<A> + Send + Sync;

/// A worker thread and its state.
struct Worker<J> {
    /// How many workers were started before it.
    serial: u64,
    state: State<J>,
    jobs: Sender<(J, Turn)>,
    handle: JoinHandle<()>,
}

/// What a worker is doing.
enum State<J> {
    Starting,
    Idle,
    Busy(Attempt<J>),
}

/// A job that a worker is doing.
struct Attempt<J> {
    entry: Entry<J>,
    watch: Watch,
    turn: Turn,
}

/// A message from a worker to its supervisor.
struct Report<A> {
    serial: u64,
    word: Word<A>,
}

enum Word<A> {
    Ready,
    Done(Result<A>),
    Panicked(String),
}

impl<J: Clone + Send + 'static, A: Send + 'static> Pool<J, A> {
    /// Starts the workers, which all run `work`.
    ///
    /// # Errors
    ///
    /// Fails if a thread cannot be started.
    pub fn start(
        rules: Supervision,
        work: impl Fn(J, &Turn) -> Result<A> + Send + Sync + 'static,
    ) -> Result<Self> {
        ensure!(rules.workers > 0, "no workers: a pool needs at least one");
        let (reporting, reports) = unbounded();
        let mut pool = Pool {
            rules,
            work: Arc::new(work),
            queue: JobQueue::new(rules.attempts),
            restarts: Restarts::new(rules.intensity),
            workers: Vec::new(),
            started: 0,
            abandoned: 0,
            reporting,
            reports,
        };
        for _ in 0..rules.workers {
            let worker = pool.start_worker()?;
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
    /// Fails if workers panic, or are abandoned, faster than
    /// [`Supervision::intensity`] allows, or cannot be replaced.
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
    /// workers to exit and joins them, except for the abandoned ones. The jobs
    /// are in the order of their ids.
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

    /// How many workers were replaced.
    pub fn restarts(&self) -> usize {
        self.restarts.count
    }

    /// How many workers were abandoned because nothing could stop them.
    pub fn abandoned(&self) -> usize {
        self.abandoned
    }

    /// One iteration of the loop: waits until a worker sends something, or
    /// until it is time to stop one, and handles all of them.
    fn supervise(&mut self) -> Result<()> {
        if let Some(Report { serial, word }) = self.wait() {
            self.settle(serial, word)?;
        }
        for index in 0..self.workers.len() {
            self.stop_if_due(index)?;
        }
        self.deliver();
        Ok(())
    }

    /// The next report, if it arrives before a worker must be stopped.
    fn wait(&self) -> Option<Report<A>> {
        match self.workers.iter().filter_map(Worker::due).min() {
            Some(due) => self.reports.recv_deadline(due).ok(),
            None => self.reports.recv().ok(),
        }
    }

    /// Accepts a report: that the worker is ready, or the answer to its current
    /// job. Reports from abandoned workers come too late and are ignored.
    fn settle(&mut self, serial: u64, word: Word<A>) -> Result<()> {
        let is_it = |worker: &Worker<J>| worker.serial == serial;
        let Some(index) = self.workers.iter().position(is_it) else {
            return Ok(());
        };
        match (word, self.workers[index].rest()) {
            (Word::Done(answer), State::Busy(attempt)) => {
                self.record(attempt, answer);
                Ok(())
            }
            (Word::Panicked(how), State::Busy(attempt)) => {
                self.queue.fail(attempt.entry, Ending::Died(how));
                self.replace(index)
            }
            _ => Ok(()),
        }
    }

    fn record(&mut self, attempt: Attempt<J>, answer: Result<A>) {
        let Attempt { entry, watch, .. } = attempt;
        let queue = &mut self.queue;
        match (answer, watch.stopped(Instant::now())) {
            (Ok(answer), _) => queue.finish(entry, Ok(answer)),
            (Err(error), None) => {
                queue.finish(entry, Err(format!("{error:#}")));
            }
            (Err(_), Some(stopped)) => {
                queue.fail(entry, Ending::Stopped(stopped));
            }
        }
    }

    /// Tries the next way to stop a worker whose time is up. There are only
    /// two.
    fn stop_if_due(&mut self, index: usize) -> Result<()> {
        let State::Busy(attempt) = &mut self.workers[index].state else {
            return Ok(());
        };
        match attempt.watch.escalate(Instant::now()) {
            None => {}
            Some(StopMethod::Ask) => attempt.turn.cancel(),
            Some(StopMethod::Interrupt) => attempt.turn.interrupt(),
            Some(StopMethod::Force) => return self.abandon(index),
        }
        Ok(())
    }

    /// Gives up a worker that cannot be stopped, and its job. Another takes its
    /// place; the abandoned one keeps using its memory, and its core if it
    /// spins.
    fn abandon(&mut self, index: usize) -> Result<()> {
        if let State::Busy(attempt) = self.workers[index].rest() {
            self.queue.fail(attempt.entry, Ending::Abandoned);
            self.abandoned += 1;
        }
        self.replace(index)
    }

    /// Replaces a worker that is lost.
    fn replace(&mut self, index: usize) -> Result<()> {
        self.restarts.note(Instant::now()).context("the pool gives up")?;
        self.workers[index] = self.start_worker()?;
        Ok(())
    }

    /// Gives each idle worker a job.
    fn deliver(&mut self) {
        for worker in &mut self.workers {
            if worker.is_idle()
                && let Some(entry) = self.queue.take()
            {
                worker.deliver(entry, self.rules.grace);
            }
        }
    }

    fn start_worker(&mut self) -> Result<Worker<J>> {
        let serial = self.started;
        self.started += 1;
        let (jobs, inbox) = unbounded();
        let (work, reporting) = (self.work.clone(), self.reporting.clone());
        let serve = move || serve(serial, &inbox, &reporting, &*work);
        let handle = thread::Builder::new()
            .spawn(serve)
            .context("cannot start a worker")?;
        Ok(Worker { serial, state: State::Starting, jobs, handle })
    }
}

impl<J: Clone> Worker<J> {
    fn is_starting(&self) -> bool {
        matches!(self.state, State::Starting)
    }

    fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// When to stop it, or to try the next way.
    fn due(&self) -> Option<Instant> {
        match &self.state {
            State::Busy(attempt) => attempt.watch.due(),
            State::Starting | State::Idle => None,
        }
    }

    /// Sends a clone of a job. Abandoning a worker does not stop it, so it is
    /// never the first way.
    fn deliver(&mut self, entry: Entry<J>, grace: Duration) {
        let attempt = entry.endings.len();
        let turn = Turn::new(entry.id, attempt);
        let first = StopMethod::first(attempt).min(StopMethod::Interrupt);
        let watch = Watch::new(entry.deadline, grace, first, Instant::now());
        // The worker receives until this end is dropped.
        let _ = self.jobs.send((entry.job.clone(), turn.clone()));
        self.state = State::Busy(Attempt { entry, watch, turn });
    }

    /// Takes its job away, if it has one. It is idle then.
    fn rest(&mut self) -> State<J> {
        mem::replace(&mut self.state, State::Idle)
    }

    /// Tells an idle worker to exit, and joins it.
    fn release(self) -> Result<()> {
        let Worker { jobs, handle, .. } = self;
        drop(jobs);
        handle.join().map_err(|_| anyhow!("an idle worker panicked"))
    }
}

/// A worker: does one job after another, until the pool tells it to exit or a
/// job panics.
fn serve<J, A>(
    serial: u64,
    inbox: &Receiver<(J, Turn)>,
    reporting: &Sender<Report<A>>,
    work: &Work<J, A>,
) {
    // An error means that the pool is gone and needs no report.
    let report = |word| drop(reporting.send(Report { serial, word }));
    report(Word::Ready);
    for (job, turn) in inbox {
        // Nothing that belongs to a job is used after it panics.
        let work = AssertUnwindSafe(|| work(job, &turn));
        match catch_unwind(work) {
            Ok(answer) => report(Word::Done(answer)),
            Err(panic) => return report(Word::Panicked(text(&*panic))),
        }
    }
}

/// A panic's message, if it has one.
fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or(panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("no message"))
}

impl<J, A> fmt::Debug for Pool<J, A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("rules", &self.rules)
            .field("workers", &self.workers.len())
            .finish_non_exhaustive()
    }
}
