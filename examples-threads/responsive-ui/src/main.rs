//! Responsive UI: does the screen keep up while a database is busy?
//! Here: a database thread; rows are moved, a query is interrupted.
//! There: examples-processes/responsive-ui/src/main.rs
//! Watch: how rows are handed over, and what happens if a query won't stop.
//! Run: cargo run --release -p responsive-ui-threads

mod database;
mod interrupt;
mod keeper;
mod link;

use std::process::ExitCode;

use anyhow::Result;
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    scenarios::responsive_ui::{self, Args, Plan, Record, perform, serve},
    terminal,
};
use database::DatabaseWorker;
use link::WorkerLink;
use thread_kit::{Parent, scope};

fn main() -> ExitCode {
    // threads: this program is started again only as the terminal's keeper.
    if terminal::is_keeper() {
        terminal::keep();
    }
    demo::main(Model::Threads, run)
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
        let spawn = |link| scope.spawn(move |parent| worker(link, parent));
        let mut workers = Vec::new();
        for _ in 0..plan.at_once {
            workers.push(DatabaseWorker::start(&spawn)?);
        }
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        let record = perform(model, plan, &mut workers)?;
        laps.worked(&[]);
        for worker in workers {
            worker.stop()?;
        }
        Ok(record)
    })
}
