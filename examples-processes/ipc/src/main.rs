//! Message passing: what does a message cost, and why?
//! Here: processes, whose messages pass through the kernel or a mapping.
//! There: examples-threads/ipc/src/main.rs
//! Watch: the ring and the cache line, which cost the same on both sides.
//! Run: cargo run --release -p ipc-processes -- --quick

mod cache_line;
mod duplex;
mod kernel;
mod ring;

use std::process::ExitCode;

use anyhow::Result;
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    placement,
    scenarios::ipc::{self, Args, EndReport, Finished, Mechanism, Plan},
};
use process_kit::{Parent, Role, role, scope};
use serde::{Deserialize, Serialize};

use duplex::Duplex;
use kernel::End;

fn main() -> ExitCode {
    match role() {
        Role::Main => demo::main(Model::Processes, run),
        Role::Worker(parent) => parent.serve(worker),
    }
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let cores = args.cores()?;
    let plans = args.plans(model, cores);
    placement::pin(cores.near)?;
    let finished = demo::each(plans, Plan::name, run_plan)?;
    ipc::outcome(model, &finished)
}

fn run_plan(plan: Plan) -> Result<Finished> {
    let mut laps = Laps::begin();
    let (near, far) = match plan.mechanism {
        Mechanism::CacheLine => cache_line::run(&plan, &mut laps)?,
        Mechanism::Ring | Mechanism::RingInPlace => {
            ring::run(&plan, &mut laps)?
        }
        _ => kernel::run(&plan, &mut laps)?,
    };
    laps.stopped();
    Ok(Finished { plan, near, far, laps })
}

/// What the far end is given.
// processes: memory and kernel channels are passed as open descriptors.
#[derive(Serialize, Deserialize)]
struct Job {
    plan: Plan,
    far_end: FarEnd,
}

/// What the far end builds its sender and its receiver from.
#[derive(Serialize, Deserialize)]
enum FarEnd {
    CacheLine(Duplex),
    Ring(Duplex),
    Kernel { receiver: End, sender: End },
}

/// The far end: moves to its core, if it has one, and does its part.
fn worker(job: Job, parent: &mut Parent) -> Result<EndReport> {
    let Job { plan, far_end } = job;
    placement::pin(plan.cores.far)?;
    match far_end {
        FarEnd::CacheLine(duplex) => cache_line::worker(&plan, &duplex, parent),
        FarEnd::Ring(duplex) => ring::worker(&plan, &duplex, parent),
        FarEnd::Kernel { receiver, sender } => {
            kernel::worker(&plan, receiver, sender, parent)
        }
    }
}

/// Starts the far end, releases it, and plays the near end. Returns the reports
/// of both, the near end's first.
fn spawn_and_join(
    plan: &Plan,
    far_end: FarEnd,
    laps: &mut Laps,
    near: impl FnOnce() -> Result<EndReport>,
) -> Result<(EndReport, EndReport)> {
    let job = Job { plan: *plan, far_end };
    scope(|scope| {
        let mut handle = scope.spawn(&job)?;
        // processes: a copy kept open here would hide the far end's death.
        drop(job);
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        let near = near()?;
        handle.wait_for_answer()?;
        laps.worked(&[handle.id()]);
        let far = handle.join()?;
        Ok((near, far))
    })
}
