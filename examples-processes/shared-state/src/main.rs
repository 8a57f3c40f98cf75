//! Shared state: many workers update one ledger; nothing may be lost.
//! Here: processes, which see the ledger because they map the same memory.
//! There: examples-threads/shared-state/src/main.rs
//! Watch: what each variant shares, and what keeps two from writing at once.
//! Run: cargo run --release -p shared-state-processes -- --quick

mod atomic;
mod forced;
mod global_lock;
mod lock;
mod lock_per_account;
mod owner;
mod partition;
mod racy;

use std::{io::PipeWriter, mem::take, os::fd::AsFd as _, process::ExitCode};

use anyhow::{Context as _, Result};
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    progress::Progress,
    scenarios::shared_state::{
        self, Args, Finished, Plan, Variant, write_global,
    },
};
use process_kit::{Gate, JoinHandle, Parent, Role, role, scope};
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    match role() {
        Role::Main => demo::main(Model::Processes, run), // processes: two
        Role::Worker(parent) => parent.serve(worker),    // processes: roles
    }
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let variants = args.variants();
    let progress = Progress::new(variants.len());
    let mut finished = Vec::new();
    for variant in variants {
        progress.now(&variant.to_string());
        let done = run_variant(args.plan(variant));
        finished.push(done.with_context(|| variant.to_string())?);
        progress.step();
    }
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
    };
    laps.stopped();
    Ok(Finished { plan, balances, updates, laps })
}

/// A worker's job. It crosses as bytes, so it names what it cannot borrow.
#[derive(Debug, Serialize, Deserialize)] // processes: encoded
struct Job {
    plan: Plan,
    index: usize,
    ledger: String, // processes: the name of a segment
    #[serde(skip)] // processes: descriptors cross beside the bytes
    sender: Option<PipeWriter>,
    #[serde(skip)]
    gate: Gate,
}

/// What every worker does: the variant's work.
fn worker(mut job: Job, parent: &mut Parent) -> Result<()> {
    write_global();
    job.gate = take(&mut parent.gate);
    job.sender = parent.take_descriptor().ok().map(PipeWriter::from);
    match job.plan.variant {
        Variant::Racy => racy::worker(&job), // processes: no closure crosses
        Variant::Forced => forced::worker(&job),
        Variant::GlobalLock => global_lock::worker(&job),
        Variant::Lock => lock::worker(&job),
        Variant::LockPerAccount => lock_per_account::worker(&job),
        Variant::Atomic => atomic::worker(&job),
        Variant::Owner => owner::worker(&job),
        Variant::Partition => partition::worker(&job),
    }
}

/// Starts the workers, releases them all at once, does `meanwhile`, and
/// waits until they are done.
fn spawn_and_join(
    jobs: Vec<Job>, // processes: one for each
    laps: &mut Laps,
    meanwhile: impl FnOnce() -> Result<()>,
) -> Result<()> {
    scope(|scope| {
        let mut handles = Vec::new();
        for job in jobs {
            let sender = job.sender.iter().map(PipeWriter::as_fd);
            let lent: Vec<_> = sender.collect(); // processes: copied over
            handles.push(scope.spawn_with::<_, ()>(&job, &lent)?);
        }
        scope.wait_for_all()?; // processes: but for the dead
        laps.started();
        scope.open_gate();
        meanwhile()?;
        for handle in &mut handles {
            handle.wait_for_answer()?; // processes: then it stays, parked
        }
        let ids: Vec<_> = handles.iter().map(JoinHandle::id).collect();
        laps.worked(&ids); // processes: their memory counts too
        for handle in handles {
            handle.join()?; // processes: let go, and reaped
        }
        Ok(())
    })
}

impl Job {
    /// A job for each worker, all on one segment.
    fn each(plan: &Plan, ledger: &str) -> Vec<Self> {
        let job = |index| Job {
            plan: *plan, // processes: all that crosses is owned
            index,
            ledger: ledger.into(), // processes: by name
            sender: None,
            gate: Gate::default(),
        };
        (0..plan.workers).map(job).collect()
    }

    /// A job for each worker, with a writer of one pipe for each.
    fn each_with(plan: &Plan, sender: PipeWriter) -> Result<Vec<Self>> {
        let mut jobs = Job::each(plan, "");
        for job in &mut jobs {
            job.sender = Some(sender.try_clone()?); // processes: lent
        }
        Ok(jobs)
    }
}
