//! Responsive UI: does the screen keep up while a database is busy?
//! Here: a database thread; rows are moved, a query is interrupted.
//! There: examples-processes/responsive-ui/src/main.rs
//! Watch: how rows come over, how a query is cancelled, and what if it won't.
//! Run: cargo run --release -p responsive-ui-threads

mod database;
mod link;

use std::{process::ExitCode, thread};

use anyhow::{Context as _, Result};
use common::{
    demo,
    gate::Gate,
    laps::Laps,
    outcome::{Model, Outcome},
    scenarios::responsive_ui::{self, Args, Plan, Record, perform, serve},
};
use database::DatabaseWorker;
use link::WorkerLink;
use process_kit::{Keeper, role};

fn main() -> ExitCode {
    role(); // threads: one, but for the keeper of the terminal
    demo::main(Model::Threads, run)
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
fn worker(link: WorkerLink, gate: &Gate) -> Result<()> {
    gate.wait(); // threads: with its ends of the channels
    serve(link)
}

/// Starts the workers, has the program used, and joins them.
fn spawn_and_join(
    model: Model,
    plan: &Plan,
    laps: &mut Laps,
) -> Result<Record> {
    let gate = &Gate::new(); // threads: on this stack
    thread::scope(|scope| {
        let keeper = gate.close();
        let start = |_| DatabaseWorker::start(scope, gate); // threads: borrowed
        let workers = (0..plan.at_once).map(start);
        let workers: Result<Vec<_>> = workers.collect();
        let mut workers = workers.context("no worker can be started")?;
        keeper.wait_for(plan.at_once);
        laps.started();
        keeper.open();
        let record = perform(model, plan, &mut workers)?;
        laps.worked(&[]); // threads: all memory is our own
        workers.into_iter().try_for_each(DatabaseWorker::stop)?;
        Ok(record)
    })
}
