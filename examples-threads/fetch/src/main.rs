//! Fetch: many slow replies at once; how long, and at what cost?
//! Here: threads, which share one agent and its connections.
//! There: examples-processes/fetch/src/main.rs
//! Watch: what it costs to have somebody wait, and who hears of a failure.
//! Run: cargo run --release -p fetch-threads

mod server;

use std::{
    process::ExitCode,
    sync::{
        atomic::{AtomicI64, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

use anyhow::{Context as _, Result, anyhow};
use common::{
    demo,
    gate::Gate,
    laps::Laps,
    outcome::{Model, Outcome},
    progress::Progress,
    resources::anonymous_memory,
    scenarios::fetch::{self, Args, Finished, Plan, Report, agent},
};
use process_kit::{Role, role};
use ureq::Agent;

fn main() -> ExitCode {
    match role() {
        Role::Main => demo::main(Model::Threads, run), // threads: and a server
        Role::Worker(parent) => parent.serve(server::serve), // threads: it
    }
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let plans = args.plans()?;
    let progress = Progress::new(plans.len());
    let mut finished = Vec::new();
    for plan in plans {
        progress.now(&plan.name());
        let name = plan.name();
        finished.push(run_plan(plan).context(name)?);
        progress.step();
    }
    fetch::outcome(model, &finished)
}

fn run_plan(mut plan: Plan) -> Result<Finished> {
    let doors = plan.open_doors()?;
    let (done, served) = server::beside(doors, || {
        let before = anonymous_memory(&[]);
        let mut laps = Laps::begin();
        let reports = spawn_and_join(&plan, &mut laps)?;
        laps.stopped();
        Ok((before, reports, laps))
    })?;
    let (before, reports, laps) = done;
    Ok(Finished { plan, reports, served, before, laps })
}

/// What all workers share.
struct Job<'a> {
    plan: &'a Plan, // threads: borrowed
    agent: &'a Agent,
    next: &'a AtomicI64,
    gate: &'a Gate,
}

/// Fetches one address after the other, whichever is next.
fn worker(job: &Job) -> Report {
    let Job { plan, agent, next, gate } = job; // threads: borrowed
    gate.wait();
    let mut report = Report::begin();
    while let Some(address) = plan.address(next.fetch_add(1, Relaxed)) {
        report.fetch(agent, address);
    }
    report.end()
}

/// Starts the workers, releases them all at once, and collects what they
/// have fetched.
fn spawn_and_join(plan: &Plan, laps: &mut Laps) -> Result<Vec<Report>> {
    let agent = &agent(plan, plan.workers); // threads: one for all
    let next = &AtomicI64::new(0); // threads: on this stack
    let (gate, exit) = (&Gate::new(), &Gate::new());
    let (sender, reports) = mpsc::channel(); // threads: they end with no answer
    thread::scope(|scope| {
        let (keeper, exit_keeper) = (gate.close(), exit.close());
        let mut handles = Vec::new();
        for _ in 0..plan.workers {
            let sender = sender.clone();
            let job = move || {
                let report = worker(&Job { plan, agent, next, gate });
                // Who does not listen has given up.
                let _ = sender.send(report);
                drop(sender); // threads: or the last answer is never the last
                exit.wait(); // threads: parked, so that its memory counts
            };
            let thread = thread::Builder::new().spawn_scoped(scope, job);
            handles.push(thread.context("no worker can be started")?);
        }
        drop(sender); // threads: the clones are left
        keeper.wait_for(plan.workers); // threads: all or none
        laps.started();
        keeper.open();
        let reports = reports.iter().collect(); // threads: moved
        laps.worked(&[]); // threads: all memory is our own
        exit_keeper.open(); // threads: let go
        for handle in handles {
            let joined = handle.join(); // threads: it may have panicked
            joined.map_err(|_| anyhow!("a worker panicked"))?;
        }
        Ok(reports)
    })
}
