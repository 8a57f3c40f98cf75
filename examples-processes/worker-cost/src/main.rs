//! Worker cost: what does a worker cost to start and to keep?
//! Here: processes, which need their own memory and a program to run.
//! There: examples-threads/worker-cost/src/main.rs
//! Watch: what grows with the parent, and what a waiting worker takes up.
//! Run: cargo run --release -p worker-cost-processes -- --quick

mod anew;
mod bare;
mod borrowed;
mod forked;
mod idle;
mod job;
mod pool;
mod prepared;
mod program;
mod resident;
mod served;
mod table;
mod vfork;

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
use process_kit::{Role, role};

fn main() -> ExitCode {
    // processes: each worker is this program, started again, with the kit or
    // without it.
    match (role(), program::token()) {
        (Role::Main, None) => demo::main(Model::Processes, run),
        (Role::Main, Some(token)) => program::play(token),
        (Role::Worker(parent), _) if parent.has_a_pool() => {
            parent.serve_each(pool::worker)
        }
        (Role::Worker(parent), _) => parent.serve(job::worker),
    }
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
