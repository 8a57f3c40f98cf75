//! The transports, and one attempt to send or to receive at an end of each.

use std::{thread, time::Duration};

use anyhow::Result;
use common::ring::{self, Error, Manner, size};
use process_kit::{
    Lifeline, Shared,
    channel::{
        self, Corrupt, Outbox, Receiver, RecvTimeoutError, SendError, Sender,
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    message::{Message, bytes},
    meter::Meter,
    play::Pace,
};

/// Of a ring, in bytes. It holds a few messages only, so that it is full as
/// often as empty.
const CAPACITY: usize = 16 << 10;

/// Who fills an outbox slows down at so many messages that are under way.
/// They are more than a pipe holds: so some are kept.
const MANY: u64 = 30;

/// Between two of them then.
const A_WHILE: Duration = Duration::from_millis(1);

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Transport {
    Pipe,
    /// It stays where it was made: with us.
    Outbox,
    RawRing(Manner, Access),
}

/// How a message gets into a ring, and out of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Access {
    Copied,
    InPlace,
}

/// One end.
pub enum End {
    Sends(Sending),
    Receives(Receiving),
}

/// One that can still cross.
#[derive(Serialize, Deserialize)]
pub enum Unused {
    Sends(Sender<String>),
    Receives(Receiver<String>),
    Raw(Shared, Lifeline, Manner, Access),
}

pub enum Sending {
    Pipe(Sender<String>),
    Outbox(Outbox<String>),
    Raw(ring::Sender<Shared>, Access),
}

pub enum Receiving {
    Pipe(Receiver<String>),
    Raw(ring::Receiver<Shared>, Access),
}

/// What came of an attempt. Nothing at all, if the time was up.
pub type Attempt<T> = Result<Option<Step<T>>>;

pub enum Step<T> {
    Done(T),
    /// The other end is gone, and may have left a message in part.
    Gone {
        is_cut: bool,
    },
}

impl Transport {
    /// Of a message, in bytes. What the kernel carries may be longer than
    /// what it has room for: so a kill cuts some.
    pub fn longest(self) -> usize {
        match self {
            Transport::Pipe | Transport::Outbox => 100_000,
            Transport::RawRing(..) => CAPACITY,
        }
    }

    /// Whether who waits at it may sleep in a futex.
    pub fn parks(self) -> bool {
        match self {
            Transport::Pipe | Transport::Outbox => false,
            Transport::RawRing(manner, _) => manner != Manner::Spin,
        }
    }

    /// Whether an end waits for the other in this call of the kernel.
    pub fn waits_in(self, call: i64) -> bool {
        match self {
            Transport::RawRing(..) => call == libc::SYS_futex,
            Transport::Pipe | Transport::Outbox => {
                [libc::SYS_ppoll, libc::SYS_read, libc::SYS_write]
                    .contains(&call)
            }
        }
    }

    /// Our end, and the worker's.
    pub fn ends(self, we_send: bool) -> Result<(End, Unused)> {
        Ok(match self {
            Transport::Pipe => {
                let (sender, receiver) = channel::pipe()?;
                let sender = Unused::Sends(sender);
                let receiver = Unused::Receives(receiver);
                match we_send {
                    true => (sender.into_end(true)?, receiver),
                    false => (receiver.into_end(false)?, sender),
                }
            }
            Transport::Outbox => {
                let (outbox, receiver) = channel::outbox()?;
                let end = End::Sends(Sending::Outbox(outbox));
                (end, Unused::Receives(receiver))
            }
            Transport::RawRing(manner, access) => {
                let memory = Shared::new(size(CAPACITY))?;
                let (ours, theirs) = Lifeline::pair()?;
                let end =
                    |line| Unused::Raw(memory.clone(), line, manner, access);
                (end(ours).into_end(we_send)?, end(theirs.into()))
            }
        })
    }
}

impl Unused {
    /// What the one at it makes of it.
    pub fn into_end(self, sends: bool) -> Result<End> {
        Ok(match self {
            Unused::Sends(sender) => End::Sends(Sending::Pipe(sender)),
            Unused::Receives(receiver) => {
                End::Receives(Receiving::Pipe(receiver))
            }
            Unused::Raw(memory, lifeline, manner, access) => {
                End::raw(sends, memory, lifeline.waiting(manner), access)?
            }
        })
    }
}

