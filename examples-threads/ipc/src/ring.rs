//! The ring: bytes in memory that both ends see, and no kernel on the way.
//!
//! In place, a message is written where it will be read; otherwise it is
//! copied in and out.

use std::sync::Arc;

use anyhow::Result;
use common::{
    laps::Laps,
    ring::{self, Receiver, Sender, memory::Heap},
    scenarios::ipc::{
        Mechanism, Plan, Report, drain_in_place, far, near, pour_in_place,
    },
};

use crate::spawn_and_join;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(Report, Report)> {
    let (capacity, manner) = (plan.capacity(), plan.waiting.manner());
    let (to_far, from_near) = ring::on_heap(capacity, manner)?; // threads: both ends at once
    let (to_near, from_far) = ring::on_heap(capacity, manner)?;
    let worker = move || worker(plan, from_near, to_near); // threads: moved
    spawn_and_join(plan, laps, worker, || match plan.mechanism {
        Mechanism::RingInPlace => pour_in_place(plan, to_far, from_far),
        _ => near(plan, to_far, from_far),
    })
}

fn worker(
    plan: &Plan,
    receiver: Receiver<Arc<Heap>>, // threads: as it was made
    sender: Sender<Arc<Heap>>,
) -> Result<Report> {
    match plan.mechanism {
        Mechanism::RingInPlace => drain_in_place(plan, receiver, sender),
        _ => far(plan, receiver, sender),
    }
}
