//! The lower bound: one cache line.
//!
//! A message of up to a line's length lies in the same line as the stamp that
//! announces it. So a round trip moves two lines between cores, one each way,
//! and nothing less can carry a message. There is no room for a second message:
//! it must not be sent before the first is answered. This is the yardstick for
//! a [ring](super).

use std::{
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    Error, Manner, Side, Waiting,
    memory::{Futex, Heap, Memory},
    protocol::{SLICE, SPINS, Word},
};

/// Words in a line, and so in the longest message.
pub const WORDS: usize = 8;

/// The bytes of a line and of its neighbour, which stays empty.
pub const SIZE: usize = size_of::<Line>();

/// A message. Its first half word, the stamp, is written last and announces the
/// message, so it must differ from the previous message's stamp.
#[derive(Debug)]
#[repr(C, align(128))]
struct Line {
    stamp: Futex,
    rest_of_word: AtomicU32,
    words: [AtomicU64; WORDS - 1],
}

/// A line in memory checked to fit it.
#[derive(Debug)]
struct Laid<M> {
    line: NonNull<Line>,
    _memory: M,
}

// SAFETY: the pointer is into memory that it owns and that may be sent; all
// access through it is atomic.
unsafe impl<M: Memory> Send for Laid<M> {}

impl<M: Memory> Laid<M> {
    fn new(memory: M) -> Result<Self, Error> {
        let bytes = memory.bytes();
        let line = bytes.cast::<Line>();
        if bytes.len() == SIZE && line.is_aligned() {
            Ok(Laid { line, _memory: memory })
        } else {
            Err(Error::Memory { bytes: bytes.len() })
        }
    }

    fn line(&self) -> &Line {
        // SAFETY: the memory was checked to be long enough and aligned, it
        // lives as long as this, and a line is made of atomics, for which all
        // bytes are values.
        unsafe { self.line.as_ref() }
    }
}

/// Both ends of a line on the heap.
pub type OnHeap = (Sender<Arc<Heap>>, Receiver<Arc<Heap>>);

/// Both ends of a line on the heap, for two threads.
///
/// # Errors
///
/// Never: a line has the right size.
pub fn on_heap(manner: Manner) -> Result<OnHeap, Error> {
    let memory = Arc::new(Heap::new(SIZE)?);
    let sender = Sender::new(memory.clone(), manner)?;
    Ok((sender, Receiver::new(memory, Waiting::new(manner))?))
}

/// The end that writes.
#[derive(Debug)]
pub struct Sender<M> {
    laid: Laid<M>,
    manner: Manner,
}

impl<M: Memory> Sender<M> {
    /// The only sender of a line, whose memory must initially be all zero.
    ///
    /// # Errors
    ///
    /// Fails if the size of the memory is not [`SIZE`].
    pub fn new(memory: M, manner: Manner) -> Result<Self, Error> {
        Ok(Sender { laid: Laid::new(memory)?, manner })
    }

    /// Sends a message of at most [`WORDS`]. Its first half word must not be
    /// zero, and must differ from that of the last message.
    #[inline]
    pub fn send(&mut self, message: &[u64]) {
        let line = self.laid.line();
        let Some((first, rest)) = message.split_first() else { return };
        for (word, value) in line.words.iter().zip(rest) {
            word.store(*value, Relaxed);
        }
        line.rest_of_word.store((first >> 32) as u32, Relaxed);
        line.stamp.store(*first as u32);
        if self.manner != Manner::Spin {
            line.stamp.wake();
        }
    }
}

/// The end that reads.
#[derive(Debug)]
pub struct Receiver<M> {
    laid: Laid<M>,
    seen: u32,
    waiting: Waiting,
}

impl<M: Memory> Receiver<M> {
    /// The only receiver of a line, whose memory must initially be all zero.
    ///
    /// # Errors
    ///
    /// Fails if the size of the memory is not [`SIZE`].
    pub fn new(memory: M, waiting: Waiting) -> Result<Self, Error> {
        Ok(Receiver { laid: Laid::new(memory)?, seen: 0, waiting })
    }

