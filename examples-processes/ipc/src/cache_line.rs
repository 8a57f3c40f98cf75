//! The bare limit: the message stands in the line that says it is there.

use anyhow::Result;
use common::{
    laps::Laps,
    ring::line::{self, Receiver, Sender},
    scenarios::ipc::{Plan, Report, far, near},
};
use process_kit::{Lifeline, Parent, Shared};

use crate::spawn_and_join;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(Report, Report)> {
    let manner = plan.waiting.manner();
    let there = Shared::new(line::SIZE)?; // processes: mapped
    let back = Shared::new(line::SIZE)?;
    let (lifeline, theirs) = Lifeline::pair()?; // processes: a killed end is silent
    let lent = vec![there.lend()?, back.lend()?, theirs]; // processes: descriptors
    let to_far = Sender::new(there, manner)?; // processes: one end here
    let from_far = Receiver::new(back, lifeline.waiting(manner))?;
    spawn_and_join(plan, laps, lent, || near(plan, to_far, from_far))
}

pub fn worker(
    plan: &Plan,
    parent: &mut Parent, // processes: with what it was lent
) -> Result<Report> {
    let manner = plan.waiting.manner();
    let there = Shared::open(parent.take_descriptor()?, line::SIZE)?; // processes: mapped again
    let back = Shared::open(parent.take_descriptor()?, line::SIZE)?;
    let lifeline = Lifeline::from(parent.take_descriptor()?); // processes: the parent's
    let receiver = Receiver::new(there, lifeline.waiting(manner))?; // processes: one end here
    let sender = Sender::new(back, manner)?;
    parent.gate.wait()?; // processes: ready now
    far(plan, receiver, sender)
}
