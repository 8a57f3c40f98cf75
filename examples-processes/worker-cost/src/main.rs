//! Worker cost: what does a worker cost to start and to keep?
//! Here: processes, which take a memory of their own, and a program.
//! There: examples-threads/worker-cost/src/main.rs
//! Watch: what grows with the parent, and what a worker holds that waits.
//! Run: cargo run --release -p worker-cost-processes -- --quick

mod anew;
mod bare;
mod borrowed;
mod idle;
mod pool;
mod prepared;
mod resident;
mod served;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    progress::Progress,
    scenarios::worker_cost::{
        self, Args, Ballast, Finished, Plan, Report, Way,
    },
};
use process_kit::{Parent, Role, role, scope};
use serde::{Deserialize, Serialize};

use crate::anew::Program;

fn main() -> ExitCode {
    match (role(), Program::token()) {
        (Role::Main, Some(token)) => Program::play(token), // processes: four
        (Role::Main, None) => demo::main(Model::Processes, run), // processes: roles
        (Role::Worker(parent), _) if parent.has_a_pool() => {
            parent.serve_each(pool::worker) // processes: job by job
        }
        (Role::Worker(parent), _) => parent.serve(worker), // processes: one job
    }
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let plans = args.plans();
    let progress = Progress::new(plans.len());
    let (mut parent, mut finished) = (Ballast::none(), Vec::new());
    for plan in plans {
        progress.now(&plan.name());
        if parent.length() < plan.parent_memory {
            parent = Ballast::of(plan.parent_memory)?;
        }
        finished.push(run_plan(plan).with_context(|| plan.name())?);
        progress.step();
    }
    worker_cost::outcome(model, &finished)
}

fn run_plan(plan: Plan) -> Result<Finished> {
    let mut laps = Laps::begin();
    let report = match plan.way {
        Way::Anew => Report::Starts(anew::run(&plan, &mut laps)?),
        Way::Borrowed => Report::Starts(borrowed::run(&plan, &mut laps)?),
        Way::Prepared => Report::Starts(prepared::run(&plan, &mut laps)?),
        Way::Served => Report::Starts(served::run(&plan, &mut laps)?),
        Way::Pool => Report::Starts(pool::run(&plan, &mut laps)?),
        Way::Resident => Report::Starts(resident::run(&plan, &mut laps)?),
        Way::Bare => Report::Starts(bare::run(&plan, &mut laps)?),
        Way::Idle => Report::Crew(idle::run(&plan, &mut laps)?),
    };
    laps.stopped();
    Ok(Finished::new(plan, report, laps))
}

/// What a worker of the kit is for.
#[derive(Debug, Serialize, Deserialize)]
enum Job {
    Serve,
    Reside,
    Idle { table: usize },
}

/// A worker of the kit, which does more than one thing, or waits.
fn worker(job: Job, parent: &mut Parent) -> Result<u64> {
    match job {
        Job::Serve => served::worker(parent), // processes: no closure crosses
        Job::Reside => resident::worker(parent),
        Job::Idle { table } => idle::worker(table, parent),
    }
}
