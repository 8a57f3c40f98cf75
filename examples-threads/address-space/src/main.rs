//! Address space: each worker maps memory and opens files of its own.
//! Here: threads, which share one address space and one descriptor table.
//! There: examples-processes/address-space/src/main.rs
//! Watch: what happens to the speed when a second worker does the same.
//! Run: cargo run --release -p address-space-threads -- --quick

use std::process::ExitCode;

use anyhow::Result;
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    scenarios::address_space::{self, Args, Finished, Plan, Work, WorkReport},
};
use thread_kit::{Parent, scope};

fn main() -> ExitCode {
    demo::main(Model::Threads, run)
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let finished = demo::each(args.plans(), Plan::name, run_plan)?;
    address_space::outcome(model, &finished)
}

fn run_plan(plan: Plan) -> Result<Finished> {
    let mut laps = Laps::begin();
    let reports = spawn_and_join(&plan, &mut laps)?;
    laps.stopped();
    Ok(Finished { plan, reports, laps })
}

/// What every worker does: its share, while all others do theirs.
// threads: what a worker maps and opens goes into tables that all share.
fn worker(plan: Plan, parent: &mut Parent) -> Result<WorkReport> {
    let work = Work::prepare(&plan, parent.index)?;
    parent.gate.wait()?;
    work.perform()
}

/// Starts the workers, releases them all at once, and collects their
/// reports.
fn spawn_and_join(plan: &Plan, laps: &mut Laps) -> Result<Vec<WorkReport>> {
    scope(|scope| {
        let mut handles = Vec::new();
        for _ in 0..plan.workers {
            handles.push(scope.spawn(move |parent| worker(*plan, parent))?);
        }
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        for handle in &mut handles {
            handle.wait_for_answer()?;
        }
        laps.worked(&[]);
        let mut reports = Vec::new();
        for handle in handles {
            reports.push(handle.join()?);
        }
        Ok(reports)
    })
}
