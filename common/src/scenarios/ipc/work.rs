//! What the two ends do, whatever the mechanism.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Message, Parcel, Plan, Reading, Task, Transcript};
use crate::{
    latency::{Latencies, Quantiles},
    resources::Thread,
    ring::{self, line, memory::Memory},
};

/// An end that sends.
pub trait Sends<P: Parcel> {
    /// Sends a parcel. It may be empty afterwards, if it was moved.
    ///
    /// # Errors
    ///
    /// Fails if the other end is gone.
    fn send(&mut self, parcel: &mut P) -> Result<()>;
}

/// An end that receives.
pub trait Receives<P: Parcel> {
    /// Receives the next parcel into the given one.
    ///
    /// # Errors
    ///
    /// Fails if the other end is gone, or sends something that is not a parcel.
    fn receive(&mut self, parcel: &mut P) -> Result<()>;
}

/// The report of one end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EndReport {
    /// The digest of the messages it received.
    pub digest: u64,
    /// Resources used.
    pub used: Thread,
    /// How long round trips took, if it started them.
    pub trips: Option<Quantiles>,
    /// Seconds from the first message until all were acknowledged, if it sent a
    /// stream.
    pub stream: Option<f64>,
}

impl EndReport {
    fn new(transcript: &Transcript, before: Thread) -> Self {
        EndReport {
            digest: transcript.digest(),
            used: Thread::so_far() - before,
            trips: None,
            stream: None,
        }
    }
}

/// The near end: asks, or sends a stream.
///
/// # Errors
///
/// Fails if the far end is gone, or a message is lost, doubled or torn.
pub fn near<P: Parcel>(
    plan: &Plan,
    mut sender: impl Sends<P>,
    mut receiver: impl Receives<P>,
) -> Result<EndReport> {
    match plan.task {
        Task::RoundTrip => ask(plan, &mut sender, &mut receiver),
        Task::Stream => pour(plan, &mut sender, &mut receiver),
    }
}

/// The far end: answers, or receives a stream.
///
/// # Errors
///
/// Fails if the near end is gone, or a message is lost, doubled or torn.
pub fn far<P: Parcel>(
    plan: &Plan,
    mut receiver: impl Receives<P>,
    mut sender: impl Sends<P>,
) -> Result<EndReport> {
    match plan.task {
        Task::RoundTrip => answer(plan, &mut receiver, &mut sender),
        Task::Stream => drain(plan, &mut receiver, &mut sender),
    }
}

/// Sends each message after the previous one was answered. The clock runs from
/// the send until the answer arrives; whether it is whole is checked after
/// that.
fn ask<P: Parcel>(
    plan: &Plan,
    sender: &mut impl Sends<P>,
    receiver: &mut impl Receives<P>,
) -> Result<EndReport> {
    let (mut outgoing, mut incoming) = parcels::<P>(plan);
    let (mut transcript, mut trips) = (Transcript::new(), Latencies::new());
    let before = Thread::so_far();
    for sequence in 1..=plan.messages {
        Message::new(plan, sequence).write_ends(outgoing.words_mut());
        let start = Instant::now();
        sender.send(&mut outgoing)?;
        receiver.receive(&mut incoming)?;
        trips.record(start.elapsed());
        transcript.add(&Reading::of(incoming.words()))?;
        reuse(&mut outgoing, &mut incoming);
    }
    let trips = Some(trips.quantiles());
    Ok(EndReport { trips, ..EndReport::new(&transcript, before) })
}

/// Answers each message, and then checks that it is whole.
fn answer<P: Parcel>(
    plan: &Plan,
    receiver: &mut impl Receives<P>,
    sender: &mut impl Sends<P>,
) -> Result<EndReport> {
    let (mut outgoing, mut incoming) = parcels::<P>(plan);
    let mut transcript = Transcript::new();
    let before = Thread::so_far();
    for sequence in 1..=plan.messages {
        Message::new(plan, sequence).write_ends(outgoing.words_mut());
        receiver.receive(&mut incoming)?;
        sender.send(&mut outgoing)?;
        transcript.add(&Reading::of(incoming.words()))?;
        reuse(&mut outgoing, &mut incoming);
    }
    Ok(EndReport::new(&transcript, before))
}

/// A filled parcel to send, and one to receive into.
fn parcels<P: Parcel>(plan: &Plan) -> (P, P) {
    let words = plan.words();
    let (mut outgoing, incoming) = (P::with_words(words), P::with_words(words));
    Message::new(plan, 1).write(outgoing.words_mut());
    (outgoing, incoming)
}

/// Replaces a parcel that was moved away with the one that came: all have the
/// same contents.
fn reuse<P: Parcel>(outgoing: &mut P, incoming: &mut P) {
    if outgoing.words().is_empty() {
        *outgoing = incoming.take();
    }
}

/// Writes and sends messages as fast as they are received, and waits until all
/// of them are acknowledged.
fn pour<P: Parcel>(
    plan: &Plan,
    sender: &mut impl Sends<P>,
    receiver: &mut impl Receives<P>,
) -> Result<EndReport> {
    let mut parcel = P::with_words(plan.words());
    let (before, start) = (Thread::so_far(), Instant::now());
    for sequence in 1..=plan.messages {
        if parcel.words().is_empty() {
            parcel = P::with_words(plan.words());
        }
        Message::new(plan, sequence).write(parcel.words_mut());
        sender.send(&mut parcel)?;
    }
    acknowledged(plan, receiver, before, start)
}

