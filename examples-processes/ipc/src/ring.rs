//! The ring: bytes in memory that both ends see, with no kernel in between.
//!
//! In place, a message is written where it will be read; otherwise it is
//! copied in and out.

use anyhow::Result;
use common::{
    laps::Laps,
    ring::{self, Receiver, Sender},
    scenarios::ipc::{
        EndReport, Mechanism, Plan, drain_in_place, far, near, pour_in_place,
    },
};
use process_kit::Parent;

use crate::{Duplex, FarEnd, spawn_and_join};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(EndReport, EndReport)> {
    let manner = plan.waiting.manner();
    let (ours, theirs) = Duplex::pair(ring::size(plan.capacity()))?;
    let to_far = Sender::new(ours.there.clone(), ours.waiting(manner))?;
    let from_far = Receiver::new(ours.back.clone(), ours.waiting(manner))?;
    let far_end = FarEnd::Ring(theirs);
    spawn_and_join(plan, far_end, laps, || match plan.mechanism {
        Mechanism::RingInPlace => pour_in_place(plan, to_far, from_far),
        _ => near(plan, to_far, from_far),
    })
}

pub fn worker(
    plan: &Plan,
    ours: &Duplex,
    parent: &Parent,
) -> Result<EndReport> {
    let manner = plan.waiting.manner();
    let receiver = Receiver::new(ours.there.clone(), ours.waiting(manner))?;
    let sender = Sender::new(ours.back.clone(), ours.waiting(manner))?;
    parent.gate.wait()?;
    match plan.mechanism {
        Mechanism::RingInPlace => drain_in_place(plan, receiver, sender),
        _ => far(plan, receiver, sender),
    }
}
