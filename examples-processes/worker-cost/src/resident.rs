//! The bare minimum for a worker that already runs: a word to sleep on.
//!
//! If both ends share a core, each switch between them also switches the
//! address space, unlike between threads: that is the only difference. With a
//! core for each end there is none: `taskset -c 0`, `taskset -c 0,1`.

use anyhow::{Context as _, Result};
use common::{
    laps::Laps,
    ring::{
        Manner,
        line::{Receiver, SIZE, Sender},
    },
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};
use process_kit::{Lifeline, Parent, Shared, scope};

use crate::job::Job;

type To = Sender<Shared>;
type From = Receiver<Shared>;

/// Sent instead of a sequence number when there is no more work.
const END: u64 = u64::MAX;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    let (there, back) = (Shared::new(SIZE)?, Shared::new(SIZE)?);
    let (lifeline, theirs) = Lifeline::pair()?;
    let mut to = Sender::new(there.clone(), Manner::Block)?;
    let waiting = lifeline.waiting(Manner::Block);
    let mut from = Receiver::new(back.clone(), waiting)?;
    scope(|scope| {
        let reside = Job::Reside { there, back, lifeline: theirs.into() };
        let mut resident = scope.spawn::<_, u64>(&reside)?;
        drop(reside);
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
        laps.worked(&[resident.id()]);
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

// processes: both map the same memory. A killed process just falls silent, so
// each has a lifeline that shows when the other is gone.
pub fn worker(
    [there, back]: [Shared; 2],
    lifeline: Lifeline,
    parent: &mut Parent,
) -> Result<u64> {
    let waiting = lifeline.waiting(Manner::Block);
    let mut requests = Receiver::new(there, waiting)?;
    let mut answers = Sender::new(back, Manner::Block)?;
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
