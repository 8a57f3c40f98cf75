//! The protocol: how far each end has come, who sleeps, and who wakes whom.
//!
//! Each end owns two words, and reads the other's. Its *position* counts the
//! bytes that it has sent, or received, since the start; it wraps. What lies
//! between the two positions is the receiver's, and the rest the sender's.
//! Its *sleeps* count how often it fell asleep and woke: odd is asleep.
//!
//! Nobody sleeps through a message, because each end writes its own word and
//! then reads the other's, with a full fence between (Dekker):
//!
//! - who sleeps: `sleeps` odd; fence; is the other's position still the same?
//!   only then sleep, and the kernel looks once more (futex(2));
//! - who publishes: position; fence; is `sleeps` odd? then wake.
//!
//! Of these at least one sees the other's. `sleeps` is a count and not a flag
//! so that a sleep is ended by one call and not by one for each message until
//! the sleeper comes around; and only its owner writes it, or a late waker
//! would take back the mark of a later sleep.
//!
//! `loom_tests.rs` puts exactly this text to every order of steps that the
//! memory model allows: it includes this file with an `atomic` of loom's
//! beside it, and words that sleep in loom.

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

/// All that is counted is a multiple of this, which is a cache line: so that
/// no two messages share one, and a short message takes no more than one.
/// With the length before each message instead, one of 64 bytes lay in two,
/// and its round trip took 1.4 times that of a bare line, where it now takes
/// 1.1 (Intel Xeon, 2026-11-23).
pub const GRAIN: u32 = 64;

/// In a position, whose lowest six bits are free: this end is gone. In the
/// word that a sleeper waits for, it wakes him.
const GONE: u32 = 1;

/// In a position, above [`GONE`]: the tag.
const TAG_SHIFT: u32 = 1;

/// Tags are less than this.
pub const TAGS: u32 = GRAIN >> TAG_SHIFT;

/// A sleeper looks after the other end's life so often: what was killed
/// wakes nobody.
pub(super) const SLICE: Duration = Duration::from_millis(20);

/// Looks at the other's position before the first look at its life.
pub(super) const SPINS: u32 = 1 << 16;

/// Looks before sleep, at most: about as long as it takes to be woken. Who
/// spins as long as a sleep would cost never pays more than twice the best
/// (A. R. Karlin and others, Empirical Studies of Competitive Spinning for a
/// Shared-Memory Multiprocessor, SOSP 1991).
const LONGEST_SPIN: u32 = 1 << 11;

/// Looks before sleep, at least.
const SHORTEST_SPIN: u32 = 1 << 4;

/// After so many sleeps we spin the longest once more: or two ends that both
/// sleep would never find out that they need not.
const SLEEPS_IN_A_ROW: u32 = 32;

/// Looks of a receiver before it fetches the line that it will read. Sooner,
/// it would take it from a sender that is just writing. A round trip of 64
/// bytes took 350 ns with so many, 395 with none, and 425 without the fetch,
/// where the bare line took 310 (Intel Xeon, 2026-11-23).
const UNHURRIED: u32 = 64;

/// A word of memory that both ends see.
pub trait Word {
    /// What it is made of.
    fn atomic(&self) -> &AtomicU32;

    /// Reads it, with all that was written before it was.
    #[inline]
    fn load(&self) -> u32 {
        self.atomic().load(Acquire)
    }

    /// Reads it in a spin, where it was read `nth` times before. A model may
    /// leave out looks that see nothing new.
    #[inline]
    fn look(&self, _nth: u32) -> u32 {
        self.load()
    }

    /// Writes it, after all that was written before.
    #[inline]
    fn store(&self, value: u32) {
        self.atomic().store(value, Release);
    }

    /// Lets time pass between two looks, if we will sleep in the end. On
    /// some processors that is 50 ns, too long for who cannot wait.
    fn pause();

    /// Sleeps while it is `expected`, until woken, or for so long at most.
    fn park(&self, expected: u32, at_most: Duration);

    /// Wakes who sleeps on it. Whether somebody did.
    fn wake(&self) -> bool;
}

/// A word in a pair of cache lines of its own: processors fetch them in pairs
/// (Intel 64 and IA-32 Architectures Optimization Reference Manual, spatial
/// prefetcher), and so an end would disturb the other with every message.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub struct Line<W>(W);

/// The words of both ends, the sender's first. All zero is an empty ring.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Header<W> {
    positions: [Line<W>; 2],
    sleeps: [Line<W>; 2],
}

/// Where a header is.
pub trait Place {
    /// What it is made of.
    type Word: Word;

    /// The same one each time.
    fn header(&self) -> &Header<Self::Word>;

    /// Fetches the cache line at an index of the ring, which does not matter
    /// yet. When the next message is written there, it comes at the same time
    /// as the sender's position, and not after it.
    fn fetch(&self, _index: u32) {}
}

