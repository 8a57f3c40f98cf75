//! Kill workers: a worker hangs; can it be stopped?
//! Here: processes, which can be killed, whatever they do.
//! There: examples-threads/kill-workers/src/main.rs
//! Watch: what stops each kind of stuck job, and what is left behind.
//! Run: cargo run --release -p kill-workers-processes -- --quick

mod stuck;

use std::{
    process::ExitCode,
    sync::{PoisonError, TryLockError},
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
use process_kit::{Mutex, Pool, Role, Segment, Turn, chaos::Chaos, role};
use serde::{Deserialize, Serialize};

/// Every attempt at a stuck job holds one of these, see [`Plan::lock`].
// processes: a lock whose holder was killed is poisoned, and released.
type Locks = Segment<[Mutex<i64>]>;

fn main() -> ExitCode {
    match role() {
        Role::Main => demo::main(Model::Processes, run),
        Role::Worker(parent) => parent.serve_each(worker),
    }
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let plan = args.plan();
    let locks = Locks::create(&vec![0; plan.locks()])?;
    let _lost = locks[0].lock().unwrap_or_else(PoisonError::into_inner);
    let mut laps = Laps::begin();
    let record = spawn_and_join(&plan, &locks, &mut laps)?;
    laps.stopped();
    let aftermath = Aftermath::watch(locks.iter().map(left).collect())?;
    kill_workers::outcome(model, &record, &aftermath, &laps)
}

/// A job, and the name of the locks: only a stuck job opens them.
#[derive(Serialize, Deserialize)]
struct Task {
    job: Job,
    locks: String,
}

/// What every worker does with every job.
fn worker(task: Task, turn: &Turn) -> Result<u64> {
    match task.job {
        Job::Good { number, seed } => Ok(good_work(seed, number)),
        Job::Stuck { kind, locks, .. } => {
            let all = Locks::open(&task.locks)?;
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
    let task = |job| Task { job, locks: locks.name().to_owned() };
    let chaos = plan.chaos.map(Chaos::new);
    let mut pool = Pool::start_with(plan.rules, chaos)?;
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
    laps.worked(&pool.ids());
    record.close(pool.restarts());
    // processes: no hung worker is left. They were killed and replaced.
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
