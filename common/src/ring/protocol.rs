//! The protocol: the position of each end, who sleeps, and who wakes whom.
//!
//! Each end owns two words, and reads those of the other. Its *position* counts
//! the bytes that it has sent or received since the start; it wraps. The bytes
//! between the two positions belong to the receiver, the rest to the sender.
//! Its *sleeps* count how often it fell asleep and woke: odd means asleep.
//!
//! No end sleeps through a message, because each end writes its own word and
//! then reads the other's, with a full fence between (Dekker):
//!
//! - to sleep: make `sleeps` odd; fence; if the other's position is unchanged,
//!   sleep, and the kernel checks once more (futex(2));
//! - to publish: write the position; fence; if the other's `sleeps` is odd,
//!   wake it.
//!
//! At least one of the two sees what the other wrote. `sleeps` is a count, not
//! a flag, so that one call ends a sleep. With a flag, each message would make
//! another call until the sleeper runs again. Only its owner writes it:
//! otherwise a late waker would clear the mark of a later sleep.
//!
//! `loom_tests.rs` checks exactly this source in every interleaving that the
//! memory model allows: it includes this file next to loom's `atomic`, with
//! words that sleep in loom.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{
    Error, Manner, Side, Waiting,
    atomic::{
        AtomicU32,
        Ordering::{Acquire, Release, SeqCst},
        fence,
    },
};

/// All counts are multiples of this, a cache line. So no two messages share a
/// line, and a short message takes only one. With the length in front of each
/// message instead, one of 64 bytes spanned two lines, and its round trip took
/// 1.4 times that of a bare line, where it now takes 1.1 (Intel Xeon,
/// 2026-11-23).
pub const GRAIN: u32 = 64;

/// Set in a position, whose lowest six bits are free: this end is gone. A
/// sleeper waits on that word, so the bit wakes it.
const GONE: u32 = 1;

/// In a position, above [`GONE`]: the tag.
const TAG_SHIFT: u32 = 1;

/// Tags are less than this.
pub const TAGS: u32 = GRAIN >> TAG_SHIFT;

/// How often a sleeper checks that the other end is alive: a killed end wakes
/// nobody.
pub(super) const SLICE: Duration = Duration::from_millis(20);

/// Spins before the first check that the other end is alive.
pub(super) const SPINS: u32 = 1 << 16;

/// The most spins before a sleep: about as long as a wake-up takes. Spinning
/// for as long as a sleep costs never takes more than twice the optimum (A. R.
/// Karlin and others, Empirical Studies of Competitive Spinning for a
/// Shared-Memory Multiprocessor, SOSP 1991).
const LONGEST_SPIN: u32 = 1 << 11;

/// The fewest spins before a sleep.
const SHORTEST_SPIN: u32 = 1 << 4;

/// After this many sleeps, try the longest spin again. Otherwise two ends that
/// both sleep would never find out that they need not.
const SLEEPS_IN_A_ROW: u32 = 32;

/// After this many spins, a receiver prefetches the line that it will read,
/// with each further spin. Before that, it would take the line from a sender
/// that is still writing. A round trip of 64 bytes took 1.45 times that of a
/// bare line with 0 and with 16, 1.64 with 64 (AMD EPYC, 2026-11-30). With a
/// load instead of the prefetch, 64 was better than 0, and both were better
/// than nothing: 1.13, 1.27 and 1.37 (Intel Xeon, 2026-11-23).
const UNHURRIED: u32 = 16;

/// A word of memory that both ends see.
pub trait Word {
    /// The underlying atomic.
    fn atomic(&self) -> &AtomicU32;

    /// Reads it, and makes visible everything written before its store.
    #[inline]
    fn load(&self) -> u32 {
        self.atomic().load(Acquire)
    }

    /// Reads it in a spin, where it has been read `nth` times before. A model
    /// may omit reads that see nothing new.
    #[inline]
    fn look(&self, _nth: u32) -> u32 {
        self.load()
    }

    /// Writes it, after everything written before.
    #[inline]
    fn store(&self, value: u32) {
        self.atomic().store(value, Release);
    }

    /// Pauses between two reads of a spin that ends in sleep. On some
    /// processors that takes 50 ns, too long for an end that only spins.
    fn pause();

    /// Sleeps while it is `expected`, until woken, or for `at_most`.
    fn park(&self, expected: u32, at_most: Duration);

    /// Wakes a sleeper, and returns whether there was one.
    fn wake(&self) -> bool;
}

/// A word in its own pair of cache lines: processors fetch lines in pairs
/// (Intel 64 and IA-32 Architectures Optimization Reference Manual, spatial
/// prefetcher), so each end would otherwise disturb the other with every
/// message.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub struct Line<W>(W);

/// The words of both ends, the sender's first. All zero means an empty ring.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Header<W> {
    positions: [Line<W>; 2],
    sleeps: [Line<W>; 2],
}

