//! Worker cost: what does a worker cost to start and to keep?
//! Here: threads, which need a stack and an entry in the scheduler.
//! There: examples-processes/worker-cost/src/main.rs
//! Watch: what grows with the parent, and what a waiting worker takes up.
//! Run: cargo run --release -p worker-cost-threads -- --quick

mod anew;
mod bare;
mod borrowed;
mod clone;
mod idle;
mod pool;
mod prepared;
mod resident;
mod served;

use std::process::ExitCode;

use anyhow::Result;
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    scenarios::worker_cost::{
        self, Args, Ballast, Costs, Finished, Plan, Stamp, StartMethod,
    },
};

fn main() -> ExitCode {
    demo::main(Model::Threads, run)
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let mut parent = Ballast::none();
    let run_beside = |plan: Plan| {
        parent.grow_to(plan.parent_memory)?;
        run_plan(plan)
    };
    let finished = demo::each(args.plans(), Plan::name, run_beside)?;
    worker_cost::outcome(model, &finished)
}

fn run_plan(plan: Plan) -> Result<Finished> {
    let mut laps = Laps::begin();
    let costs = match plan.method {
        StartMethod::Anew => Costs::Starts(anew::run(&plan, &mut laps)?),
        StartMethod::Borrowed => {
            Costs::Starts(borrowed::run(&plan, &mut laps)?)
        }
        StartMethod::Prepared => {
            Costs::Starts(prepared::run(&plan, &mut laps)?)
        }
        StartMethod::Served => Costs::Starts(served::run(&plan, &mut laps)?),
        StartMethod::Pool => Costs::Starts(pool::run(&plan, &mut laps)?),
        StartMethod::Resident => {
            Costs::Starts(resident::run(&plan, &mut laps)?)
        }
        StartMethod::Bare => Costs::Starts(bare::run(&plan, &mut laps)?),
        StartMethod::Idle => Costs::Crew(idle::run(&plan, &mut laps)?),
    };
    laps.stopped();
    Ok(Finished::new(plan, costs, laps))
}

/// A worker that does one thing and exits.
fn worker(token: u64) -> Stamp {
    Stamp::now(token)
}
