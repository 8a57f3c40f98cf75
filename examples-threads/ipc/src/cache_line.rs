//! The bare limit: the message stands in the line that says it is there.

use std::sync::Arc;

use anyhow::Result;
use common::{
    laps::Laps,
    ring::{
        line::{self, Receiver, Sender},
        memory::Heap,
    },
    scenarios::ipc::{Plan, Report, far, near},
};

use crate::spawn_and_join;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(Report, Report)> {
    let manner = plan.waiting.manner();
    let (to_far, from_near) = line::on_heap(manner)?; // threads: both ends at once
    let (to_near, from_far) = line::on_heap(manner)?;
    let worker = move || worker(plan, from_near, to_near); // threads: moved
    spawn_and_join(plan, laps, worker, || near(plan, to_far, from_far))
}

fn worker(
    plan: &Plan,
    receiver: Receiver<Arc<Heap>>, // threads: as it was made
    sender: Sender<Arc<Heap>>,
) -> Result<Report> {
    far(plan, receiver, sender)
}
