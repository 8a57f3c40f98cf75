//! Ours: messages are copied in and out, or written and read in place.

use anyhow::Result;
use common::{
    ring::{Receiver, Sender, memory::Memory, size},
    scenarios::ipc::{Message, Plan, Reading},
};
use process_kit::Parent;

use crate::{
    duplex::Duplex,
    end::{far, near, spawn_and_join},
    in_place::{self, Reads, Writes},
    job::{FarEnd, Group, Job},
};

/// The near end.
pub fn run(job: &Job) -> Result<f64> {
    let manner = job.plan.waiting.manner();
    let (ours, theirs) = Duplex::pair(size(job.plan.capacity()))?;
    let mut sender = Sender::new(ours.there.clone(), ours.waiting(manner))?;
    let mut receiver = Receiver::new(ours.back.clone(), ours.waiting(manner))?;
    spawn_and_join(job, FarEnd::Ring(theirs), || match job.row.group {
        Group::StreamInPlace => in_place::near(job, &mut sender, &mut receiver),
        _ => near(job, &mut sender, &mut receiver),
    })
}

/// The far end.
pub fn worker(job: &Job, ours: &Duplex, parent: &Parent) -> Result<()> {
    let manner = job.plan.waiting.manner();
    let mut receiver = Receiver::new(ours.there.clone(), ours.waiting(manner))?;
    let mut sender = Sender::new(ours.back.clone(), ours.waiting(manner))?;
    parent.gate.wait()?;
    match job.row.group {
        Group::StreamInPlace => in_place::far(job, &mut receiver, &mut sender),
        _ => far(job, &mut receiver, &mut sender),
    }
}

impl<M: Memory> Writes for Sender<M> {
    fn write(&mut self, plan: &Plan, message: &Message) -> Result<()> {
        let reserved = self.reserve(plan.size)?;
        message.write_in_place(&reserved.region());
        reserved.send();
        Ok(())
    }
}

impl<M: Memory> Reads for Receiver<M> {
    fn read(&mut self) -> Result<Reading> {
        let received = self.receive()?;
        Ok(Reading::in_place(&received.region()))
    }
}
