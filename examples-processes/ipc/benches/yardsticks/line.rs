//! The bare minimum of a round trip: the message is in the cache line that
//! announces it. If both ends sleep, that line is a bare futex.

use anyhow::Result;
use common::ring::line::{Receiver, SIZE, Sender};
use process_kit::Parent;

use crate::{
    duplex::Duplex,
    end::{far, near, spawn_and_join},
    job::{FarEnd, Job},
};

/// The near end.
pub fn run(job: &Job) -> Result<f64> {
    let manner = job.plan.waiting.manner();
    let (ours, theirs) = Duplex::pair(SIZE)?;
    let mut sender = Sender::new(ours.there.clone(), manner)?;
    let mut receiver = Receiver::new(ours.back.clone(), ours.waiting(manner))?;
    spawn_and_join(job, FarEnd::Line(theirs), || {
        near(job, &mut sender, &mut receiver)
    })
}

/// The far end.
pub fn worker(job: &Job, ours: &Duplex, parent: &Parent) -> Result<()> {
    let manner = job.plan.waiting.manner();
    let mut receiver = Receiver::new(ours.there.clone(), ours.waiting(manner))?;
    let mut sender = Sender::new(ours.back.clone(), manner)?;
    parent.gate.wait()?;
    far(job, &mut receiver, &mut sender)
}
