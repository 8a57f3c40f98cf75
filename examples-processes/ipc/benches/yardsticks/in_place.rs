//! A stream of messages that are written where they will be read.
//!
//! The work is the same for every link: each word is computed and written, and
//! each is read and summed.

use std::time::Instant;

use anyhow::Result;
use common::scenarios::ipc::{
    Message, Plan, Reading, Receives, Sends, Transcript,
};

use crate::{
    end::{acknowledge, wait_until_acknowledged},
    job::Job,
};

/// An end that lends room for a message.
pub trait Writes {
    /// Writes a message and sends it.
    fn write(&mut self, plan: &Plan, message: &Message) -> Result<()>;
}

/// An end that lends a message.
pub trait Reads {
    /// Reads the next message, and returns its room.
    fn read(&mut self) -> Result<Reading>;
}

/// The near end: seconds per message.
pub fn near(
    job: &Job,
    sender: &mut impl Writes,
    receiver: &mut impl Receives<Vec<u64>>,
) -> Result<f64> {
    pour(&job.warm_up(), sender, receiver)?;
    pour(&job.plan, sender, receiver)
}

/// The far end.
pub fn far(
    job: &Job,
    receiver: &mut impl Reads,
    sender: &mut impl Sends<Vec<u64>>,
) -> Result<()> {
    drain(&job.warm_up(), receiver, sender)?;
    drain(&job.plan, receiver, sender)
}

fn pour(
    plan: &Plan,
    sender: &mut impl Writes,
    receiver: &mut impl Receives<Vec<u64>>,
) -> Result<f64> {
    let start = Instant::now();
    for sequence in 1..=plan.messages {
        sender.write(plan, &Message::new(plan, sequence))?;
    }
    wait_until_acknowledged(plan, receiver)?;
    Ok(start.elapsed().as_secs_f64() / f64::from(plan.messages))
}

fn drain(
    plan: &Plan,
    receiver: &mut impl Reads,
    sender: &mut impl Sends<Vec<u64>>,
) -> Result<()> {
    let mut transcript = Transcript::new();
    for _ in 0..plan.messages {
        transcript.add(&receiver.read()?)?;
    }
    acknowledge(plan, sender)
}
