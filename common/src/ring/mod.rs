//! A bounded ring of bytes, from one sender to one receiver, in memory that
//! two threads or two processes share.
//!
//! A message is a record: its bytes in the ring, from a cache line on, and its
//! length beside the ring. A record is never split: where it does not fit
//! before the ring's end, the rest of the ring is skipped. So a message can be
//! copied in and out ([`Sender::send`], [`Receiver::receive_into`]), or
//! reserved, filled and read in place ([`Sender::reserve`],
//! [`Receiver::receive`]).
//!
//! | module | holds |
//! |---|---|
//! | [`protocol`] | positions, sleep and wake: what loom checks |
//! | [`memory`] | the bytes, and how they are touched |
//! | [`mod@line`] | the bare limit that it is measured against |
//! | `loom_tests` | every order of steps of the protocol |
//! | this | records: lengths, and what can be wrong with them |
//!
//! # What an end may rely on
//!
//! Nothing that the other process writes can do more harm than to end the
//! ring with an [`Error`]: each position and length is read once and checked
//! before use, nothing is allocated by them, and every wait ends if the other
//! end is dropped, if it dies (given a lifeline, see [`Waiting`]), or at a
//! timeout.
//!
//! The rejected alternative is a ring of fixed slots, which is simpler but
//! has to know the longest message, and holds few of them.

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

/// Of a short message the sender also tells the length along with its
/// position, in so many bytes: then, if it is the only one in the ring, it is
/// read with two cache lines, its own and the position's, and not with three.
const SHORT: u32 = 8;

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Who puts messages in.
    Sender = 0,
    /// Who takes them out.
    Receiver = 1,
}

impl Side {
    /// The one at the other end.
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

/// What to do while a ring is empty, or full. Both ends of a ring must have
/// the same: to an end that only spins, nobody that sleeps is worth a look.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Manner {
    /// Look again and again. It takes a whole core for each end: where they
    /// share one, each message waits until the other end gives it up.
    Spin,
    /// Look for as long as it has been worth it lately, then sleep.
    SpinThenPark,
    /// Sleep at once.
    Block,
}

/// How an end waits for the other, and when it gives up.
pub struct Waiting {
    /// What an end does meanwhile.
    pub manner: Manner,
    /// It gives up after so long, or never.
    pub timeout: Option<Duration>,
    lifeline: Option<Box<dyn Fn() -> bool + Send>>,
}

impl Waiting {
    /// Waits for ever, for an end that is in this process.
    pub fn new(manner: Manner) -> Self {
        Waiting { manner, timeout: None, lifeline: None }
    }

    /// Gives up when the other end's process is dead. It is asked about 50
    /// times a second of waiting.
    pub fn with_lifeline(
        self,
        is_alive: impl Fn() -> bool + Send + 'static,
    ) -> Self {
        Waiting { lifeline: Some(Box::new(is_alive)), ..self }
    }

    /// Gives up after so long.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Waiting { timeout: Some(timeout), ..self }
    }

    /// When a wait that begins now is given up. What no clock can count to
    /// is no timeout.
    pub fn deadline(&self) -> Option<Instant> {
        Instant::now().checked_add(self.timeout?)
    }

    /// Whether there is a lifeline, and it says so.
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

/// Why a ring cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The other end was dropped, or its process died. Of a sender who is
    /// gone, all messages were received.
    Gone(Side),
    /// The other end lives, and what was asked for did not come in so long.
    Timeout {
        /// Who was waited for.
        side: Side,
        /// How long.
        timeout: Duration,
    },
    /// A message that this ring can never hold.
    TooLong {
        /// Its bytes.
        length: usize,
        /// The most.
        longest: usize,
    },
    /// The other end says that it has come where it cannot be.
    Position {
        /// Who said so.
        side: Side,
        /// Where.
        seen: u32,
    },
    /// A record that is longer than what was sent, or than the ring.
    Record {
        /// What stands in place of its length.
        length: u32,
        /// The most bytes that it can have.
        longest: usize,
    },
    /// No ring can be laid into so many bytes, or where they are.
    Memory {
        /// How many.
        bytes: usize,
    },
    /// There is not so much memory.
    Scarce {
        /// How many bytes were asked for.
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
                "the ring is {} after {timeout:?}, though its {side} lives",
                state(*side)
            ),
            Error::TooLong { length, longest } => write!(
                formatter,
                "a message of {length} bytes is too long for this ring, \
                 which holds {longest}"
            ),
            Error::Position { side, seen } => write!(
                formatter,
                "the {side} cannot be at {seen}: the ring is corrupt"
            ),
            Error::Record { length, longest } => write!(
                formatter,
                "a record cannot be {length} bytes long, but {longest} at \
                 most: the ring is corrupt"
            ),
            Error::Memory { bytes } => write!(
                formatter,
                "no ring fits into {bytes} bytes: ask for ring::size, on a \
                 page"
            ),
            Error::Scarce { bytes } => {
                write!(formatter, "no {bytes} bytes to share: out of memory")
            }
        }
    }
}

impl std::error::Error for Error {}

/// How a ring is when one has to wait for that side.
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
/// Fails if a ring cannot have that capacity, in bytes, or if there is not so
/// much memory.
pub fn on_heap(capacity: usize, manner: Manner) -> Result<OnHeap, Error> {
    let memory = Arc::new(Heap::new(size(capacity))?);
    let sender = Sender::new(memory.clone(), Waiting::new(manner))?;
    Ok((sender, Receiver::new(memory, Waiting::new(manner))?))
}

