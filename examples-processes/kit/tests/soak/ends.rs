//! The transports, and one attempt to send or to receive at an end of each.

use std::{
    os::fd::{BorrowedFd, OwnedFd},
    time::Duration,
};

use anyhow::Result;
use common::ring::{self, Error, Manner, protocol::GRAIN, size};
use process_kit::{
    Lifeline, Parent, Shared,
    channel::{self, Corrupt, Receiver, RecvTimeoutError, SendError, Sender},
};
use rustix::event::{PollFd, PollFlags, poll};
use serde::{Deserialize, Serialize};

use crate::{
    message::{Message, bytes},
    play::Pace,
};

/// Of a ring, in bytes. It holds a few messages only, so that it is full as
/// often as empty.
const CAPACITY: usize = 16 << 10;

/// What a frame takes beside its message, at most.
const FRAME: usize = 16;

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Transport {
    Pipe,
    SocketPair,
    /// As `process_kit::channel` has it.
    Ring,
    /// As `common::ring` has it.
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

pub enum Sending {
    Typed(Sender<String>),
    Raw(ring::Sender<Shared>, Access),
}

pub enum Receiving {
    Typed(Receiver<String>),
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
            Transport::Pipe => 100_000,
            Transport::SocketPair => 300_000,
            Transport::Ring => CAPACITY - FRAME,
            Transport::RawRing(..) => CAPACITY,
        }
    }

    /// Whether it is memory, of which the kernel knows nothing.
    pub fn is_ring(self) -> bool {
        matches!(self, Transport::Ring | Transport::RawRing(..))
    }

    /// Whether who waits at it may sleep in a futex.
    pub fn parks(self) -> bool {
        let spins = matches!(self, Transport::RawRing(Manner::Spin, _));
        self.is_ring() && !spins
    }

    /// Our end, and the other, to be lent to a worker.
    pub fn ends(self, we_send: bool) -> Result<(End, Vec<OwnedFd>)> {
        let (sender, receiver) = match self {
            Transport::Pipe => channel::pipe()?,
            Transport::SocketPair => channel::socket_pair()?,
            Transport::Ring => channel::ring(CAPACITY)?,
            Transport::RawRing(manner, access) => {
                return raw_ends(we_send, manner, access);
            }
        };
        let lent = match we_send {
            true => owned(receiver.descriptors())?,
            false => owned(sender.descriptors())?,
        };
        let end = match we_send {
            true => End::Sends(Sending::Typed(sender)),
            false => End::Receives(Receiving::Typed(receiver)),
        };
        Ok((end, lent))
    }

    /// A worker's end.
    pub fn take(self, sends: bool, parent: &mut Parent) -> Result<End> {
        Ok(match self {
            Transport::RawRing(manner, access) => {
                let memory = parent.take_descriptor()?;
                let memory = Shared::open(memory, size(CAPACITY))?;
                let lifeline = Lifeline::from(parent.take_descriptor()?);
                let waiting = lifeline.waiting(manner);
                End::raw(sends, memory, waiting, access)?
            }
            _ if sends => End::Sends(Sending::Typed(Sender::take(parent)?)),
            _ => End::Receives(Receiving::Typed(Receiver::take(parent)?)),
        })
    }
}

fn raw_ends(
    we_send: bool,
    manner: Manner,
    access: Access,
) -> Result<(End, Vec<OwnedFd>)> {
    let memory = Shared::new(size(CAPACITY))?;
    let (ours, theirs) = Lifeline::pair()?;
    let lent = vec![memory.lend()?, theirs];
    Ok((End::raw(we_send, memory, ours.waiting(manner), access)?, lent))
}

fn owned(descriptors: Vec<BorrowedFd<'_>>) -> Result<Vec<OwnedFd>> {
    let copies = descriptors.iter().map(BorrowedFd::try_clone_to_owned);
    Ok(copies.collect::<Result<_, _>>()?)
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
    /// Sends a message. A typed sender has all the time that it wants.
    pub fn send(
        &mut self,
        message: &Message,
        patience: Duration,
        pace: &mut Pace,
    ) -> Attempt<()> {
        match self {
            Sending::Typed(sender) => match sender.send(&message.text()) {
                Ok(()) => Ok(Some(Step::Done(()))),
                Err(SendError::Disconnected) => gone(false),
                Err(error) => Err(error.into()),
            },
            Sending::Raw(ring, access) => {
                ring.set_timeout(Some(patience));
                attempt(send_raw(ring, *access, message, pace))
            }
        }
    }

    /// Whether a typed sender would have to wait. The kernel says so. Of a
    /// ring it is certain if even the shortest messages that can be in it
    /// would not leave enough room.
    pub fn is_full(&self, message: &Message, outstanding: u64) -> bool {
        let Sending::Typed(sender) = self else { return false };
        if let Some(end) = sender.descriptors().first() {
            let mut ends = [PollFd::new(end, PollFlags::OUT)];
            return poll(&mut ends, Some(&Default::default())) == Ok(0);
        }
        let taken = outstanding as usize * GRAIN as usize;
        taken + message.length > CAPACITY
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
            Receiving::Typed(receiver) => {
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
