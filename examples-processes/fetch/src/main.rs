//! Fetch: many slow replies at once; how long, and at what cost?
//! Here: processes, each with an agent and a connection of its own.
//! There: examples-threads/fetch/src/main.rs
//! Watch: what it costs to have somebody wait, and who hears of a failure.
//! Run: cargo run --release -p fetch-processes

mod server;

use std::{
    mem::ManuallyDrop,
    process::ExitCode,
    sync::atomic::{AtomicI64, Ordering::Relaxed},
};

use anyhow::{Context as _, Result, bail};
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    progress::Progress,
    resources::anonymous_memory,
    scenarios::fetch::{self, Args, Finished, Plan, Report, Served, agent},
};
use process_kit::{JoinHandle, Parent, Role, Segment, role, scope};
use serde::{Deserialize, Serialize};
use ureq::Agent;

fn main() -> ExitCode {
    match role() {
        Role::Main => demo::main(Model::Processes, run), // processes: three
        Role::Worker(parent) => parent.serve(Part::play), // processes: roles
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
#[derive(Serialize, Deserialize)] // processes: encoded
struct Job {
    plan: Plan,   // processes: owned
    next: String, // processes: the name of a segment
}

/// Fetches one address after the other, whichever is next. The agent stays
/// until the process ends, because its memory counts.
fn worker(job: Job, parent: &mut Parent) -> Result<Report> {
    let Job { plan, next } = job; // processes: decoded
    let agent: &Agent = &ManuallyDrop::new(agent(&plan, 1)); // processes: own
    let next = &Segment::<[AtomicI64]>::open(&next)?[0]; // processes: mapped
    parent.gate.wait()?;
    let mut report = Report::begin();
    while let Some(address) = plan.address(next.fetch_add(1, Relaxed)) {
        report.fetch(agent, address);
    }
    Ok(report.end())
}

/// Starts the workers, releases them all at once, and collects what they
/// have fetched.
fn spawn_and_join(plan: &Plan, laps: &mut Laps) -> Result<Vec<Report>> {
    let next = Segment::<[AtomicI64]>::create(&[0])?; // processes: named
    let job = Job { plan: plan.clone(), next: next.name().into() }; // processes: owned
    let part = Part::Fetch(job); // processes: there is another
    scope(|scope| {
        let mut handles = Vec::new();
        for _ in 0..plan.workers {
            handles.push(scope.spawn::<_, Answer>(&part)?); // processes: sent
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
            let answer = handle.join()?; // processes: let go, and reaped
            reports.push(answer.fetched()?);
        }
        Ok(reports)
    })
}

/// What this program is started again for.
#[derive(Serialize, Deserialize)] // processes: encoded
enum Part {
    Serve,
    Fetch(Job), // processes: the workers are processes, too
}

/// What comes of it.
#[derive(Serialize, Deserialize)] // processes: encoded
enum Answer {
    Served(Served),
    Fetched(Report),
}

impl Part {
    fn play(self, parent: &mut Parent) -> Result<Answer> {
        match self {
            Part::Serve => server::serve((), parent).map(Answer::Served),
            Part::Fetch(job) => worker(job, parent).map(Answer::Fetched), // processes: work
        }
    }
}

impl Answer {
    fn served(self) -> Result<Served> {
        match self {
            Answer::Served(served) => Ok(served), // processes: one of two
            Answer::Fetched(_) => bail!("who was to serve has fetched"),
        }
    }

    fn fetched(self) -> Result<Report> {
        match self {
            Answer::Fetched(report) => Ok(report), // processes: one of two
            Answer::Served(_) => bail!("who was to fetch has served"),
        }
    }
}