/// Reads each message completely, and acknowledges all of them at the end.
fn drain<P: Parcel>(
    plan: &Plan,
    receiver: &mut impl Receives<P>,
    sender: &mut impl Sends<P>,
) -> Result<EndReport> {
    let mut parcel = P::with_words(plan.words());
    let mut transcript = Transcript::new();
    let before = Thread::so_far();
    for _ in 0..plan.messages {
        receiver.receive(&mut parcel)?;
        transcript.add(&Reading::of(parcel.words()))?;
    }
    acknowledge(plan, sender)?;
    Ok(EndReport::new(&transcript, before))
}

/// [`near`], with messages written where they will be read.
///
/// # Errors
///
/// As for [`near`].
pub fn pour_in_place<M: Memory>(
    plan: &Plan,
    mut sender: ring::Sender<M>,
    mut receiver: impl Receives<Vec<u64>>,
) -> Result<EndReport> {
    let (before, start) = (Thread::so_far(), Instant::now());
    for sequence in 1..=plan.messages {
        let message = Message::new(plan, sequence);
        let reserved = sender.reserve(plan.size)?;
        message.write_in_place(&reserved.region());
        reserved.send();
    }
    acknowledged(plan, &mut receiver, before, start)
}

/// [`far`], with messages read where they were written.
///
/// # Errors
///
/// As for [`far`].
pub fn drain_in_place<M: Memory>(
    plan: &Plan,
    mut receiver: ring::Receiver<M>,
    mut sender: impl Sends<Vec<u64>>,
) -> Result<EndReport> {
    let mut transcript = Transcript::new();
    let before = Thread::so_far();
    for _ in 0..plan.messages {
        let received = receiver.receive()?;
        whole(received.region().len(), plan.size)?;
        let reading = Reading::in_place(&received.region());
        drop(received);
        transcript.add(&reading)?;
    }
    acknowledge(plan, &mut sender)?;
    Ok(EndReport::new(&transcript, before))
}

/// Sends the message that acknowledges a whole stream.
fn acknowledge<P: Parcel>(
    plan: &Plan,
    sender: &mut impl Sends<P>,
) -> Result<()> {
    let mut parcel = P::with_words(plan.words());
    Message::new(plan, 1).write(parcel.words_mut());
    sender.send(&mut parcel)
}

/// Waits for that message, then stops the clock.
fn acknowledged<P: Parcel>(
    plan: &Plan,
    receiver: &mut impl Receives<P>,
    before: Thread,
    start: Instant,
) -> Result<EndReport> {
    let mut parcel = P::with_words(plan.words());
    receiver.receive(&mut parcel)?;
    let stream = Some(start.elapsed().as_secs_f64());
    let mut transcript = Transcript::new();
    transcript.add(&Reading::of(parcel.words()))?;
    Ok(EndReport { stream, ..EndReport::new(&transcript, before) })
}

impl<M: Memory> Sends<Vec<u64>> for ring::Sender<M> {
    #[inline]
    fn send(&mut self, parcel: &mut Vec<u64>) -> Result<()> {
        Ok(ring::Sender::send(self, bytemuck::cast_slice(parcel))?)
    }
}

impl<M: Memory> Receives<Vec<u64>> for ring::Receiver<M> {
    #[inline]
    fn receive(&mut self, parcel: &mut Vec<u64>) -> Result<()> {
        let received = self.receive_into(bytemuck::cast_slice_mut(parcel))?;
        whole(received, size_of_val(&parcel[..]))
    }
}

impl<M: Memory> Sends<Vec<u64>> for line::Sender<M> {
    #[inline]
    fn send(&mut self, parcel: &mut Vec<u64>) -> Result<()> {
        line::Sender::send(self, parcel);
        Ok(())
    }
}

impl<M: Memory> Receives<Vec<u64>> for line::Receiver<M> {
    #[inline]
    fn receive(&mut self, parcel: &mut Vec<u64>) -> Result<()> {
        Ok(line::Receiver::receive(self, parcel)?)
    }
}

/// Checks a length before a message is built from what came: another process
/// may have sent any number of bytes.
///
/// # Errors
///
/// Fails if more or fewer bytes came than expected.
#[inline]
pub fn whole(received: usize, expected: usize) -> Result<()> {
    ensure!(
        received == expected,
        "got a message of {received} bytes, expected {expected}"
    );
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::{
        super::{Mechanism, Waiting},
        *,
    };
    use crate::placement::Cores;

    /// A hostile sender chooses the length: no length may cause a panic.
    #[test]
    fn a_message_of_another_length_is_an_error() {
        let plan = Plan {
            task: Task::Stream,
            size: 64,
            mechanism: Mechanism::RingInPlace,
            waiting: Waiting::Spin,
            cores: Cores::default(),
            messages: 1,
            seed: 1,
        };
        let ends = || {
            let manner = plan.waiting.manner();
            ring::on_heap(plan.capacity(), manner).unwrap()
        };
        for length in [0, 1, 8, 63, 65, 72, 4096] {
            let ((mut near, receiver), (sender, _)) = (ends(), ends());
            near.send(&vec![0; length]).unwrap();
            let error = drain_in_place(&plan, receiver, sender).unwrap_err();
            let words = format!("got a message of {length} bytes");
            assert!(error.to_string().contains(&words), "{error}");
        }
    }
}
