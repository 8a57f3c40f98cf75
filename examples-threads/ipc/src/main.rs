//! Message passing: what does a message cost, and what for?
//! Here: threads, whose messages stay in one memory, and are moved.
//! There: examples-processes/ipc/src/main.rs
//! Watch: the ring and the cache line, which cost the same on both sides.
//! Run: cargo run --release -p ipc-threads -- --quick

mod cache_line;
mod channels;
mod ring;

use std::{process::ExitCode, thread};

use anyhow::{Context as _, Result, anyhow};
use common::{
    demo,
    gate::Gate,
    laps::Laps,
    outcome::{Model, Outcome},
    placement,
    progress::Progress,
    scenarios::ipc::{self, Args, Finished, Mechanism, Plan, Report},
};

fn main() -> ExitCode {
    demo::main(Model::Threads, run) // threads: one process, one role
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let cores = args.cores()?;
    let plans = args.plans(model, cores);
    placement::pin(cores.near)?;
    let progress = Progress::new(plans.len());
    let mut finished = Vec::new();
    for plan in plans {
        progress.now(&plan.name());
        finished.push(run_plan(plan).with_context(|| plan.name())?);
        progress.step();
    }
    ipc::outcome(model, &finished)
}

fn run_plan(plan: Plan) -> Result<Finished> {
    let mut laps = Laps::begin();
    let (near, far) = match plan.mechanism {
        Mechanism::CacheLine => cache_line::run(&plan, &mut laps)?,
        Mechanism::Ring | Mechanism::RingInPlace => {
            ring::run(&plan, &mut laps)?
        }
        _ => channels::run(&plan, &mut laps)?,
    };
    laps.stopped();
    Ok(Finished { plan, near, far, laps })
}

/// The far end: it is given its part of the work, ready to start.
fn worker(
    plan: &Plan,
    gate: &Gate,                          // threads: borrowed
    far: impl FnOnce() -> Result<Report>, // threads: a closure with its ends
) -> Result<Report> {
    placement::pin(plan.cores.far)?;
    gate.wait();
    far() // threads: only now
}

/// Starts the far end, releases it, and plays the near one. What both have
/// to report comes in that order.
fn spawn_and_join(
    plan: &Plan,
    laps: &mut Laps,
    far: impl FnOnce() -> Result<Report> + Send, // threads: moved over
    near: impl FnOnce() -> Result<Report>,
) -> Result<(Report, Report)> {
    let gate = &Gate::new(); // threads: on this stack
    thread::scope(|scope| {
        let keeper = gate.close();
        let job = move || worker(plan, gate, far); // threads: moved
        let handle = thread::Builder::new().spawn_scoped(scope, job);
        let handle = handle.context("no worker can be started")?;
        keeper.wait_for(1);
        laps.started();
        keeper.open();
        let near = near()?;
        let joined = handle.join(); // threads: it ends with its answer
        let far = joined.map_err(|_| anyhow!("the far end panicked"))??;
        laps.worked(&[]); // threads: all memory is our own
        Ok((near, far))
    })
}
