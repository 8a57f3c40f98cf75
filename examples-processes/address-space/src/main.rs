//! Address space: each worker maps memory and opens files of its own.
//! Here: processes, with an address space and a descriptor table each.
//! There: examples-threads/address-space/src/main.rs
//! Watch: what happens to the speed when a second worker does the same.
//! Run: cargo run --release -p address-space-processes -- --quick

use std::process::ExitCode;

use anyhow::Result;
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    scenarios::address_space::{self, Args, Finished, Plan, Work, WorkReport},
};
use process_kit::{Parent, Role, ids, role, scope};

fn main() -> ExitCode {
    match role() {
        Role::Main => demo::main(Model::Processes, run),
        Role::Worker(parent) => parent.serve(worker),
    }
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
// processes: what a worker maps and opens goes into its own tables.
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
            handles.push(scope.spawn(plan)?);
        }
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        for handle in &mut handles {
            handle.wait_for_answer()?;
        }
        laps.worked(&ids(&handles));
        let mut reports = Vec::new();
        for handle in handles {
            reports.push(handle.join()?);
        }
        Ok(reports)
    })
}