/// The memory of a ring.
pub trait Place {
    /// The type of the header's words.
    type Word: Word;

    /// The header, always the same one.
    fn header(&self) -> &Header<Self::Word>;

    /// Prefetches the cache line at an index of the ring; its contents do not
    /// matter yet. When the next message is written there, the line then
    /// arrives together with the sender's position, not after it.
    fn fetch(&self, _index: u32) {}

    /// Prefetches, to be written, the cache line at an index of the ring and
    /// that of a position.
    fn claim(&self, _index: u32, _position: &Self::Word) {}
}

/// One end, as seen by its owner. It never trusts the other end's words.
#[derive(Debug)]
pub struct End<P: Place> {
    place: P,
    side: Side,
    capacity: u32,
    waiting: Waiting,
    /// Our position.
    position: u32,
    /// The position that we last published.
    published: u32,
    /// Bytes from our position on that are known to be ours.
    usable: u32,
    /// The tag that the other end last passed along.
    tag: u32,
    /// How often we have fallen asleep and woken.
    sleeps: u32,
    /// The last sleep of the other end that we have ended.
    ended: u32,
    /// Spins before the next sleep.
    spin: u32,
    /// When the current operation times out, once it has had to wait.
    deadline: Option<Instant>,
}

impl<P: Place> End<P> {
    /// One end of an unused ring. `capacity` is its bytes, a power of two.
    pub fn new(place: P, side: Side, capacity: u32, waiting: Waiting) -> Self {
        let usable = match side {
            Side::Sender => capacity,
            Side::Receiver => 0,
        };
        let spin = LONGEST_SPIN;
        let (position, published, sleeps, ended, tag) = (0, 0, 0, 0, 0);
        End {
            place,
            side,
            capacity,
            waiting,
            position,
            published,
            usable,
            tag,
            sleeps,
            ended,
            spin,
            deadline: None,
        }
    }

    /// Whether the other end was dropped. This does not detect its death.
    pub fn is_other_dropped(&self) -> bool {
        self.theirs().load() & GONE != 0
    }

    /// The memory of the ring.
    pub fn place(&self) -> &P {
        &self.place
    }

    /// The index of our next byte in the ring.
    pub fn index(&self) -> u32 {
        self.position & (self.capacity - 1)
    }

    /// Bytes from our index to the ring's end.
    pub fn contiguous(&self) -> u32 {
        self.capacity - self.index()
    }

    /// Bytes that are ours without waiting.
    pub fn usable(&self) -> u32 {
        self.usable
    }

    /// The tag that the other end published with the last byte that is ours.
    pub fn tag(&self) -> u32 {
        self.tag
    }

    /// How we wait, to be changed.
    pub fn waiting(&mut self) -> &mut Waiting {
        &mut self.waiting
    }

    /// Moves the lines of the next message and of our position to this core,
    /// both at once. Stores happen in order, so the second line would only
    /// start to move when the first has arrived. Without it, a round trip of
    /// 64 bytes took 1.2 times as long (AMD EPYC, 2026-11-30).
    #[inline]
    pub fn claim(&self) {
        self.place.claim(self.index(), self.ours());
    }

    /// Starts a new operation: all of its waits share one timeout.
    #[inline]
    pub fn begin(&mut self) {
        self.deadline = None;
    }

    /// Waits until this many bytes are ours.
    ///
    /// # Errors
    ///
    /// Fails if the other end is gone without giving us enough, if the wait
    /// times out, or if the other end's position is impossible.
    #[inline]
    pub fn wait_for(&mut self, bytes: u32) -> Result<(), Error> {
        if self.usable >= bytes { Ok(()) } else { self.wait(bytes) }
    }

    /// Gives this many of our bytes to the other end, at the next `publish`.
    #[inline]
    pub fn advance(&mut self, bytes: u32) {
        self.position = self.position.wrapping_add(bytes);
        self.usable -= bytes;
    }

    /// Publishes our position, and wakes the other end. The tag, less than
    /// [`TAGS`], travels in the same word.
    #[inline]
    pub fn publish(&mut self, tag: u32) {
        if self.published != self.position {
            self.published = self.position;
            self.tell(self.position | (tag % TAGS) << TAG_SHIFT);
        }
    }

    /// Publishes our position if we have advanced far enough to be worth it, or
    /// if no bytes of ours are left.
    #[inline]
    pub fn publish_at_times(&mut self) {
        let unpublished = self.position.wrapping_sub(self.published);
        if self.usable == 0 || unpublished >= self.capacity / 4 {
            self.publish(0);
        }
    }

    /// Tells the other end that we are gone.
    pub fn close(&mut self) {
        self.tell(self.position | GONE);
    }

