//! Kill workers: a worker hangs; can it be stopped?
//! Here: threads, which can be asked and interrupted, but never killed.
//! There: examples-processes/kill-workers/src/main.rs
//! Watch: what stops each kind of stuck job, and what is left behind.
//! Run: cargo run --release -p kill-workers-threads -- --quick

mod stuck;

use std::{
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError, TryLockError},
};

use anyhow::Result;
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    progress::Progress,
    scenarios::kill_workers::{
        self, Aftermath, Args, Job, Left, Plan, Record, good_work,
    },
};
use thread_kit::{Pool, Turn};

/// Every attempt at a stuck job holds one of these, see [`Plan::lock`].
// threads: they live as long as any hung thread holds one.
type Locks = Arc<[Mutex<i64>]>;

fn main() -> ExitCode {
    demo::main(Model::Threads, run)
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let plan = args.plan();
    let locks: Locks = (0..plan.locks()).map(|_| Mutex::new(0)).collect();
    let _lost = locks[0].lock().unwrap_or_else(PoisonError::into_inner);
    let mut laps = Laps::begin();
    let record = spawn_and_join(&plan, &locks, &mut laps)?;
    laps.stopped();
    let aftermath = Aftermath::watch(locks.iter().map(left).collect())?;
    kill_workers::outcome(model, &record, &aftermath, &laps)
}

/// A job, and the locks.
#[derive(Clone)]
struct Task {
    job: Job,
    locks: Locks,
}

/// What every worker does with every job.
fn worker(task: Task, turn: &Turn) -> Result<u64> {
    match task.job {
        Job::Good { number, seed } => Ok(good_work(seed, number)),
        Job::Stuck { kind, locks, .. } => {
            let all = &task.locks;
            let lock = &all[locks + turn.attempt];
            let _held = lock.lock().unwrap_or_else(PoisonError::into_inner);
            stuck::hang(kind, turn, &all[0])
        }
    }
}

/// Starts the workers, gives them job after job, and joins them.
fn spawn_and_join(
    plan: &Plan,
    locks: &Locks,
    laps: &mut Laps,
) -> Result<Record> {
    let progress = Progress::new(plan.jobs());
    let task = |job| Task { job, locks: locks.clone() };
    let mut pool = Pool::start(plan.rules, worker)?;
    pool.wait_for_all()?;
    laps.started();
    let mut record = Record::new(plan);
    for job in record.first() {
        pool.submit_within(plan.deadline(&job), task(job));
    }
    while let Some(finished) = pool.join_next()? {
        if let Some(job) = record.note(finished)? {
            pool.submit_within(plan.deadline(&job), task(job));
        }
        progress.step();
    }
    laps.worked(&[]);
    record.close(pool.restarts());
    // threads: hung threads are not joined. They keep running.
    pool.join()?;
    Ok(record)
}

/// The state in which an attempt left its lock.
fn left(lock: &Mutex<i64>) -> Left {
    match lock.try_lock() {
        Ok(_) => Left::Nothing,
        Err(TryLockError::WouldBlock) => Left::Held,
        Err(TryLockError::Poisoned(_guard)) => {
            lock.clear_poison();
            Left::Poisoned
        }
    }
}
