//! The bare limit of a worker that is there already: a word to sleep on.
//!
//! Where both ends have one core, each switch between them changes the memory
//! as well, and between threads it does not: that is all the difference. With
//! a core for each there is none: `taskset -c 0`, `taskset -c 0,1`.

use std::os::fd::AsFd as _;

use anyhow::{Context as _, Result};
use common::{
    laps::Laps,
    ring::{
        Manner,
        line::{Receiver, SIZE, Sender},
    },
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};
use process_kit::{Lifeline, Parent, Shared};

use crate::{Job, scope};

type To = Sender<Shared>; // processes: both map it
type From = Receiver<Shared>;

/// Where there is nothing more to do.
const END: u64 = u64::MAX;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    let (there, back) = (Shared::new(SIZE)?, Shared::new(SIZE)?); // processes: mapped
    let (lifeline, theirs) = Lifeline::pair()?; // processes: a killed end is silent
    scope(|scope| {
        let lent = [there.as_fd(), back.as_fd(), theirs.as_fd()];
        let mut resident = scope.spawn_with::<_, u64>(&Job::Reside, &lent)?; // processes: as descriptors
        drop(theirs);
        let mut to = Sender::new(there, Manner::Block)?; // processes: one end here
        let mut from = Receiver::new(back, lifeline.waiting(Manner::Block))?;
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        let mut sequence = 0..;
        let starts = measure(plan, |token| {
            let next = sequence.next().context("no number is left")?;
            start(&mut to, &mut from, [1 + next, token])
        });
        to.send(&[END, 0]);
        resident.wait_for_answer()?;
        laps.worked(&[resident.id()]); // processes: its memory counts too
        resident.join()?; // processes: let go, and reaped
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

pub fn worker(parent: &mut Parent) -> Result<u64> {
    let there = Shared::open(parent.take_descriptor()?, SIZE)?; // processes: mapped again
    let back = Shared::open(parent.take_descriptor()?, SIZE)?;
    let lifeline = Lifeline::from(parent.take_descriptor()?);
    let waiting = lifeline.waiting(Manner::Block); // processes: while the parent lives
    let mut requests = Receiver::new(there, waiting)?;
    let mut answers = Sender::new(back, Manner::Block)?;
    parent.gate.wait()?;
    let mut request = [0; 2];
    loop {
        requests.receive(&mut request)?;
        let [sequence, token] = request;
        if sequence == END {
            return Ok(0); // processes: it says so, and parks
        }
        let Stamp { began, answer } = Stamp::now(token);
        answers.send(&[sequence, began, answer]);
    }
}
