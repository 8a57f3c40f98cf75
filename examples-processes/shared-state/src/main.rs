//! Shared state: many workers update one ledger; nothing may be lost.
//! Here: processes, which see the ledger because they map the same memory.
//! There: examples-threads/shared-state/src/main.rs
//! Watch: what each variant shares, and what keeps two from writing at once.
//! Run: cargo run --release -p shared-state-processes -- --quick

mod atomic;
mod lock;
mod lock_per_account;
mod owner;
mod partition;
mod racy;

use std::{io::PipeWriter, os::fd::AsFd as _, process::ExitCode};

use anyhow::Result;
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    progress::Progress,
    scenarios::shared_state::{
        self, Args, Finished, Plan, Variant, write_global,
    },
};
use process_kit::{JoinHandle, Parent, Role, role, scope};
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    match role() {
        Role::Main => demo::main(run),
        Role::Worker(parent) => parent.serve(worker), // processes: again
    }
}

fn run(args: &Args) -> Result<Outcome> {
    let variants = args.variants();
    let progress = Progress::new(variants.len());
    let mut finished = Vec::new();
    for variant in variants {
        progress.now(&variant.to_string());
        finished.push(run_variant(args.plan(variant))?);
        progress.step();
    }
    shared_state::outcome(Model::Processes, &finished)
}

fn run_variant(plan: Plan) -> Result<Finished> {
    let mut laps = Laps::begin();
    let (balances, updates) = match plan.variant {
        Variant::Racy => racy::run(&plan, &mut laps)?,
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
#[derive(Debug, Serialize, Deserialize)]
struct Job {
    plan: Plan,
    index: usize,
    /// The segment that all share.
    ledger: String,
    /// The pipe to the owner, which crosses beside the bytes.
    #[serde(skip)]
    sender: Option<PipeWriter>,
}

/// What every worker does: its job says which variant's work it is.
fn worker(job: Job, parent: &mut Parent) -> Result<()> {
    write_global();
    match job.plan.variant {
        Variant::Racy => racy::worker(&job, parent),
        Variant::Lock => lock::worker(&job, parent),
        Variant::LockPerAccount => lock_per_account::worker(&job, parent),
        Variant::Atomic => atomic::worker(&job, parent),
        Variant::Owner => owner::worker(&job, parent),
        Variant::Partition => partition::worker(&job, parent),
    }
}

/// Starts a worker on each job, releases them all at once, does `meanwhile`,
/// and collects their answers.
fn spawn_and_join(
    jobs: Vec<Job>, // processes: no closure crosses
    laps: &mut Laps,
    meanwhile: impl FnOnce() -> Result<()>,
) -> Result<()> {
    scope(|scope| {
        let mut handles = Vec::new();
        for job in jobs {
            let sender = job.sender.iter().map(PipeWriter::as_fd);
            let lent: Vec<_> = sender.collect(); // processes: by descriptor
            handles.push(scope.spawn_with::<_, ()>(&job, &lent)?);
        }
        scope.open_gate()?;
        laps.started();
        meanwhile()?;
        for handle in &mut handles {
            handle.wait_for_answer()?; // processes: it stays, parked
        }
        let ids: Vec<_> = handles.iter().map(JoinHandle::id).collect();
        laps.worked(&ids);
        for handle in handles {
            handle.join()?; // processes: let go, and reaped
        }
        Ok(())
    })
}

impl Job {
    fn new(plan: &Plan, index: usize, ledger: &str) -> Self {
        Job { plan: *plan, index, ledger: ledger.into(), sender: None }
    }
}
