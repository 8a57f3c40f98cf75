//! What libraries offer to threads: channels that move messages. Inline data
//! is copied, and heap data only changes its owner.
//!
//! It has no twin: such a channel hands over the address of heap data, and an
//! address means nothing in another process.

use std::sync::mpsc;

use anyhow::{Result, bail};
use common::{
    laps::Laps,
    scenarios::ipc::{
        EndReport, Mechanism, Parcel, Plan, Receives, Sends, far, near,
    },
};
use crossbeam::channel;
use thread_kit::Parent;

use crate::{condvar, spawn_and_join};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(EndReport, EndReport)> {
    match plan.words() {
        1 => open::<[u64; 1]>(plan, laps),
        8 => open::<[u64; 8]>(plan, laps),
        _ => open::<Vec<u64>>(plan, laps),
    }
}

/// Opens two channels of the plan's mechanism. Their room is counted in
/// messages.
fn open<P: Parcel>(
    plan: &Plan,
    laps: &mut Laps,
) -> Result<(EndReport, EndReport)> {
    let room = plan.room();
    match plan.mechanism {
        Mechanism::Bounded => {
            connect::<P, _, _>(plan, laps, || ends(channel::bounded(room)))
        }
        Mechanism::Unbounded => {
            connect::<P, _, _>(plan, laps, || ends(channel::unbounded()))
        }
        Mechanism::Rendezvous => {
            connect::<P, _, _>(plan, laps, || ends(channel::bounded(0)))
        }
        Mechanism::Mpsc => {
            connect::<P, _, _>(plan, laps, || ends(mpsc::sync_channel(room)))
        }
        Mechanism::Condvar => {
            connect::<P, _, _>(plan, laps, || condvar::bounded(room))
        }
        other => bail!("{other:?} is not a channel of threads"),
    }
}

fn connect<P: Parcel, S: Sends<P> + Send, R: Receives<P> + Send>(
    plan: &Plan,
    laps: &mut Laps,
    channel: impl Fn() -> (S, R),
) -> Result<(EndReport, EndReport)> {
    let (to_far, from_near) = channel();
    let (to_near, from_far) = channel();
    let far_end =
        move |parent: &Parent| worker(plan, from_near, to_near, parent);
    spawn_and_join(plan, far_end, laps, || near(plan, to_far, from_far))
}

fn worker<P: Parcel>(
    plan: &Plan,
    receiver: impl Receives<P>,
    sender: impl Sends<P>,
    parent: &Parent,
) -> Result<EndReport> {
    parent.gate.wait()?;
    far(plan, receiver, sender)
}

/// One end of a library's channel.
struct End<C>(C);

fn ends<S, R>((sender, receiver): (S, R)) -> (End<S>, End<R>) {
    (End(sender), End(receiver))
}

impl<P: Parcel> Sends<P> for End<channel::Sender<P>> {
    fn send(&mut self, parcel: &mut P) -> Result<()> {
        Ok(self.0.send(parcel.take())?)
    }
}

impl<P: Parcel> Receives<P> for End<channel::Receiver<P>> {
    fn receive(&mut self, parcel: &mut P) -> Result<()> {
        *parcel = self.0.recv()?;
        Ok(())
    }
}

impl<P: Parcel> Sends<P> for End<mpsc::SyncSender<P>> {
    fn send(&mut self, parcel: &mut P) -> Result<()> {
        Ok(self.0.send(parcel.take())?)
    }
}

impl<P: Parcel> Receives<P> for End<mpsc::Receiver<P>> {
    fn receive(&mut self, parcel: &mut P) -> Result<()> {
        *parcel = self.0.recv()?;
        Ok(())
    }
}