    /// Receives the next message, or as much of it as fits.
    ///
    /// # Errors
    ///
    /// Fails if the other end is dead or the wait times out.
    #[inline]
    pub fn receive(&mut self, message: &mut [u64]) -> Result<(), Error> {
        self.seen = self.next()?;
        let line = self.laid.line();
        let Some((first, rest)) = message.split_first_mut() else {
            return Ok(());
        };
        let high = u64::from(line.rest_of_word.load(Relaxed));
        *first = u64::from(self.seen) | high << 32;
        for (value, word) in rest.iter_mut().zip(&line.words) {
            *value = word.load(Relaxed);
        }
        Ok(())
    }

    /// Waits for the stamp to change.
    #[inline]
    fn next(&self) -> Result<u32, Error> {
        let deadline = self.waiting.deadline();
        while !self.rest(deadline) {
            self.check_the_other(deadline)?;
        }
        Ok(self.laid.line().stamp.load())
    }

    /// Lets some time pass. Returns whether a message has arrived.
    #[inline]
    fn rest(&self, deadline: Option<Instant>) -> bool {
        let stamp = &self.laid.line().stamp;
        if self.waiting.manner == Manner::Spin {
            let has_come = (0..SPINS).any(|_| stamp.load() != self.seen);
            if !has_come {
                // The sender may be waiting for our core.
                thread::yield_now();
            }
            return has_come;
        }
        if stamp.load() == self.seen {
            let left = deadline.map_or(SLICE, left_until);
            stamp.park(self.seen, SLICE.min(left));
        }
        stamp.load() != self.seen
    }

    #[cold]
    fn check_the_other(&self, deadline: Option<Instant>) -> Result<(), Error> {
        let side = Side::Sender;
        // It may have sent a last message between our last read and its death.
        let is_silent = || self.laid.line().stamp.load() == self.seen;
        match self.waiting.timeout {
            _ if self.waiting.is_other_dead() && is_silent() => {
                Err(Error::Gone(side))
            }
            Some(timeout)
                if deadline.map(left_until) == Some(Duration::ZERO) =>
            {
                Err(Error::Timeout { side, timeout })
            }
            _ => Ok(()),
        }
    }
}

fn left_until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn carries_whole_messages_there_and_back() {
        for manner in [Manner::Spin, Manner::Block] {
            let (mut to_far, mut from_near) = on_heap(manner).unwrap();
            let (mut to_near, mut from_far) = on_heap(manner).unwrap();
            thread::scope(|scope| {
                scope.spawn(move || {
                    for _ in 0..1000 {
                        let mut message = [0; WORDS];
                        from_near.receive(&mut message).unwrap();
                        to_near.send(&message);
                    }
                });
                for stamp in 1..=1000_u64 {
                    let message = [stamp | stamp << 32; WORDS];
                    to_far.send(&message);
                    let mut back = [0; WORDS];
                    from_far.receive(&mut back).unwrap();
                    assert_eq!(back, message);
                }
            });
        }
    }

    #[test]
    fn receives_what_was_sent_just_before_death() {
        for manner in [Manner::Spin, Manner::Block] {
            let (sender, mut receiver) = on_heap(manner).unwrap();
            let sender = Mutex::new(sender);
            let send_and_die = move || {
                sender.lock().unwrap().send(&[7]);
                false
            };
            receiver.waiting = Waiting::new(manner).with_lifeline(send_and_die);
            let mut message = [0];
            receiver.receive(&mut message).unwrap();
            assert_eq!(message, [7]);
        }
    }

    #[test]
    fn gives_up_on_the_silent_and_on_the_dead() {
        let timeout = Duration::from_millis(1);
        let side = Side::Sender;
        for manner in [Manner::Spin, Manner::Block] {
            let (_sender, mut receiver) = on_heap(manner).unwrap();
            receiver.waiting = Waiting::new(manner).with_timeout(timeout);
            let silent = receiver.receive(&mut [0]);
            assert_eq!(silent, Err(Error::Timeout { side, timeout }));
            receiver.waiting = Waiting::new(manner).with_lifeline(|| false);
            assert_eq!(receiver.receive(&mut [0]), Err(Error::Gone(side)));
        }
    }
}
