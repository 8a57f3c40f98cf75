//! A bounded byte ring, from one sender to one receiver, in memory that two
//! threads or two processes share.
//!
//! A message is a record: its bytes are in the ring, starting on a cache line,
//! and its length is in a table next to the ring. A record is never split: if
//! it does not fit before the ring's end, the rest of the ring is skipped. So a
//! message can be copied in and out ([`Sender::send`],
//! [`Receiver::receive_into`]), or reserved, filled and read in place
//! ([`Sender::reserve`], [`Receiver::receive`]).
//!
//! | module | contents |
//! |---|---|
//! | [`protocol`] | positions, sleep and wake: the part that loom checks |
//! | [`memory`] | the bytes, and how they are accessed |
//! | [`mod@line`] | the lower bound, for comparison |
//! | `loom_tests` | every interleaving of the protocol |
//! | this | records: lengths, and their validation |
//!
//! # Guarantees for each end
//!
//! Whatever the other process writes, the worst result is an [`Error`] that
//! ends the ring: each position and length is read once and checked before use,
//! neither determines an allocation, and every wait ends if the other end is
//! dropped, if it dies (given a lifeline, see [`Waiting`]), or at a timeout.
//!
//! The rejected alternative is a ring of fixed slots. It is simpler, but it
//! must know the longest message, and has room for few of them.

pub mod line;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod loom_tests;
pub mod memory;
pub mod protocol;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{self, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use memory::{Heap, Laid, Memory, Region};
use protocol::{End, GRAIN, TAGS};

pub use memory::size;

/// In place of a length: the rest of the ring is skipped.
const SKIP: u32 = u32::MAX;

/// The sender publishes the length of a short message along with its position,
/// in units of this many bytes. If it is the only message in the ring, reading
/// it then takes two cache lines, its own and the position's, instead of three.
const SHORT: u32 = 8;

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Puts messages in.
    Sender = 0,
    /// Takes messages out.
    Receiver = 1,
}

impl Side {
    /// The opposite side.
    pub fn other(self) -> Self {
        match self {
            Side::Sender => Side::Receiver,
            Side::Receiver => Side::Sender,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Side::Sender => "sender",
            Side::Receiver => "receiver",
        })
    }
}

/// What to do while a ring is empty or full. Both ends of a ring must use the
/// same: an end that only spins never checks whether the other end sleeps.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Manner {
    /// Spin. This takes a whole core per end: if they share one, each message
    /// waits until the other end yields it.
    Spin,
    /// Spin for as long as has recently paid off, then sleep.
    SpinThenPark,
    /// Sleep at once.
    Block,
}

/// How an end waits for the other, and when it gives up.
pub struct Waiting {
    /// What an end does while it waits.
    pub manner: Manner,
    /// When an end gives up. None means never.
    pub timeout: Option<Duration>,
    lifeline: Option<Box<dyn Fn() -> bool + Send>>,
}

impl Waiting {
    /// Waits forever, for an end in this process.
    pub fn new(manner: Manner) -> Self {
        Waiting { manner, timeout: None, lifeline: None }
    }

    /// Gives up when the other end's process is dead. Calls `is_alive` about
    /// 50 times per second of waiting.
    pub fn with_lifeline(
        self,
        is_alive: impl Fn() -> bool + Send + 'static,
    ) -> Self {
        Waiting { lifeline: Some(Box::new(is_alive)), ..self }
    }

    /// Gives up after this time.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Waiting { timeout: Some(timeout), ..self }
    }

    /// When a wait that starts now times out. A timeout beyond the range of
    /// the clock counts as none.
    pub fn deadline(&self) -> Option<Instant> {
        Instant::now().checked_add(self.timeout?)
    }

    /// Whether a lifeline reports the other end dead.
    pub fn is_other_dead(&self) -> bool {
        self.lifeline.as_ref().is_some_and(|is_alive| !is_alive())
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Waiting")
            .field("manner", &self.manner)
            .field("timeout", &self.timeout)
            .field("lifeline", &self.lifeline.is_some())
            .finish()
    }
}

