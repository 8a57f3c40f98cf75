//! Address space: each worker has memory and files of its own.
//! Here: threads, with one address space and one descriptor table for all.
//! There: examples-processes/address-space/src/main.rs
//! Watch: what becomes of the speed when a second worker does the same.
//! Run: cargo run --release -p address-space-threads -- --quick

use std::{process::ExitCode, thread};

use anyhow::{Context as _, Result, anyhow};
use common::{
    demo,
    gate::Gate,
    laps::Laps,
    outcome::{Model, Outcome},
    progress::Progress,
    scenarios::address_space::{self, Args, Finished, Plan, Report, Work},
};

fn main() -> ExitCode {
    demo::main(Model::Threads, run) // threads: one process, one role
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let plans = args.plans();
    let progress = Progress::new(plans.len());
    let mut finished = Vec::new();
    for plan in plans {
        progress.now(&plan.name());
        finished.push(run_plan(plan).with_context(|| plan.name())?);
        progress.step();
    }
    address_space::outcome(model, &finished)
}

fn run_plan(plan: Plan) -> Result<Finished> {
    let mut laps = Laps::begin();
    let reports = spawn_and_join(&plan, &mut laps)?;
    laps.stopped();
    Ok(Finished { plan, reports, laps })
}

/// What every worker does: its share, where all the others are at work too.
fn worker(
    plan: &Plan, // threads: borrowed
    index: usize,
    gate: &Gate,
) -> Result<Report> {
    let work = Work::prepare(plan, index);
    gate.wait(); // threads: also who failed, or all would wait
    work?.perform()
}

/// Starts the workers, releases them all at once, and collects what they
/// report.
fn spawn_and_join(plan: &Plan, laps: &mut Laps) -> Result<Vec<Report>> {
    let gate = &Gate::new(); // threads: on this stack
    thread::scope(|scope| {
        let keeper = gate.close(); // threads: one closes what all share
        let mut handles = Vec::new();
        for index in 0..plan.workers {
            let job = move || worker(plan, index, gate); // threads: a closure
            let thread = thread::Builder::new().spawn_scoped(scope, job);
            handles.push(thread.context("no worker can be started")?);
        }
        keeper.wait_for(plan.workers); // threads: all or none
        laps.started();
        keeper.open();
        let mut reports = Vec::new();
        for handle in handles {
            let joined = handle.join(); // threads: it ends with its answer
            reports.push(joined.map_err(|_| anyhow!("a worker panicked"))??);
        }
        laps.worked(&[]); // threads: all memory is our own
        Ok(reports)
    })
}