/// The end that puts messages in.
#[derive(Debug)]
pub struct Sender<M: Memory>(End<Laid<M>>);

impl<M: Memory> Sender<M> {
    /// The one sender of a ring, whose memory was all zero at first.
    ///
    /// # Errors
    ///
    /// Fails if the memory is not of such a [`size`].
    pub fn new(memory: M, waiting: Waiting) -> Result<Self, Error> {
        let memory = Laid::new(memory)?;
        let capacity = memory.capacity();
        Ok(Sender(End::new(memory, Side::Sender, capacity, waiting)))
    }

    /// Sends a message by copying it in. It waits while the ring is full.
    ///
    /// # Errors
    ///
    /// Fails if the message is too long, or as the wait does. It may be
    /// tried again after a timeout.
    #[inline]
    pub fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        let reserved = self.reserve(message.len())?;
        reserved.region().write(message);
        reserved.send();
        Ok(())
    }

    /// Reserves room for a message that is to be filled in place.
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
        end.begin();
        if record(length) > end.contiguous() {
            Self::skip(end)?;
        }
        end.wait_for(record(length))?;
        end.place().length(end.index()).store(length, Relaxed);
        Ok(Reserved { end, length })
    }

    /// Whether the receiver was dropped. A send finds it out only when the
    /// ring is full: to look each time would cost a cache line.
    pub fn is_receiver_dropped(&self) -> bool {
        self.0.is_other_dropped()
    }

    /// Leaves the ring's end empty, and goes on at its start.
    fn skip(end: &mut End<Laid<M>>) -> Result<(), Error> {
        end.wait_for(end.contiguous())?;
        end.place().length(end.index()).store(SKIP, Relaxed);
        end.advance(end.contiguous());
        Ok(())
    }

    /// Gives up a call after so long, or never.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.0.waiting().timeout = timeout;
    }
}

impl<M: Memory> Drop for Sender<M> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Room for one message. Dropped without being sent, it is free again.
#[derive(Debug)]
pub struct Reserved<'sender, M: Memory> {
    end: &'sender mut End<Laid<M>>,
    length: u32,
}

impl<M: Memory> Reserved<'_, M> {
    /// Where the message goes.
    pub fn region(&self) -> Region<'_> {
        self.end.place().region(self.end.index(), self.length)
    }

    /// Sends what it was filled with.
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
    /// The one receiver of a ring, whose memory was all zero at first.
    ///
    /// # Errors
    ///
    /// Fails if the memory is not of such a [`size`].
    pub fn new(memory: M, waiting: Waiting) -> Result<Self, Error> {
        let memory = Laid::new(memory)?;
        let capacity = memory.capacity();
        Ok(Receiver(End::new(memory, Side::Receiver, capacity, waiting)))
    }

    /// Receives a message by copying it out, and gives its length. It waits
    /// while the ring is empty.
    ///
    /// # Errors
    ///
    /// Fails if the message is longer than `buffer`, and then it can be
    /// received into a longer one; otherwise as the wait does.
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

    /// Receives a message to be read in place.
    ///
    /// # Errors
    ///
    /// Fails as the wait does, and if the sender has written what is no
    /// record; then all further calls fail.
    #[inline]
    pub fn receive(&mut self) -> Result<Received<'_, M>, Error> {
        let length = self.next_record()?;
        Ok(Received { end: &mut self.0, length })
    }

    /// The length of the record at our position, which is all there.
    #[inline]
    fn next_record(&mut self) -> Result<u32, Error> {
        let end = &mut self.0;
        end.begin();
        end.wait_for(GRAIN)?;
        let mut length = Self::length(end);
        // At the ring's start nothing is skipped: so it happens only once.
        if length == SKIP && end.index() != 0 {
            Self::skip(end)?;
            length = Self::length(end);
        }
        Self::checked(end, length)
    }

    /// What stands for the length of the record at our position.
    #[inline]
    fn length(end: &End<Laid<M>>) -> u32 {
        let short = end.tag() * SHORT;
        match short != 0 && end.usable() == record(short) {
            true => short,
            false => end.place().length(end.index()).load(Relaxed),
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
        match length <= longest {
            true => Ok(length),
            false => Err(Error::Record { length, longest: longest as usize }),
        }
    }

    /// Gives up a call after so long, or never.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.0.waiting().timeout = timeout;
    }
}

impl<M: Memory> Drop for Receiver<M> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A message in the ring. Its room is free when this is dropped, and the
/// sender told so if there is no other message, or if a quarter of the ring
/// is free by then: to tell it each time would have both wait for one line.
#[derive(Debug)]
pub struct Received<'receiver, M: Memory> {
    end: &'receiver mut End<Laid<M>>,
    length: u32,
}

impl<M: Memory> Received<'_, M> {
    /// Where the message is.
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

/// The bytes of a record in the ring: at least one grain.
fn record(length: u32) -> u32 {
    length.max(1).next_multiple_of(GRAIN)
}

/// What tells the length of a short message, and 0 for any other.
fn tag(length: u32) -> u32 {
    match length.is_multiple_of(SHORT) && length / SHORT < TAGS {
        true => length / SHORT,
        false => 0,
    }
}

/// The longest message that fits when the ring is empty.
fn longest<M: Memory>(end: &End<Laid<M>>) -> usize {
    end.place().capacity() as usize
}