/// Why a ring operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The other end was dropped, or its process died. If it was the sender,
    /// all of its messages have been received.
    Gone(Side),
    /// The other end is alive, but did not act within the timeout.
    Timeout {
        /// The side that was waited for.
        side: Side,
        /// The timeout.
        timeout: Duration,
    },
    /// The message is too long for this ring or buffer.
    TooLong {
        /// The message's bytes.
        length: usize,
        /// The maximum.
        longest: usize,
    },
    /// The other end published an impossible position.
    Position {
        /// The side that published it.
        side: Side,
        /// The position.
        seen: u32,
    },
    /// A record claims to be longer than what was sent, or than the ring.
    Record {
        /// The length that it claims.
        length: u32,
        /// The most bytes that it can have.
        longest: usize,
    },
    /// The memory has a wrong size or alignment for a ring.
    Memory {
        /// The size.
        bytes: usize,
    },
    /// Out of memory.
    Scarce {
        /// The bytes requested.
        bytes: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Gone(side) => write!(
                formatter,
                "the ring is {}, and its {side} is gone",
                state(*side)
            ),
            Error::Timeout { side, timeout } => write!(
                formatter,
                "the ring is still {} after {timeout:?}, though its {side} is \
                 alive",
                state(*side)
            ),
            Error::TooLong { length, longest } => write!(
                formatter,
                "a message of {length} bytes is too long: at most {longest} \
                 fit"
            ),
            Error::Position { side, seen } => write!(
                formatter,
                "the {side} cannot be at position {seen}: the ring is corrupt"
            ),
            Error::Record { length, longest } => write!(
                formatter,
                "a record claims {length} bytes, but can have at most \
                 {longest}: the ring is corrupt"
            ),
            Error::Memory { bytes } => write!(
                formatter,
                "cannot make a ring of these {bytes} bytes: use ring::size, \
                 aligned to a page"
            ),
            Error::Scarce { bytes } => {
                write!(formatter, "cannot share {bytes} bytes: out of memory")
            }
        }
    }
}

impl std::error::Error for Error {}

/// The state of a ring that makes the other end wait for this side.
fn state(side: Side) -> &'static str {
    match side {
        Side::Sender => "empty",
        Side::Receiver => "full",
    }
}

/// Both ends of a ring on the heap.
pub type OnHeap = (Sender<Arc<Heap>>, Receiver<Arc<Heap>>);

/// Both ends of a ring on the heap, for two threads.
///
/// # Errors
///
/// Fails if a ring cannot have that capacity, in bytes, or if memory runs out.
pub fn on_heap(capacity: usize, manner: Manner) -> Result<OnHeap, Error> {
    let memory = Arc::new(Heap::new(size(capacity))?);
    let sender = Sender::new(memory.clone(), Waiting::new(manner))?;
    Ok((sender, Receiver::new(memory, Waiting::new(manner))?))
}

/// The end that puts messages in.
#[derive(Debug)]
pub struct Sender<M: Memory>(End<Laid<M>>);

impl<M: Memory> Sender<M> {
    /// The only sender of a ring, whose memory must initially be all zero.
    ///
    /// # Errors
    ///
    /// Fails if the memory does not have a valid [`size`].
    pub fn new(memory: M, waiting: Waiting) -> Result<Self, Error> {
        let memory = Laid::new(memory)?;
        let capacity = memory.capacity();
        Ok(Sender(End::new(memory, Side::Sender, capacity, waiting)))
    }

    /// Sends a message by copying it in. Waits while the ring is full.
    ///
    /// # Errors
    ///
    /// Fails if the message is too long or the wait fails. It may be retried
    /// after a timeout.
    #[inline]
    pub fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        let reserved = self.reserve(message.len())?;
        reserved.region().write(message);
        reserved.send();
        Ok(())
    }

    /// Reserves room for a message, to be filled in place.
    ///
    /// # Errors
    ///
    /// As [`send`](Sender::send).
    #[inline]
    pub fn reserve(&mut self, length: usize) -> Result<Reserved<'_, M>, Error> {
        let end = &mut self.0;
        let longest = longest(end);
        if length > longest {
            return Err(Error::TooLong { length, longest });
        }
        let length = length as u32;
        end.claim();
        end.begin();
        if record(length) > end.contiguous() {
            Self::skip(end)?;
        }
        end.wait_for(record(length))?;
        end.place().length(end.index()).store(length, Relaxed);
        Ok(Reserved { end, length })
    }

    /// Whether the receiver was dropped. A send notices that only when the
    /// ring is full: checking each time would cost a cache line.
    pub fn is_receiver_dropped(&self) -> bool {
        self.0.is_other_dropped()
    }

    /// Skips the rest of the ring, and continues at its start.
    fn skip(end: &mut End<Laid<M>>) -> Result<(), Error> {
        end.wait_for(end.contiguous())?;
        end.place().length(end.index()).store(SKIP, Relaxed);
        end.advance(end.contiguous());
        Ok(())
    }

    /// Sets after how long a call gives up. None means never.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.0.waiting().timeout = timeout;
    }
}

impl<M: Memory> Drop for Sender<M> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Room for one message. Dropping it unsent frees the room.
#[derive(Debug)]
pub struct Reserved<'sender, M: Memory> {
    end: &'sender mut End<Laid<M>>,
    length: u32,
}

