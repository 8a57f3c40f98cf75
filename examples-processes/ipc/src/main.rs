//! Message passing: what does a message cost, and what for?
//! Here: processes, whose messages cross through the kernel, or a mapping.
//! There: examples-threads/ipc/src/main.rs
//! Watch: the ring and the cache line, which cost the same on both sides.
//! Run: cargo run --release -p ipc-processes -- --quick

mod cache_line;
mod channels;
mod ring;

use std::{
    os::fd::{AsFd as _, OwnedFd},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    placement,
    progress::Progress,
    scenarios::ipc::{self, Args, Finished, Mechanism, Plan, Report},
};
use process_kit::{Parent, Role, role, scope};

fn main() -> ExitCode {
    match role() {
        Role::Main => demo::main(Model::Processes, run), // processes: two
        Role::Worker(parent) => parent.serve(worker),    // processes: roles
    }
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

/// The far end: it makes itself ready with what it was lent, and starts.
fn worker(
    plan: Plan,          // processes: decoded
    parent: &mut Parent, // processes: descriptors and the gate
) -> Result<Report> {
    placement::pin(plan.cores.far)?;
    match plan.mechanism {
        Mechanism::CacheLine => cache_line::worker(&plan, parent), // processes: no closure crosses
        Mechanism::Ring | Mechanism::RingInPlace => ring::worker(&plan, parent),
        _ => channels::worker(&plan, parent),
    }
}

/// Starts the far end, releases it, and plays the near one. What both have
/// to report comes in that order.
fn spawn_and_join(
    plan: &Plan,
    laps: &mut Laps,
    lent: Vec<OwnedFd>, // processes: the far ends, as descriptors
    near: impl FnOnce() -> Result<Report>,
) -> Result<(Report, Report)> {
    scope(|scope| {
        let ends: Vec<_> = lent.iter().map(OwnedFd::as_fd).collect(); // processes: copied over
        let mut handle = scope.spawn_with(plan, &ends)?;
        drop(lent); // processes: or their end would never come
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        let near = near()?;
        handle.wait_for_answer()?; // processes: then it stays, parked
        laps.worked(&[handle.id()]); // processes: its memory counts too
        let far = handle.join()?; // processes: let go, and reaped
        Ok((near, far))
    })
}
