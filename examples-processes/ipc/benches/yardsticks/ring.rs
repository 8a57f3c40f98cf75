//! Ours: messages are copied in and out, or written and read in place.

use anyhow::Result;
use common::{
    ring::{Receiver, Sender, memory::Memory, size},
    scenarios::ipc::{Message, Plan, Reading},
};
use process_kit::{Lifeline, Parent, Shared};

use crate::{
    end::{far, near, spawn_and_join},
    in_place::{self, Reads, Writes},
    job::{Group, Job},
};

/// The near end.
pub fn run(job: &Job) -> Result<f64> {
    let size = size(job.plan.capacity());
    let manner = job.plan.waiting.manner();
    let (there, back) = (Shared::new(size)?, Shared::new(size)?);
    let (lifeline, theirs) = Lifeline::pair()?;
    let lent = vec![there.lend()?, back.lend()?, theirs];
    let mut sender = Sender::new(there, lifeline.waiting(manner))?;
    let mut receiver = Receiver::new(back, lifeline.waiting(manner))?;
    spawn_and_join(job, lent, || match job.row.group {
        Group::StreamInPlace => in_place::near(job, &mut sender, &mut receiver),
        _ => near(job, &mut sender, &mut receiver),
    })
}

/// The far end.
pub fn worker(job: &Job, parent: &mut Parent) -> Result<()> {
    let size = size(job.plan.capacity());
    let manner = job.plan.waiting.manner();
    let there = Shared::open(parent.take_descriptor()?, size)?;
    let back = Shared::open(parent.take_descriptor()?, size)?;
    let lifeline = Lifeline::from(parent.take_descriptor()?);
    let mut receiver = Receiver::new(there, lifeline.waiting(manner))?;
    let mut sender = Sender::new(back, lifeline.waiting(manner))?;
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
