//! Shared state: many workers update one ledger; nothing may be lost.
//! Here: threads, which see the ledger because they share all memory.
//! There: examples-processes/shared-state/src/main.rs
//! Watch: what each variant shares, and what keeps two from writing at once.
//! Run: cargo run --release -p shared-state-threads -- --quick

mod atomic;
mod lock;
mod lock_per_account;
mod owner;
mod partition;
mod racy;

use std::{process::ExitCode, thread};

use anyhow::{Result, anyhow};
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
    demo::main(run) // threads: one process plays all the parts
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
    shared_state::outcome(Model::Threads, &finished)
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

/// What every worker does: its job is a closure that waits at the gate.
fn worker<A>(
    job: impl FnOnce(&Gate) -> Result<A>, // threads: it borrows the ledger
    gate: &Gate,
) -> Result<A> {
    write_global();
    job(gate)
}

/// Starts a worker on each job, releases them all at once, does `meanwhile`,
/// and collects their answers.
fn spawn_and_join<A: Send>(
    jobs: Vec<impl FnOnce(&Gate) -> Result<A> + Send>, // threads: closures
    laps: &mut Laps,
    meanwhile: impl FnOnce() -> Result<()>,
) -> Result<Vec<A>> {
    let (gate, workers) = (&Gate::new(), jobs.len());
    thread::scope(|scope| {
        let keeper = gate.close();
        let mut handles = Vec::new();
        for job in jobs {
            let thread = thread::Builder::new();
            handles.push(thread.spawn_scoped(scope, || worker(job, gate))?);
        }
        keeper.open(workers);
        laps.started();
        meanwhile()?;
        let mut answers = Vec::new();
        for handle in handles {
            let joined = handle.join(); // threads: it ends with its answer
            answers.push(joined.map_err(|_| anyhow!("a worker panicked"))??);
        }
        laps.worked(&[]);
        Ok(answers)
    })
}
