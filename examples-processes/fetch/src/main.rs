//! Fetch: many slow replies at once; how long, and at what cost?
//! Here: processes, each with an agent and a connection of its own.
//! There: examples-threads/fetch/src/main.rs
//! Watch: what it costs to have somebody wait, and who hears of a failure.
//! Run: cargo run --release -p fetch-processes

mod server;

use std::{
    process::ExitCode,
    sync::atomic::{AtomicI64, Ordering::Relaxed},
};

use anyhow::{Context as _, Result, bail};
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    progress::Progress,
    resources::proportional_memory,
    scenarios::fetch::{self, Args, Finished, Plan, Report, Served, agent},
};
use process_kit::{JoinHandle, Parent, Role, Segment, role, scope};
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    match role() {
        Role::Main => demo::main(Model::Processes, run), // processes: three
        Role::Worker(parent) => parent.serve(worker),    // processes: roles
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
        let before = proportional_memory(&[]);
        let mut laps = Laps::begin();
        let reports = spawn_and_join(&plan, &mut laps)?;
        laps.stopped();
        Ok((before, reports, laps))
    })?;
    let (before, reports, laps) = done;
    Ok(Finished { plan, reports, served, before, laps })
}

/// What this program is started again for. It crosses as bytes.
#[derive(Serialize, Deserialize)] // processes: encoded
enum Job {
    Serve,                              // processes: for both sides alike
    Fetch { plan: Plan, next: String }, // processes: the name of a segment
}

/// What comes of it.
#[derive(Serialize, Deserialize)] // processes: encoded
enum Answer {
    Served(Served),
    Fetched(Report),
}

/// Fetches one address after the other, whichever is next.
fn worker(job: Job, parent: &mut Parent) -> Result<Answer> {
    let Job::Fetch { plan, next } = job else {
        return server::serve(parent).map(Answer::Served); // processes: as told
    };
    let agent = &agent(&plan, 1); // processes: an agent each
    let next = &Segment::<[AtomicI64]>::open(&next)?[0]; // processes: mapped
    parent.gate.wait()?;
    let mut report = Report::begin();
    while let Some(address) = plan.address(next.fetch_add(1, Relaxed)) {
        report.fetch(agent, address);
    }
    Ok(Answer::Fetched(report.end())) // processes: encoded
}

/// Starts the workers, releases them all at once, and collects what they
/// have fetched.
fn spawn_and_join(plan: &Plan, laps: &mut Laps) -> Result<Vec<Report>> {
    let next = Segment::<[AtomicI64]>::create(&[0])?; // processes: named
    let (plan, workers) = (plan.clone(), plan.workers);
    let job = Job::Fetch { plan, next: next.name().into() }; // processes: owned
    scope(|scope| {
        let mut handles = Vec::new();
        for _ in 0..workers {
            handles.push(scope.spawn::<_, Answer>(&job)?);
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
            match handle.join()? {
                // processes: let go, and reaped
                Answer::Fetched(report) => reports.push(report),
                Answer::Served(_) => bail!("it served"),
            }
        }
        Ok(reports)
    })
}
