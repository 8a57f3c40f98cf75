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

/// The capacity of a ring, in bytes. It has room for only a few messages, so
/// that it is full as often as empty.
const CAPACITY: usize = 16 << 10;

/// The sender of an outbox slows down at this many messages in transit. This is
/// more than a pipe holds, so some are queued.
const MANY: u64 = 30;

/// The time between two messages then.
const A_WHILE: Duration = Duration::from_millis(1);

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Transport {
    Pipe,
    /// It stays in the process that created it: ours.
    Outbox,
    RawRing(Manner, Access),
}

/// How a message gets into and out of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Access {
    Copied,
    InPlace,
}

/// One end of a channel.
pub enum End {
    Sends(Sending),
    Receives(Receiving),
}

/// An end that can still be sent to a worker.
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

/// The result of an attempt; `None` if the time was up.
pub type Attempt<T> = Result<Option<Step<T>>>;

pub enum Step<T> {
    Done(T),
    /// The other end is gone, and may have left part of a message.
    Gone {
        is_cut: bool,
    },
}

impl Transport {
    /// The longest message, in bytes. A message that the kernel carries may be
    /// longer than its buffer, so a kill cuts some off.
    pub fn longest(self) -> usize {
        match self {
            Transport::Pipe | Transport::Outbox => 100_000,
            Transport::RawRing(..) => CAPACITY,
        }
    }

    /// Whether a waiting end may sleep in a futex.
    pub fn parks(self) -> bool {
        match self {
            Transport::Pipe | Transport::Outbox => false,
            Transport::RawRing(manner, _) => manner != Manner::Spin,
        }
    }

    /// Whether an end waits for the other in this system call.
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
                if we_send {
                    (sender.into_end(true)?, receiver)
                } else {
                    (receiver.into_end(false)?, sender)
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
    /// Turns it into an end in use.
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
        Ok(if sends {
            let ring = ring::Sender::new(memory, waiting)?;
            End::Sends(Sending::Raw(ring, access))
        } else {
            let ring = ring::Receiver::new(memory, waiting)?;
            End::Receives(Receiving::Raw(ring, access))
        })
    }
}

impl Sending {
    /// Sends a message. On a pipe, `patience` is ignored.
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
                    // Only briefly: just a send or a flush notices that the
                    // receiver is gone.
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

/// In place, this sometimes pauses with a half-written message, which the other
/// end must not touch.
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

/// The same in the other direction.
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
