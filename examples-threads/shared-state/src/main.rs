//! Shared state: many workers update one ledger; nothing may be lost.
//! Here: threads, which see the ledger because they share all memory.
//! There: examples-processes/shared-state/src/main.rs
//! Watch: what each variant shares, and what keeps two from writing at once.
//! Run: cargo run --release -p shared-state-threads -- --quick

mod atomic;
mod forced;
mod global_lock;
mod lock;
mod lock_per_account;
mod owner;
mod partition;
mod racy;

use std::{process::ExitCode, thread};

use anyhow::{Context as _, Result, anyhow};
use common::{
    demo,
    gate::Gate,
    laps::Laps,
    outcome::{Model, Outcome},
    progress::Progress,
    scenarios::shared_state::{
        self, Args, Finished, Plan, Variant, write_global,
    },
};

fn main() -> ExitCode {
    demo::main(Model::Threads, run) // threads: one process, one role
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

/// A worker's job. The ledger is not in it: the variant's closure has that.
struct Job<'a> {
    plan: &'a Plan, // threads: borrowed
    index: usize,
    gate: &'a Gate,
}

/// What every worker does: the variant's work.
fn worker(job: Job, work: impl Fn(&Job) -> Result<()>) -> Result<()> {
    write_global();
    work(&job) // threads: a closure, with all that it borrows
}

/// Starts the workers, releases them all at once, does `meanwhile`, and
/// waits until they are done.
fn spawn_and_join(
    plan: &Plan,
    laps: &mut Laps,
    work: impl Fn(&Job) -> Result<()> + Clone + Send, // threads: for each
    meanwhile: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let gate = &Gate::new(); // threads: on this stack
    thread::scope(|scope| {
        let keeper = gate.close(); // threads: one closes what all share
        let mut handles = Vec::new();
        for index in 0..plan.workers {
            let (job, work) = (Job { plan, index, gate }, work.clone());
            let job = move || worker(job, work); // threads: moved
            let thread = thread::Builder::new().spawn_scoped(scope, job);
            handles.push(thread.context("no worker can be started")?);
        }
        drop(work); // threads: the clones are left
        keeper.wait_for(plan.workers); // threads: all or none
        laps.started();
        keeper.open();
        meanwhile()?;
        for handle in handles {
            let joined = handle.join(); // threads: it ends with its answer
            joined.map_err(|_| anyhow!("a worker panicked"))??;
        }
        laps.worked(&[]); // threads: all memory is our own
        Ok(())
    })
}
