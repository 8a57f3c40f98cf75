//! Worker cost: what does a worker cost to start and to keep?
//! Here: threads, which take a stack, and a place with the scheduler.
//! There: examples-processes/worker-cost/src/main.rs
//! Watch: what grows with the parent, and what a worker holds that waits.
//! Run: cargo run --release -p worker-cost-threads -- --quick

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
        self, Args, Ballast, Finished, Plan, Report, Stamp, Way,
    },
};

fn main() -> ExitCode {
    demo::main(Model::Threads, run) // threads: one process, one role
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

/// A worker of the kind that does one thing, and ends.
fn worker(token: u64) -> Stamp {
    Stamp::now(token) // threads: returned
}
