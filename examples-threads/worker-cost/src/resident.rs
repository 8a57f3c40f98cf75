//! The bare limit of a worker that is there already: a word to sleep on.

use std::{
    sync::Arc,
    thread::{Builder, scope},
};

use anyhow::{Context as _, Result};
use common::{
    gate::Gate,
    laps::Laps,
    ring::{
        Manner,
        line::{self, Receiver, Sender},
        memory::Heap,
    },
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};

type To = Sender<Arc<Heap>>; // threads: on the heap
type From = Receiver<Arc<Heap>>;

/// Where there is nothing more to do.
const END: u64 = u64::MAX;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    let (mut to, requests) = line::on_heap(Manner::Block)?; // threads: both ends
    let (answers, mut from) = line::on_heap(Manner::Block)?;
    let gate = &Gate::new();
    scope(|scope| {
        let keeper = gate.close();
        let serve = move || worker(requests, answers, gate); // threads: moved
        let resident = Builder::new().spawn_scoped(scope, serve);
        resident.context("no worker can be started")?;
        keeper.wait_for(1);
        laps.started();
        keeper.open();
        let mut sequence = 0..;
        let starts = measure(plan, |token| {
            let next = sequence.next().context("no number is left")?;
            start(&mut to, &mut from, [1 + next, token])
        });
        to.send(&[END, 0]);
        laps.worked(&[]); // threads: all memory is our own
        starts // threads: and the scope joins it
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
    mut requests: From, // threads: as they were made
    mut answers: To,
    gate: &Gate,
) -> Result<()> {
    gate.wait();
    let mut request = [0; 2];
    loop {
        requests.receive(&mut request)?;
        let [sequence, token] = request;
        if sequence == END {
            return Ok(());
        }
        let Stamp { began, answer } = Stamp::now(token);
        answers.send(&[sequence, began, answer]);
    }
}