/// One end, as its owner sees it. The other's words are never trusted.
#[derive(Debug)]
pub struct End<P: Place> {
    place: P,
    side: Side,
    capacity: u32,
    waiting: Waiting,
    /// How far we have come.
    position: u32,
    /// How far the other end knows.
    published: u32,
    /// Bytes from there on that are surely ours.
    usable: u32,
    /// What the other end passed along when it was last seen.
    tag: u32,
    /// How often we have fallen asleep and woken.
    sleeps: u32,
    /// The last sleep of the other end that we have ended.
    ended: u32,
    /// Looks before the next sleep.
    spin: u32,
    /// When we give up what we are at, once we have had to wait.
    deadline: Option<Instant>,
}

impl<P: Place> End<P> {
    /// One end of a ring that nobody has used. `capacity` is its bytes, a
    /// power of two.
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

    /// Whether the other end was dropped. Of its death this says nothing.
    pub fn is_other_dropped(&self) -> bool {
        self.theirs().load() & GONE != 0
    }

    /// Where the memory and its header are.
    pub fn place(&self) -> &P {
        &self.place
    }

    /// Where our next byte is in the ring.
    pub fn index(&self) -> u32 {
        self.position & (self.capacity - 1)
    }

    /// Bytes from there to the ring's end.
    pub fn contiguous(&self) -> u32 {
        self.capacity - self.index()
    }

    /// Bytes that are ours without a wait.
    pub fn usable(&self) -> u32 {
        self.usable
    }

    /// What the other end passed along with the last byte that is ours.
    pub fn tag(&self) -> u32 {
        self.tag
    }

    /// How we wait from now on.
    pub fn waiting(&mut self) -> &mut Waiting {
        &mut self.waiting
    }

    /// Begins something new: its waits, however many they are, share one
    /// timeout.
    #[inline]
    pub fn begin(&mut self) {
        self.deadline = None;
    }

    /// Waits until so many bytes are ours.
    ///
    /// # Errors
    ///
    /// Fails if the other end is gone and they never will be, if it takes
    /// too long, or if the other end's position is impossible.
    #[inline]
    pub fn wait_for(&mut self, bytes: u32) -> Result<(), Error> {
        match self.usable >= bytes {
            true => Ok(()),
            false => self.wait(bytes),
        }
    }

    /// Gives so many of our bytes to the other end, at the next `publish`.
    #[inline]
    pub fn advance(&mut self, bytes: u32) {
        self.position = self.position.wrapping_add(bytes);
        self.usable -= bytes;
    }

    /// Tells the other end how far we have come, and wakes it. The tag, less
    /// than [`TAGS`], travels in the same word.
    #[inline]
    pub fn publish(&mut self, tag: u32) {
        if self.published != self.position {
            self.published = self.position;
            self.tell(self.position | (tag % TAGS) << TAG_SHIFT);
        }
    }

    /// Tells the other end how far we have come, if that is far enough for it
    /// to look, or if we have come to the end of what is ours.
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
        // Before we rest, the other end must know all that it may use.
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

    /// The bytes that are ours by the other's position: never more than there
    /// are, and never fewer than it gave us before.
    fn checked(&self, seen: u32) -> Result<u32, Error> {
        let position = seen - seen % GRAIN;
        let ahead = position.wrapping_sub(self.position);
        let usable = match self.side {
            Side::Sender => ahead.wrapping_add(self.capacity),
            Side::Receiver => ahead,
        };
        let possible = self.usable..=self.capacity;
        match possible.contains(&usable) {
            true => Ok(usable),
            false => Err(Error::Position { side: self.side.other(), seen }),
        }
    }

    /// Lets time pass, unless there is none. The other end may have moved
    /// meanwhile.
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

    /// Whether the other end has moved after so many looks.
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

    /// An end that has not moved for so many looks, which is many times a
    /// round trip, does not run: it may wait for the core that we are on.
    fn spin_on(&self, seen: u32) {
        if !self.spin(seen, SPINS) {
            thread::yield_now();
        }
    }

    /// Spins longer where that was worth it, and shorter where it was not:
    /// an end that shares our core cannot move while we spin.
    fn spin_then_park(&mut self, seen: u32) {
        if self.spin(seen, self.spin) {
            self.spin = LONGEST_SPIN.min(self.spin * 2);
            return;
        }
        self.spin = match (self.sleeps / 2).is_multiple_of(SLEEPS_IN_A_ROW) {
            true => LONGEST_SPIN,
            false => SHORTEST_SPIN.max(self.spin / 2),
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

    /// We have rested, and it is not enough. Is there hope?
    #[cold]
    fn check_the_other(
        &self,
        seen: u32,
        before: Option<u32>,
    ) -> Result<(), Error> {
        // Who has given us something lives. It may also have moved between
        // our look at it and its death.
        let is_still = before == Some(self.usable);
        if is_still
            && self.waiting.is_other_dead()
            && self.theirs().load() == seen
        {
            return Err(Error::Gone(self.side.other()));
        }
        match self.waiting.timeout {
            // However much it has given: that may be a grain at a time.
            Some(timeout) if self.left() == Some(Duration::ZERO) => {
                Err(Error::Timeout { side: self.side.other(), timeout })
            }
            _ => Ok(()),
        }
    }

    /// The time until we give up, if we ever do.
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
        // If nobody was woken, he is on his way to sleep, and maybe for the
        // next message: so that one will wake too.
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