impl End {
    fn raw(
        sends: bool,
        memory: Shared,
        waiting: ring::Waiting,
        access: Access,
    ) -> Result<Self, Error> {
        Ok(match sends {
            true => {
                let ring = ring::Sender::new(memory, waiting)?;
                End::Sends(Sending::Raw(ring, access))
            }
            false => {
                let ring = ring::Receiver::new(memory, waiting)?;
                End::Receives(Receiving::Raw(ring, access))
            }
        })
    }
}

impl Sending {
    /// Sends a message. Who sends by a pipe has all the time that it wants.
    pub fn send(
        &mut self,
        message: &Message,
        meter: &Meter,
        patience: Duration,
        pace: &mut Pace,
    ) -> Attempt<()> {
        match self {
            Sending::Pipe(sender) => sent(sender.send(&message.text())),
            Sending::Outbox(outbox) => {
                if meter.outstanding() >= MANY {
                    if patience.is_zero() {
                        return Ok(None);
                    }
                    // Not for long: nobody but who sends is told of the end.
                    thread::sleep(A_WHILE);
                }
                let flushed = outbox.flush();
                sent(flushed.and_then(|()| outbox.send(&message.text())))
            }
            Sending::Raw(ring, access) => {
                ring.set_timeout(Some(patience));
                attempt(send_raw(ring, *access, message, pace))
            }
        }
    }
}

impl Receiving {
    /// Receives a message.
    pub fn receive(
        &mut self,
        patience: Duration,
        pace: &mut Pace,
    ) -> Attempt<Vec<u8>> {
        match self {
            Receiving::Pipe(receiver) => {
                match receiver.recv_timeout(patience) {
                    Ok(text) => Ok(Some(Step::Done(text.into_bytes()))),
                    Err(RecvTimeoutError::Timeout) => Ok(None),
                    Err(RecvTimeoutError::Disconnected) => gone(false),
                    Err(RecvTimeoutError::Corrupt(Corrupt::Cut { .. })) => {
                        gone(true)
                    }
                    Err(error) => Err(error.into()),
                }
            }
            Receiving::Raw(ring, access) => {
                ring.set_timeout(Some(patience));
                attempt(receive_raw(ring, *access, pace))
            }
        }
    }
}

fn sent(sent: Result<(), SendError>) -> Attempt<()> {
    match sent {
        Ok(()) => Ok(Some(Step::Done(()))),
        Err(SendError::Disconnected) => gone(false),
        Err(error) => Err(error.into()),
    }
}

fn gone<T>(is_cut: bool) -> Attempt<T> {
    Ok(Some(Step::Gone { is_cut }))
}

fn attempt<T>(done: Result<T, Error>) -> Attempt<T> {
    match done {
        Ok(value) => Ok(Some(Step::Done(value))),
        Err(Error::Timeout { .. }) => Ok(None),
        Err(Error::Gone(_)) => gone(false),
        Err(error) => Err(error.into()),
    }
}

/// In place a message is held at times, half done: nobody may touch it then.
fn send_raw(
    ring: &mut ring::Sender<Shared>,
    access: Access,
    message: &Message,
    pace: &mut Pace,
) -> Result<(), Error> {
    if access == Access::Copied {
        return ring.send(&message.bytes());
    }
    let reserved = ring.reserve(message.length)?;
    for at in 0..message.words() {
        if at == message.words() / 2 {
            pace.keep();
        }
        reserved.region().store_word(at, message.word(at));
    }
    reserved.send();
    Ok(())
}

/// The same the other way round.
fn receive_raw(
    ring: &mut ring::Receiver<Shared>,
    access: Access,
    pace: &mut Pace,
) -> Result<Vec<u8>, Error> {
    if access == Access::Copied {
        let mut room = vec![0; CAPACITY];
        let length = ring.receive_into(&mut room)?;
        room.truncate(length);
        return Ok(room);
    }
    let received = ring.receive()?;
    let region = received.region();
    pace.keep();
    Ok(bytes(region.len(), |at| region.load_word(at)))
}
