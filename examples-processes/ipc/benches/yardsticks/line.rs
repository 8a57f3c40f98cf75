//! The bare limit of a round trip: the message stands in the line that says
//! that it is there. Where both ends sleep, that line is a bare futex.

use anyhow::Result;
use common::ring::line::{Receiver, SIZE, Sender};
use process_kit::{Lifeline, Parent, Shared};

use crate::{
    end::{far, near, spawn_and_join},
    job::Job,
};

/// The near end.
pub fn run(job: &Job) -> Result<f64> {
    let manner = job.plan.waiting.manner();
    let (there, back) = (Shared::new(SIZE)?, Shared::new(SIZE)?);
    let (lifeline, theirs) = Lifeline::pair()?;
    let lent = vec![there.lend()?, back.lend()?, theirs];
    let mut sender = Sender::new(there, manner)?;
    let mut receiver = Receiver::new(back, lifeline.waiting(manner))?;
    spawn_and_join(job, lent, || near(job, &mut sender, &mut receiver))
}

/// The far end.
pub fn worker(job: &Job, parent: &mut Parent) -> Result<()> {
    let manner = job.plan.waiting.manner();
    let there = Shared::open(parent.take_descriptor()?, SIZE)?;
    let back = Shared::open(parent.take_descriptor()?, SIZE)?;
    let lifeline = Lifeline::from(parent.take_descriptor()?);
    let mut receiver = Receiver::new(there, lifeline.waiting(manner))?;
    let mut sender = Sender::new(back, manner)?;
    parent.gate.wait()?;
    far(job, &mut receiver, &mut sender)
}
