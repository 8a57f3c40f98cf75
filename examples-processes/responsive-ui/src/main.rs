//! Responsive UI: does the screen keep up while a database is busy?
//! Here: a database process; rows are encoded, and it is killed if need be.
//! There: examples-threads/responsive-ui/src/main.rs
//! Watch: how rows are handed over, and what happens if a query won't stop.
//! Run: cargo run --release -p responsive-ui-processes

mod database;
mod keeper;
mod kill;
mod link;

use std::process::ExitCode;

use anyhow::Result;
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    scenarios::responsive_ui::{self, Args, Plan, Record, perform, serve},
};
use database::DatabaseWorker;
use link::WorkerLink;
use process_kit::{Parent, Role, role, scope};

fn main() -> ExitCode {
    // processes: this program is started again for each worker, and as the
    // terminal's keeper; `role` handles all of it.
    match role() {
        Role::Main => demo::main(Model::Processes, run),
        Role::Worker(parent) => parent.serve(worker),
    }
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let plan = args.plan()?;
    let _keeper = plan.is_interactive.then(keeper::start).transpose()?;
    let mut laps = Laps::begin();
    let record = spawn_and_join(model, &plan, &mut laps)?;
    laps.stopped();
    responsive_ui::outcome(model, &plan, &record, &laps)
}

/// Answers queries as long as the screen exists.
fn worker(link: WorkerLink, parent: &mut Parent) -> Result<()> {
    parent.gate.wait()?;
    serve(link);
    Ok(())
}

/// Starts the workers, runs the session, and stops the workers.
fn spawn_and_join(
    model: Model,
    plan: &Plan,
    laps: &mut Laps,
) -> Result<Record> {
    scope(|scope| {
        let spawn = |link| scope.spawn(&link);
        let mut workers = Vec::new();
        for _ in 0..plan.at_once {
            workers.push(DatabaseWorker::start(&spawn)?);
        }
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        let record = perform(model, plan, &mut workers)?;
        let ids: Vec<_> = workers.iter().map(DatabaseWorker::id).collect();
        laps.worked(&ids);
        for worker in workers {
            worker.stop()?;
        }
        Ok(record)
    })
}
