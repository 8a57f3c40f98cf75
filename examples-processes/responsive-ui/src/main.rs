//! Responsive UI: does the screen keep up while a database is busy?
//! Here: a database process; rows are encoded, a query is killed if need be.
//! There: examples-threads/responsive-ui/src/main.rs
//! Watch: how rows come over, how a query is cancelled, and what if it won't.
//! Run: cargo run --release -p responsive-ui-processes

mod database;
mod link;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    scenarios::responsive_ui::{self, Args, Plan, Record, perform, serve},
};
use database::DatabaseWorker;
use link::WorkerLink;
use process_kit::{Keeper, Parent, Role, role, scope};

fn main() -> ExitCode {
    match role() {
        Role::Main => demo::main(Model::Processes, run), // processes: two
        Role::Worker(parent) => parent.serve(worker),    // processes: roles
    }
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let plan = args.plan()?;
    let _keeper = plan.is_interactive.then(Keeper::watch).transpose()?;
    let mut laps = Laps::begin();
    let record = spawn_and_join(model, &plan, &mut laps)?;
    laps.stopped();
    responsive_ui::outcome(model, &plan, &record, &laps)
}

/// Answers queries for as long as there is a screen.
fn worker((): (), parent: &mut Parent) -> Result<()> {
    let link = WorkerLink::take(parent)?; // processes: what it was lent
    parent.gate.wait()?;
    serve(link)
}

/// Starts the workers, has the program used, and joins them.
fn spawn_and_join(
    model: Model,
    plan: &Plan,
    laps: &mut Laps,
) -> Result<Record> {
    scope(|scope| {
        let start = |_| DatabaseWorker::start(scope); // processes: with its gate
        let workers = (0..plan.at_once).map(start);
        let workers: Result<Vec<_>> = workers.collect();
        let mut workers = workers.context("no worker can be started")?;
        scope.wait_for_all()?; // processes: the gate came with the scope
        laps.started();
        scope.open_gate();
        let record = perform(model, plan, &mut workers)?;
        let ids: Vec<_> = workers.iter().map(DatabaseWorker::id).collect();
        laps.worked(&ids); // processes: their memory counts too
        workers.into_iter().try_for_each(DatabaseWorker::stop)?;
        Ok(record)
    })
}
