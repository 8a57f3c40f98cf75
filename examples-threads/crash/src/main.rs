//! Crash: a worker dies on its own, perhaps holding a lock; who survives?
//! Here: threads in an expendable process, which most deaths take down.
//! There: examples-processes/crash/src/main.rs
//! Watch: who learns of a death, what is lost with it, and who takes over.
//! Run: cargo run --release -p crash-threads -- --quick

mod job;
mod lock;
mod messages;
mod plain;
mod sacrifice;
mod supervisor;

use std::process::ExitCode;

use anyhow::Result;
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    scenarios::crash::{
        self, Answer, Args, Finished, Hold, Plan, Seen, Victim,
    },
};
use process_kit::{Role, role};
use thread_kit::Parent;

use job::{Access, Job};
use sacrifice::{Crew, spawn_and_join};

fn main() -> ExitCode {
    // threads: the child process is not a worker. It hosts all workers,
    // because most deaths take down the whole process.
    match role() {
        Role::Main => demo::main(Model::Threads, run),
        Role::Worker(parent) => parent.serve(sacrifice::host),
    }
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let finished = demo::each(args.plans(), Plan::name, run_plan)?;
    crash::outcome(model, &finished)
}

fn run_plan(plan: Plan) -> Result<Finished> {
    let (mut laps, mut seen) = (Laps::begin(), Seen::default());
    let answer = supervisor::spawn_and_join(&plan, &mut laps, &mut seen)?;
    seen.answered(answer);
    laps.stopped();
    Ok(Finished { plan, seen, laps })
}

/// All the work, with the kind of lock that the plan names, or without one.
fn work(crew: &mut Crew) -> Result<Answer> {
    match crew.plan.hold {
        Hold::Nothing | Hold::Lock => lock::run(crew),
        Hold::PlainLock => plain::run(crew),
        Hold::Message => messages::run(crew),
    }
}

/// What every worker does: its transfers, through its access to the ledger.
fn worker(mut job: Job, parent: &mut Parent) -> Result<Answer> {
    let is_heir = job.last_words.is_none();
    let victim = Victim::new(&job.plan, job.index, job.last_words.take());
    parent.gate.wait()?;
    match &job.ledger {
        Access::Lock(ledger) => lock::worker(&job, victim, ledger),
        Access::PlainLock(ledger) => plain::worker(&job, victim, ledger),
        Access::Sender(owner) => messages::worker(&job, victim, owner)?,
        Access::Owner(orders) => return messages::own(&job, orders),
    }
    Ok(Answer { survivors: usize::from(!is_heir), report: None })
}
