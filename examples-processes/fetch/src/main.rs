//! Fetch: many slow replies at once; how long, and at what cost?
//! Here: processes, each with its own agent and its own connection.
//! There: examples-threads/fetch/src/main.rs
//! Watch: what a waiting worker costs, and who learns of a failure.
//! Run: cargo run --release -p fetch-processes

use std::{
    io,
    mem::ManuallyDrop,
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
use process_kit::{JoinHandle, Parent, Role, Segment, ids, role, scope};
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    match role() {
        Role::Main => demo::main(Model::Processes, run),
        Role::Worker(parent) => parent.serve(worker),
    }
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
#[derive(Serialize, Deserialize)]
struct Job {
    plan: Plan,
    next: Segment<[AtomicI64]>,
}

/// Fetches one address after another: the next that nobody has taken.
fn worker(job: Job, parent: &mut Parent) -> Result<FetchLog> {
    let Job { plan, next } = job;
    // processes: each has its own agent, and shares no connection. It is kept
    // until the process exits, because its memory is measured.
    let agent = &ManuallyDrop::new(agent(&plan, 1));
    parent.gate.wait()?;
    let mut log = FetchLog::begin();
    while let Some(address) = plan.address(next[0].fetch_add(1, Relaxed)) {
        log.fetch(agent, address);
    }
    Ok(log.end())
}

/// Starts the workers, releases them all at once, and collects what they
/// fetched.
fn spawn_and_join(plan: &Plan, laps: &mut Laps) -> Result<Vec<FetchLog>> {
    let next = Segment::create(&[0])?;
    let job = Job { plan: plan.clone(), next };
    scope(|scope| {
        let mut handles = Vec::new();
        for _ in 0..plan.workers {
            handles.push(scope.spawn(&job)?);
        }
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        for handle in &mut handles {
            handle.wait_for_answer()?;
        }
        laps.worked(&ids(&handles));
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
