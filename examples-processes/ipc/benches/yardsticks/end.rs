//! What an end does, whatever the link.

use anyhow::{Context as _, Result};
use common::scenarios::ipc::{
    self, Message, Parcel, Plan, Reading, Receives, Sends, Transcript,
};
use process_kit::scope;

use crate::{
    copied,
    job::{FarEnd, Group, Job},
};

/// Starts the far end with what it is given, and plays the near end when both
/// are ready. The far end is reaped in any case.
pub fn spawn_and_join(
    job: &Job,
    far_end: FarEnd,
    near: impl FnOnce() -> Result<f64>,
) -> Result<f64> {
    scope(|scope| {
        let handle = scope.spawn::<_, ()>(&(job, &far_end))?;
        // A copy kept open here would hide the far end's death.
        drop(far_end);
        scope.wait_for_all()?;
        scope.open_gate();
        let seconds = near()?;
        handle.join()?;
        Ok(seconds)
    })
}

/// The near end: seconds per round trip, or per message of a stream.
pub fn near<P: Parcel>(
    job: &Job,
    sender: &mut impl Sends<P>,
    receiver: &mut impl Receives<P>,
) -> Result<f64> {
    let (plan, warm_up) = (&job.plan, &job.warm_up());
    ipc::near(warm_up, Again(sender), Again(receiver))?;
    if job.row.group == Group::StreamCopied {
        return copied::pour(plan, sender, receiver);
    }
    let report = ipc::near(plan, Again(sender), Again(receiver))?;
    let trip = report.trips.map(|trips| trips.p50);
    let stream = report.stream.map(|all| all / f64::from(plan.messages));
    trip.or(stream).context("the near end reported no time")
}

/// The far end.
pub fn far<P: Parcel>(
    job: &Job,
    receiver: &mut impl Receives<P>,
    sender: &mut impl Sends<P>,
) -> Result<()> {
    let (plan, warm_up) = (&job.plan, &job.warm_up());
    ipc::far(warm_up, Again(receiver), Again(sender))?;
    if job.row.group == Group::StreamCopied {
        return copied::drain(plan, receiver, sender);
    }
    ipc::far(plan, Again(receiver), Again(sender)).map(drop)
}

/// An end that is borrowed, because it is used again.
struct Again<'end, E>(&'end mut E);

impl<P: Parcel, E: Sends<P>> Sends<P> for Again<'_, E> {
    #[inline]
    fn send(&mut self, parcel: &mut P) -> Result<()> {
        self.0.send(parcel)
    }
}

impl<P: Parcel, E: Receives<P>> Receives<P> for Again<'_, E> {
    #[inline]
    fn receive(&mut self, parcel: &mut P) -> Result<()> {
        self.0.receive(parcel)
    }
}

/// Reports that a whole stream has arrived.
pub fn acknowledge<P: Parcel>(
    plan: &Plan,
    sender: &mut impl Sends<P>,
) -> Result<()> {
    let mut parcel = P::with_words(plan.words());
    Message::new(plan, 1).write(parcel.words_mut());
    sender.send(&mut parcel)
}

/// Waits until the other end reports that.
pub fn wait_until_acknowledged<P: Parcel>(
    plan: &Plan,
    receiver: &mut impl Receives<P>,
) -> Result<()> {
    let mut parcel = P::with_words(plan.words());
    receiver.receive(&mut parcel)?;
    Transcript::new().add(&Reading::of(parcel.words()))
}