    fn wait(&mut self, bytes: u32) -> Result<(), Error> {
        // Before we rest, the other end must know all the bytes it may use.
        self.publish(0);
        self.deadline = self.deadline.or_else(|| self.waiting.deadline());
        let mut before = None;
        loop {
            let seen = self.theirs().load();
            self.usable = self.checked(seen)?;
            self.tag = (seen % GRAIN) >> TAG_SHIFT;
            if self.usable >= bytes {
                return Ok(());
            }
            if seen & GONE != 0 {
                return Err(Error::Gone(self.side.other()));
            }
            if before.is_some() {
                self.check_the_other(seen, before)?;
            }
            before = Some(self.usable);
            self.rest(seen);
        }
    }

    /// The bytes that are ours according to the other's position: never more
    /// than the capacity, and never fewer than before.
    fn checked(&self, seen: u32) -> Result<u32, Error> {
        let position = seen - seen % GRAIN;
        let ahead = position.wrapping_sub(self.position);
        let usable = match self.side {
            Side::Sender => ahead.wrapping_add(self.capacity),
            Side::Receiver => ahead,
        };
        let possible = self.usable..=self.capacity;
        if possible.contains(&usable) {
            Ok(usable)
        } else {
            Err(Error::Position { side: self.side.other(), seen })
        }
    }

    /// Lets some time pass, unless the timeout is zero. The other end may have
    /// advanced meanwhile.
    fn rest(&mut self, seen: u32) {
        if self.waiting.timeout == Some(Duration::ZERO) {
            return;
        }
        match self.waiting.manner {
            Manner::Spin => self.spin_on(seen),
            Manner::SpinThenPark => self.spin_then_park(seen),
            Manner::Block => self.park(seen),
        }
    }

    /// Spins this many times at most. Returns whether the other end has
    /// advanced.
    fn spin(&self, seen: u32, looks: u32) -> bool {
        for look in 0..looks {
            if self.theirs().look(look) != seen {
                return true;
            }
            if look >= UNHURRIED && self.side == Side::Receiver {
                self.place.fetch(self.index());
            }
            if self.waiting.manner != Manner::Spin {
                P::Word::pause();
            }
        }
        false
    }

    /// An end that has not advanced for this many spins, many times a round
    /// trip, is not running: it may be waiting for our core.
    fn spin_on(&self, seen: u32) {
        if !self.spin(seen, SPINS) {
            thread::yield_now();
        }
    }

    /// Spins longer if the last spin paid off, and shorter if not: an end that
    /// shares our core cannot advance while we spin.
    fn spin_then_park(&mut self, seen: u32) {
        if self.spin(seen, self.spin) {
            self.spin = LONGEST_SPIN.min(self.spin * 2);
            return;
        }
        self.spin = if (self.sleeps / 2).is_multiple_of(SLEEPS_IN_A_ROW) {
            LONGEST_SPIN
        } else {
            SHORTEST_SPIN.max(self.spin / 2)
        };
        self.park(seen);
    }

    fn park(&mut self, seen: u32) {
        self.count_a_sleep();
        fence(SeqCst);
        if self.theirs().load() == seen {
            let left = self.left().unwrap_or(SLICE);
            self.theirs().park(seen, SLICE.min(left));
        }
        self.count_a_sleep();
    }

    fn count_a_sleep(&mut self) {
        self.sleeps = self.sleeps.wrapping_add(1);
        self.place.header().sleeps[self.side as usize].0.store(self.sleeps);
    }

    /// Fails if further waiting is pointless: the other end is dead, or the
    /// wait has timed out.
    #[cold]
    fn check_the_other(
        &self,
        seen: u32,
        before: Option<u32>,
    ) -> Result<(), Error> {
        // An end that has given us something is alive. It may also have
        // advanced between our last read and its death.
        let is_still = before == Some(self.usable);
        if is_still
            && self.waiting.is_other_dead()
            && self.theirs().load() == seen
        {
            return Err(Error::Gone(self.side.other()));
        }
        match self.waiting.timeout {
            // Even if it has given us something: it may be a grain at a time.
            Some(timeout) if self.left() == Some(Duration::ZERO) => {
                Err(Error::Timeout { side: self.side.other(), timeout })
            }
            _ => Ok(()),
        }
    }

    /// The time left until the timeout, if there is one.
    fn left(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    #[inline]
    fn tell(&mut self, position: u32) {
        self.ours().store(position);
        if self.waiting.manner != Manner::Spin {
            self.wake_the_other();
        }
    }

    fn wake_the_other(&mut self) {
        fence(SeqCst);
        let other = self.side.other() as usize;
        let sleeps = self.place.header().sleeps[other].0.load();
        // If nobody was woken, the other end is about to sleep, perhaps until
        // the next message: so that one must wake it too.
        if sleeps % 2 == 1 && sleeps != self.ended && self.ours().wake() {
            self.ended = sleeps;
        }
    }

    fn ours(&self) -> &P::Word {
        &self.place.header().positions[self.side as usize].0
    }

    fn theirs(&self) -> &P::Word {
        &self.place.header().positions[self.side.other() as usize].0
    }
}
