//! Crash: a worker dies by itself, perhaps with a lock: who survives?
//! Here: threads, in a process that may be lost: most deaths take all along.
//! There: examples-processes/crash/src/main.rs
//! Watch: who is told of a death, what is lost with it, and who takes over.
//! Run: cargo run --release -p crash-threads -- --quick

mod job;
mod lock;
mod messages;
mod plain;
mod supervisor;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    progress::Progress,
    scenarios::crash::{self, Answer, Args, Finished, Hold, Plan},
};
use process_kit::{Parent, Role, role};

use job::{Job, Sacrifice};

fn main() -> ExitCode {
    match role() {
        Role::Main => demo::main(Model::Threads, run),
        Role::Worker(parent) => parent.serve(worker), // threads: a sacrifice
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
    crash::outcome(model, &finished)
}

fn run_plan(plan: Plan) -> Result<Finished> {
    let mut laps = Laps::begin();
    let seen = match plan.hold {
        Hold::Nothing | Hold::Lock => lock::run(&plan, &mut laps)?,
        Hold::PlainLock => plain::run(&plan, &mut laps)?,
        Hold::Message => messages::run(&plan, &mut laps)?,
    };
    laps.stopped();
    Ok(Finished { plan, seen, laps })
}

/// What every process does: all workers' work. Most deaths are everyone's.
fn worker(mut job: Sacrifice, parent: &mut Parent) -> Result<Answer> {
    job.take_from(parent)?;
    match job.plan.hold {
        Hold::Nothing | Hold::Lock => lock::worker(job),
        Hold::PlainLock => plain::worker(job),
        Hold::Message => messages::worker(job),
    }
}
