//! Shared state: many workers update one ledger; nothing may be lost.
//! Here: processes, which see the ledger because they map the same memory.
//! There: examples-threads/shared-state/src/main.rs
//! Watch: what each variant shares, and what prevents simultaneous writes.
//! Run: cargo run --release -p shared-state-processes -- --quick

mod atomic;
mod by_hand;
mod by_hand_child;
mod forced;
mod global_lock;
mod lock;
mod lock_per_account;
mod owner;
mod partition;
mod racy;

use std::{io::PipeWriter, process::ExitCode, sync::atomic::AtomicI64};

use anyhow::Result;
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    scenarios::shared_state::{
        self, Args, Finished, Plan, Sums, Variant, write_global,
    },
};
use process_kit::{
    JoinHandle, Mutex, Parent, Role, Segment, descriptor, ids, role, scope,
};
use serde::{Deserialize, Serialize};

use racy::Account;

fn main() -> ExitCode {
    // processes: each worker is this program, started again.
    match (role(), by_hand_child::role()) {
        (Role::Main, None) => demo::main(Model::Processes, run),
        // An error means that the parent is gone: nobody is left to tell.
        (Role::Main, Some((plan, index))) => {
            by_hand::worker(&plan, index).map_or(1, |()| 0).into()
        }
        (Role::Worker(parent), _) => parent.serve(worker),
    }
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
#[derive(Serialize, Deserialize)]
struct Job {
    plan: Plan,
    ledger: Ledger,
}

/// What the workers of each variant share.
// processes: a segment is passed by name, a pipe as a descriptor.
#[derive(Serialize, Deserialize)]
enum Ledger {
    Racy(Segment<[Account]>),
    Forced(Segment<[Account]>),
    GlobalLock(Segment<[Account]>),
    Lock(Segment<Mutex<[i64]>>),
    LockPerAccount(Segment<[Mutex<i64>]>),
    Atomic(Segment<[AtomicI64]>),
    Owner(#[serde(with = "descriptor")] PipeWriter),
    Partition,
}

/// What every worker does: its variant's work.
fn worker(job: Job, parent: &mut Parent) -> Result<Sums> {
    write_global();
    let Job { plan, ledger } = job;
    match &ledger {
        Ledger::Racy(ledger) => racy::worker(&plan, ledger, parent)?,
        Ledger::Forced(ledger) => forced::worker(&plan, ledger, parent)?,
        Ledger::GlobalLock(ledger) => {
            global_lock::worker(&plan, ledger, parent)?;
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
            handles.push(scope.spawn(&job)?);
        }
        drop(job);
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        meanwhile(&mut handles)?;
        for handle in &mut handles {
            handle.wait_for_answer()?;
        }
        laps.worked(&ids(&handles));
        for handle in handles {
            handle.join()?;
        }
        Ok(())
    })
}
