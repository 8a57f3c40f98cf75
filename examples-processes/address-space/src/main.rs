//! Address space: each worker has memory and files of its own.
//! Here: processes, with an address space and a descriptor table each.
//! There: examples-threads/address-space/src/main.rs
//! Watch: what becomes of the speed when a second worker does the same.
//! Run: cargo run --release -p address-space-processes -- --quick

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    progress::Progress,
    scenarios::address_space::{self, Args, Finished, Plan, Report, Work},
};
use process_kit::{JoinHandle, Parent, Role, role, scope};

fn main() -> ExitCode {
    match role() {
        Role::Main => demo::main(Model::Processes, run), // processes: two
        Role::Worker(parent) => parent.serve(worker),    // processes: roles
    }
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

/// What every worker does: its share, in an address space of its own.
fn worker(
    plan: Plan,          // processes: decoded
    parent: &mut Parent, // processes: its index and the gate
) -> Result<Report> {
    let work = Work::prepare(&plan, parent.index);
    parent.gate.wait()?; // processes: until the parent lets go of a pipe
    work?.perform()
}

/// Starts the workers, releases them all at once, and collects what they
/// report.
fn spawn_and_join(plan: &Plan, laps: &mut Laps) -> Result<Vec<Report>> {
    scope(|scope| {
        let mut handles = Vec::new();
        for _ in 0..plan.workers {
            handles.push(scope.spawn(plan)?); // processes: encoded
        }
        scope.wait_for_all()?; // processes: but for the dead
        laps.started();
        scope.open_gate();
        for handle in &mut handles {
            handle.wait_for_answer()?; // processes: then it stays, parked
        }
        let ids: Vec<_> = handles.iter().map(JoinHandle::id).collect();
        laps.worked(&ids); // processes: their memory counts too
        let mut reports = Vec::new();
        for handle in handles {
            reports.push(handle.join()?); // processes: let go, and reaped
        }
        Ok(reports)
    })
}
