//! The ring: bytes in memory that both ends see, and no kernel on the way.
//!
//! In place, a message is written where it will be read; otherwise it is
//! copied in and out.

use anyhow::Result;
use common::{
    laps::Laps,
    ring::{self, Receiver, Sender},
    scenarios::ipc::{
        Mechanism, Plan, Report, drain_in_place, far, near, pour_in_place,
    },
};
use process_kit::{Lifeline, Parent, Shared};

use crate::spawn_and_join;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(Report, Report)> {
    let (size, manner) = (ring::size(plan.capacity()), plan.waiting.manner());
    let (there, back) = (Shared::new(size)?, Shared::new(size)?); // processes: mapped
    let (lifeline, theirs) = Lifeline::pair()?; // processes: a killed end is silent
    let lent = vec![there.lend()?, back.lend()?, theirs]; // processes: descriptors
    let to_far = Sender::new(there, lifeline.waiting(manner))?; // processes: one end here
    let from_far = Receiver::new(back, lifeline.waiting(manner))?;
    spawn_and_join(plan, laps, lent, || match plan.mechanism {
        Mechanism::RingInPlace => pour_in_place(plan, to_far, from_far),
        _ => near(plan, to_far, from_far),
    })
}

pub fn worker(
    plan: &Plan,
    parent: &mut Parent, // processes: with what it was lent
) -> Result<Report> {
    let (size, manner) = (ring::size(plan.capacity()), plan.waiting.manner());
    let there = Shared::open(parent.take_descriptor()?, size)?; // processes: mapped again
    let back = Shared::open(parent.take_descriptor()?, size)?;
    let lifeline = Lifeline::from(parent.take_descriptor()?); // processes: the parent's
    let receiver = Receiver::new(there, lifeline.waiting(manner))?; // processes: one end here
    let sender = Sender::new(back, lifeline.waiting(manner))?;
    parent.gate.wait()?; // processes: ready now
    match plan.mechanism {
        Mechanism::RingInPlace => drain_in_place(plan, receiver, sender),
        _ => far(plan, receiver, sender),
    }
}
