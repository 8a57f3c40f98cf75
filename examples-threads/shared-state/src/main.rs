//! Shared state: many workers update one ledger; nothing may be lost.
//! Here: threads, which see the ledger because they share all memory.
//! There: examples-processes/shared-state/src/main.rs
//! Watch: what each variant shares, and what prevents simultaneous writes.
//! Run: cargo run --release -p shared-state-threads -- --quick

mod atomic;
mod by_hand;
mod forced;
mod global_lock;
mod lock;
mod lock_per_account;
mod owner;
mod partition;
mod racy;

use std::{
    process::ExitCode,
    sync::{Mutex, atomic::AtomicI64},
};

use anyhow::Result;
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    scenarios::shared_state::{
        self, Args, Finished, Plan, Sums, Transfer, Variant, write_global,
    },
};
use crossbeam::channel::Sender;
use thread_kit::{GlobalLock, JoinHandle, Parent, scope};

use racy::Account;

fn main() -> ExitCode {
    demo::main(Model::Threads, run)
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let finished = demo::each(args.plans(), Plan::name, run_variant)?;
    shared_state::outcome(model, &finished)
}

fn run_variant(plan: Plan) -> Result<Finished> {
    let mut laps = Laps::begin();
    let (balances, updates) = match plan.variant {
        Variant::Racy => racy::run(&plan, &mut laps)?,
        Variant::Forced => forced::run(&plan, &mut laps)?,
        Variant::GlobalLock => global_lock::run(&plan, &mut laps)?,
        Variant::Lock => (lock::run(&plan, &mut laps)?, None),
        Variant::LockPerAccount => {
            (lock_per_account::run(&plan, &mut laps)?, None)
        }
        Variant::Atomic => (atomic::run(&plan, &mut laps)?, None),
        Variant::Owner => (owner::run(&plan, &mut laps)?, None),
        Variant::Partition => (partition::run(&plan, &mut laps)?, None),
        Variant::ByHand => (by_hand::run(&plan, &mut laps)?, None),
    };
    laps.stopped();
    Ok(Finished { plan, balances, updates, laps })
}

/// What a worker is given.
#[derive(Clone)]
struct Job<'a> {
    plan: Plan,
    ledger: Ledger<'a>,
}

/// What the workers of each variant share.
// threads: all memory is shared already, so a reference is enough.
#[derive(Clone)]
enum Ledger<'a> {
    Racy(&'a [Account]),
    Forced(&'a [Account]),
    GlobalLock(&'a [Account], &'a GlobalLock),
    Lock(&'a Mutex<Vec<i64>>),
    LockPerAccount(&'a [Mutex<i64>]),
    Atomic(&'a [AtomicI64]),
    Owner(Sender<Vec<Transfer>>),
    Partition,
}

/// What every worker does: its variant's work.
fn worker(job: Job, parent: &mut Parent) -> Result<Sums> {
    write_global();
    let Job { plan, ledger } = job;
    match &ledger {
        Ledger::Racy(ledger) => racy::worker(&plan, ledger, parent)?,
        Ledger::Forced(ledger) => forced::worker(&plan, ledger, parent)?,
        Ledger::GlobalLock(ledger, lock) => {
            global_lock::worker(&plan, ledger, lock, parent)?;
        }
        Ledger::Lock(ledger) => lock::worker(&plan, ledger, parent)?,
        Ledger::LockPerAccount(ledger) => {
            lock_per_account::worker(&plan, ledger, parent)?;
        }
        Ledger::Atomic(ledger) => atomic::worker(&plan, ledger, parent)?,
        Ledger::Owner(owner) => owner::worker(&plan, owner, parent)?,
        Ledger::Partition => return partition::worker(&plan, parent),
    }
    Ok(Sums::new())
}

/// Starts the workers, releases them all at once, runs `meanwhile`, and
/// waits until they have finished.
fn spawn_and_join(
    plan: &Plan,
    ledger: Ledger,
    laps: &mut Laps,
    meanwhile: impl FnOnce(&mut [JoinHandle<Sums>]) -> Result<()>,
) -> Result<()> {
    let job = Job { plan: *plan, ledger };
    scope(|scope| {
        let mut handles = Vec::new();
        for _ in 0..plan.workers {
            let job = job.clone();
            handles.push(scope.spawn(move |parent| worker(job, parent))?);
        }
        drop(job);
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        meanwhile(&mut handles)?;
        for handle in &mut handles {
            handle.wait_for_answer()?;
        }
        laps.worked(&[]);
        for handle in handles {
            handle.join()?;
        }
        Ok(())
    })
}
