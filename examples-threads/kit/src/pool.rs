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

/// Worker threads that serve jobs of type `J` with answers of type `A`.
///
/// The supervisor is the calling thread, inside of
/// [`join_next`](Pool::join_next). Between the calls nobody is supervised.
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

/// A worker thread, and what it is at.
struct Worker<J> {
    /// How many were started before it.
    serial: u64,
    state: State<J>,
    jobs: Sender<(J, Turn)>,
    handle: JoinHandle<()>,
}

/// What a worker is at.
enum State<J> {
    Starting,
    Idle,
    Busy(Attempt<J>),
}

/// A job in a worker's hands.
struct Attempt<J> {
    entry: Entry<J>,
    watch: Watch,
    turn: Turn,
}

/// What a worker says, and which one it is.
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
    /// Starts the workers, all of which do `work`.
    ///
    /// # Errors
    ///
    /// Fails if no threads can be had.
    pub fn start(
        rules: Supervision,
        work: impl Fn(J, &Turn) -> Result<A> + Send + Sync + 'static,
    ) -> Result<Self> {
        ensure!(rules.workers > 0, "a pool of no workers does no job");
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

    /// Waits for all jobs that are not yet given, lets the workers go and
    /// joins them, but for the abandoned. The jobs come in the order of
    /// their ids.
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

    /// How many of them are still at what nobody could stop.
    pub fn abandoned(&self) -> usize {
        self.abandoned
    }

    /// One turn of the loop: waits until a worker has something to say, or
    /// it is time to stop one, and sees to all of them.
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

    /// What the next worker says, if it is before one must be stopped.
    fn wait(&self) -> Option<Report<A>> {
        match self.workers.iter().filter_map(Worker::due).min() {
            Some(due) => self.reports.recv_deadline(due).ok(),
            None => self.reports.recv().ok(),
        }
    }

    /// Takes what a worker says: that it is ready, or the answer to the job
    /// that it has. What the abandoned say comes too late.
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

    /// Tries the next way to stop a worker whose time is up. There are two.
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

    /// Gives up a worker that cannot be stopped, and its job. Another takes
    /// its place; what it costs, it goes on costing.
    fn abandon(&mut self, index: usize) -> Result<()> {
        if let State::Busy(attempt) = self.workers[index].rest() {
            self.queue.fail(attempt.entry, Ending::Abandoned);
            self.abandoned += 1;
        }
        self.replace(index)
    }

    /// Puts another worker in the place of one that is lost.
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
            .context("no worker can be started")?;
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

    /// When it is time to stop it, or to try another way.
    fn due(&self) -> Option<Instant> {
        match &self.state {
            State::Busy(attempt) => attempt.watch.due(),
            State::Starting | State::Idle => None,
        }
    }

    /// Sends a clone of a job. To abandon a worker is no way to stop it, so
    /// that it is never the first.
    fn deliver(&mut self, entry: Entry<J>, grace: Duration) {
        let attempt = entry.endings.len();
        let turn = Turn::new(entry.id, attempt);
        let first = StopMethod::first(attempt).min(StopMethod::Interrupt);
        let watch = Watch::new(entry.deadline, grace, first, Instant::now());
        // It receives until this end is dropped.
        let _ = self.jobs.send((entry.job.clone(), turn.clone()));
        self.state = State::Busy(Attempt { entry, watch, turn });
    }

    /// Takes its job away, if it has one. It is idle then.
    fn rest(&mut self) -> State<J> {
        mem::replace(&mut self.state, State::Idle)
    }

    /// Lets a worker go that is idle, and joins it.
    fn release(self) -> Result<()> {
        let Worker { jobs, handle, .. } = self;
        drop(jobs);
        handle.join().map_err(|_| anyhow!("an idle worker panicked"))
    }
}

/// What a worker does: one job after the other, until the pool lets it go,
/// or one of them panics.
fn serve<J, A>(
    serial: u64,
    inbox: &Receiver<(J, Turn)>,
    reporting: &Sender<Report<A>>,
    work: &Work<J, A>,
) {
    // An error means that the pool is gone, and nobody wants to know.
    let report = |word| drop(reporting.send(Report { serial, word }));
    report(Word::Ready);
    for (job, turn) in inbox {
        // Nothing of a job is used after its panic.
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
    format!("panicked: {}", text.unwrap_or("it does not say why"))
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
