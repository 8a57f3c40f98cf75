//! A server that is asked for a worker's work.

use std::thread::{Builder, scope};

use anyhow::{Context as _, Result};
use common::{
    gate::Gate,
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};
use crossbeam::channel::{Receiver, Sender, bounded};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    let (requests, requested) = bounded(1); // threads: in this memory
    let (served, answers) = bounded(1);
    let gate = &Gate::new();
    scope(|scope| {
        let keeper = gate.close();
        let serve = move || worker(&requested, &served, gate); // threads: moved
        let server = Builder::new().spawn_scoped(scope, serve);
        server.context("no server can be started")?;
        keeper.wait_for(1);
        laps.started();
        keeper.open();
        let ask = |token| start(&requests, &answers, token); // threads: two ways
        let starts = measure(plan, ask)?;
        laps.worked(&[]); // threads: all memory is our own
        drop(requests); // threads: and the scope joins it
        Ok(starts)
    })
}

fn start(
    requests: &Sender<u64>, // threads: one for each way
    answers: &Receiver<Stamp>,
    token: u64,
) -> Result<Stamp> {
    requests.send(token)?;
    Ok(answers.recv()?)
}

/// The server: it does the work itself.
fn worker(requested: &Receiver<u64>, served: &Sender<Stamp>, gate: &Gate) {
    gate.wait();
    for token in requested {
        let served = served.send(Stamp::now(token)); // threads: nobody new
        if served.is_err() {
            return;
        }
    }
}
