//! Fetch: many slow replies at once; how long, and at what cost?
//! Here: threads, which share one agent and its connections.
//! There: examples-processes/fetch/src/main.rs
//! Watch: what a waiting worker costs, and who learns of a failure.
//! Run: cargo run --release -p fetch-threads

use std::{
    io,
    process::{Child, Command, ExitCode, Stdio},
    sync::atomic::{AtomicI64, Ordering::Relaxed},
};

use anyhow::Result;
use common::{
    demo,
    laps::Laps,
    outcome::{Model, Outcome},
    resources::anonymous_memory,
    scenarios::fetch::{
        self, Args, FetchLog, Finished, Plan, ServerProcess, agent,
    },
};
use thread_kit::{JoinHandle, Parent, scope};
use ureq::Agent;

fn main() -> ExitCode {
    demo::main(Model::Threads, run)
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let finished = demo::each(args.plans()?, Plan::name, run_plan)?;
    fetch::outcome(model, &finished)
}

fn run_plan(mut plan: Plan) -> Result<Finished> {
    let server = plan.server(start_server)?;
    let before = anonymous_memory(&[]);
    let mut laps = Laps::begin();
    let logs = spawn_and_join(&plan, &mut laps)?;
    laps.stopped();
    let served = server.map(ServerProcess::end).transpose()?;
    Ok(Finished { plan, logs, served, before, laps })
}

/// What a worker is given.
#[derive(Clone, Copy)]
struct Job<'a> {
    plan: &'a Plan,
    agent: &'a Agent,
    next: &'a AtomicI64,
}

/// Fetches one address after another: the next that nobody has taken.
fn worker(job: Job, parent: &mut Parent) -> Result<FetchLog> {
    let Job { plan, agent, next } = job;
    parent.gate.wait()?;
    let mut log = FetchLog::begin();
    while let Some(address) = plan.address(next.fetch_add(1, Relaxed)) {
        log.fetch(agent, address);
    }
    Ok(log.end())
}

/// Starts the workers, releases them all at once, and collects what they
/// fetched.
fn spawn_and_join(plan: &Plan, laps: &mut Laps) -> Result<Vec<FetchLog>> {
    let next = &AtomicI64::new(0);
    // threads: one agent for all. A connection opened by one worker may serve
    // another one next.
    let agent = &agent(plan, plan.workers);
    let job = Job { plan, agent, next };
    scope(|scope| {
        let mut handles = Vec::new();
        for _ in 0..plan.workers {
            handles.push(scope.spawn(move |parent| worker(job, parent))?);
        }
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        for handle in &mut handles {
            handle.wait_for_answer()?;
        }
        laps.worked(&[]);
        handles.into_iter().map(JoinHandle::join).collect()
    })
}

/// Starts this program again as the server, in a separate process, so that
/// its resources are not counted.
fn start_server() -> io::Result<Child> {
    Command::new("/proc/self/exe")
        .arg("--serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
}
