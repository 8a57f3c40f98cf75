//! The bare minimum: the message is in the cache line that announces it.

use anyhow::Result;
use common::{
    laps::Laps,
    ring::line::{self, Receiver, Sender},
    scenarios::ipc::{EndReport, Plan, far, near},
};
use thread_kit::Parent;

use crate::{Duplex, spawn_and_join};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(EndReport, EndReport)> {
    let manner = plan.waiting.manner();
    let (ours, theirs) = Duplex::pair(line::SIZE)?;
    let to_far = Sender::new(ours.there.clone(), manner)?;
    let from_far = Receiver::new(ours.back.clone(), ours.waiting(manner))?;
    let far_end = move |parent: &Parent| worker(plan, &theirs, parent);
    spawn_and_join(plan, far_end, laps, || near(plan, to_far, from_far))
}

pub fn worker(
    plan: &Plan,
    ours: &Duplex,
    parent: &Parent,
) -> Result<EndReport> {
    let manner = plan.waiting.manner();
    let receiver = Receiver::new(ours.there.clone(), ours.waiting(manner))?;
    let sender = Sender::new(ours.back.clone(), manner)?;
    parent.gate.wait()?;
    far(plan, receiver, sender)
}