impl<M: Memory> Reserved<'_, M> {
    /// The bytes to fill.
    pub fn region(&self) -> Region<'_> {
        self.end.place().region(self.end.index(), self.length)
    }

    /// Sends the message.
    #[inline]
    pub fn send(self) {
        let Reserved { end, length } = self;
        end.advance(record(length));
        end.publish(tag(length));
    }
}

/// The end that takes messages out.
#[derive(Debug)]
pub struct Receiver<M: Memory>(End<Laid<M>>);

impl<M: Memory> Receiver<M> {
    /// The only receiver of a ring, whose memory must initially be all zero.
    ///
    /// # Errors
    ///
    /// Fails if the memory does not have a valid [`size`].
    pub fn new(memory: M, waiting: Waiting) -> Result<Self, Error> {
        let memory = Laid::new(memory)?;
        let capacity = memory.capacity();
        Ok(Receiver(End::new(memory, Side::Receiver, capacity, waiting)))
    }

    /// Receives a message by copying it out, and returns its length. Waits
    /// while the ring is empty.
    ///
    /// # Errors
    ///
    /// Fails if the message is longer than `buffer`, in which case it can be
    /// received into a longer one, or if the wait fails.
    #[inline]
    pub fn receive_into(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let record = self.next_record()?;
        let (length, longest) = (record as usize, buffer.len());
        if length > longest {
            return Err(Error::TooLong { length, longest });
        }
        let received = Received { end: &mut self.0, length: record };
        received.region().read(&mut buffer[..length]);
        Ok(length)
    }

    /// Receives a message, to be read in place.
    ///
    /// # Errors
    ///
    /// Fails if the wait fails, or if the sender has written an invalid
    /// record; then all further calls fail.
    #[inline]
    pub fn receive(&mut self) -> Result<Received<'_, M>, Error> {
        let length = self.next_record()?;
        Ok(Received { end: &mut self.0, length })
    }

    /// Waits for the record at our position, and returns its length.
    #[inline]
    fn next_record(&mut self) -> Result<u32, Error> {
        let end = &mut self.0;
        end.begin();
        end.wait_for(GRAIN)?;
        let mut length = Self::length(end);
        // A skip leads to the ring's start, where there is none: so at most one
        // happens.
        if length == SKIP && end.index() != 0 {
            Self::skip(end)?;
            length = Self::length(end);
        }
        Self::checked(end, length)
    }

    /// The unchecked length of the record at our position.
    #[inline]
    fn length(end: &End<Laid<M>>) -> u32 {
        let short = end.tag() * SHORT;
        if short != 0 && end.usable() == record(short) {
            short
        } else {
            end.place().length(end.index()).load(Relaxed)
        }
    }

    fn skip(end: &mut End<Laid<M>>) -> Result<(), Error> {
        let (length, longest) = (end.contiguous(), end.usable());
        if length > longest {
            return Err(Error::Record { length, longest: longest as usize });
        }
        end.advance(length);
        end.wait_for(GRAIN)
    }

    #[inline]
    fn checked(end: &End<Laid<M>>, length: u32) -> Result<u32, Error> {
        let longest = end.contiguous().min(end.usable());
        if length <= longest {
            Ok(length)
        } else {
            Err(Error::Record { length, longest: longest as usize })
        }
    }

    /// Sets after how long a call gives up. None means never.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.0.waiting().timeout = timeout;
    }
}

impl<M: Memory> Drop for Receiver<M> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A message in the ring. Dropping it frees its room, and notifies the sender
/// if there is no other message, or if a quarter of the ring has been freed
/// since: with a notification each time, both would contend for one line.
#[derive(Debug)]
pub struct Received<'receiver, M: Memory> {
    end: &'receiver mut End<Laid<M>>,
    length: u32,
}

impl<M: Memory> Received<'_, M> {
    /// The message's bytes.
    pub fn region(&self) -> Region<'_> {
        self.end.place().region(self.end.index(), self.length)
    }
}

impl<M: Memory> Drop for Received<'_, M> {
    #[inline]
    fn drop(&mut self) {
        self.end.advance(record(self.length));
        self.end.publish_at_times();
    }
}

/// The bytes that a record takes in the ring: at least one grain.
#[inline]
fn record(length: u32) -> u32 {
    length.max(1).next_multiple_of(GRAIN)
}

/// The tag that encodes the length of a short message, or 0 for any other.
#[inline]
fn tag(length: u32) -> u32 {
    if length.is_multiple_of(SHORT) && length / SHORT < TAGS {
        length / SHORT
    } else {
        0
    }
}

/// The longest message that fits into an empty ring.
fn longest<M: Memory>(end: &End<Laid<M>>) -> usize {
    end.place().capacity() as usize
}
