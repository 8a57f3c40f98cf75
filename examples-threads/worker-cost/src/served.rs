//! A server that does a worker's job on request.

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};
use crossbeam::channel::{Receiver, Sender, bounded};
use thread_kit::{Parent, scope};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    let (requests, requested) = bounded(1);
    let (served, answers) = bounded(1);
    scope(|scope| {
        let serve = |parent: &mut Parent| worker(requested, served, parent);
        let mut server = scope.spawn(serve)?;
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        let ask = |token| start(&requests, &answers, token);
        let starts = measure(plan, ask)?;
        drop(requests);
        server.wait_for_answer()?;
        laps.worked(&[]);
        server.join()?;
        Ok(starts)
    })
}

fn start(
    requests: &Sender<u64>,
    answers: &Receiver<Stamp>,
    token: u64,
) -> Result<Stamp> {
    requests.send(token)?;
    Ok(answers.recv()?)
}

/// The server. It answers with the number of requests that it served.
// threads: it does the work itself, without a new thread.
fn worker(
    requested: Receiver<u64>,
    served: Sender<Stamp>,
    parent: &mut Parent,
) -> Result<u64> {
    parent.gate.wait()?;
    let mut count = 0;
    for token in requested {
        served.send(Stamp::now(token))?;
        count += 1;
    }
    Ok(count)
}
