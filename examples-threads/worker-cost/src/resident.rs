//! The bare minimum for a worker that already runs: a word to sleep on.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use common::{
    laps::Laps,
    ring::{
        Manner,
        line::{self, Receiver, Sender},
        memory::Heap,
    },
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};
use thread_kit::{Parent, scope};

type To = Sender<Arc<Heap>>;
type From = Receiver<Arc<Heap>>;

/// Sent instead of a sequence number when there is no more work.
const END: u64 = u64::MAX;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    let (mut to, requests) = line::on_heap(Manner::Block)?;
    let (answers, mut from) = line::on_heap(Manner::Block)?;
    scope(|scope| {
        let reside = |parent: &mut Parent| worker(requests, answers, parent);
        let mut resident = scope.spawn(reside)?;
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        let mut sequence = 0..;
        let starts = measure(plan, |token| {
            let next = sequence.next().context("out of sequence numbers")?;
            start(&mut to, &mut from, [1 + next, token])
        });
        to.send(&[END, 0]);
        resident.wait_for_answer()?;
        laps.worked(&[]);
        resident.join()?;
        starts
    })
}

fn start(to: &mut To, from: &mut From, request: [u64; 2]) -> Result<Stamp> {
    let mut answer = [0; 3];
    to.send(&request);
    from.receive(&mut answer)?;
    let [_, began, answer] = answer;
    Ok(Stamp { began, answer })
}

fn worker(
    mut requests: From,
    mut answers: To,
    parent: &mut Parent,
) -> Result<u64> {
    parent.gate.wait()?;
    let mut request = [0; 2];
    for count in 0.. {
        requests.receive(&mut request)?;
        let [sequence, token] = request;
        if sequence == END {
            return Ok(count);
        }
        let Stamp { began, answer } = Stamp::now(token);
        answers.send(&[sequence, began, answer]);
    }
    Ok(u64::MAX)
}
