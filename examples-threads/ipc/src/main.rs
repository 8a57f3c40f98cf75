//! Message passing: what does a message cost, and why?
//! Here: threads, whose messages stay in the same memory and are moved.
//! There: examples-processes/ipc/src/main.rs
//! Watch: the ring and the cache line, which cost the same on both sides.
//! Run: cargo run --release -p ipc-threads -- --quick

mod cache_line;
mod channels;
mod condvar;
mod duplex;
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
use thread_kit::{Parent, scope};

use duplex::Duplex;

fn main() -> ExitCode {
    demo::main(Model::Threads, run)
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
        _ => channels::run(&plan, &mut laps)?,
    };
    laps.stopped();
    Ok(Finished { plan, near, far, laps })
}

/// What the far end is given.
// threads: a closure carries the ends, whatever their types.
struct Job<F> {
    plan: Plan,
    far_end: F,
}

/// The far end: moves to its core, if it has one, and does its part.
fn worker(
    job: Job<impl FnOnce(&Parent) -> Result<EndReport>>,
    parent: &mut Parent,
) -> Result<EndReport> {
    let Job { plan, far_end } = job;
    placement::pin(plan.cores.far)?;
    far_end(parent)
}

/// Starts the far end, releases it, and plays the near end. Returns the reports
/// of both, the near end's first.
fn spawn_and_join(
    plan: &Plan,
    far_end: impl FnOnce(&Parent) -> Result<EndReport> + Send,
    laps: &mut Laps,
    near: impl FnOnce() -> Result<EndReport>,
) -> Result<(EndReport, EndReport)> {
    let job = Job { plan: *plan, far_end };
    scope(|scope| {
        let mut handle = scope.spawn(move |parent| worker(job, parent))?;
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        let near = near()?;
        handle.wait_for_answer()?;
        laps.worked(&[]);
        let far = handle.join()?;
        Ok((near, far))
    })
}
