//! What a message contains, and how a receiver knows that it is whole.
//!
//! The first word is the stamp: the sequence number, starting at 1, in its
//! lower half, and a checksum of all other words in its upper half. The words
//! count up from a seeded base, so that filling a message and computing its
//! checksum are both fast; the sequence number is also added to the last word,
//! so that every message has its own head and tail.

use std::array;

use anyhow::{Result, ensure};

use super::{Plan, Task};
use crate::ring::memory::{BLOCK, Block, Region};

/// The step from one word to the next: an odd number, from Knuth's golden
/// ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A message as its owner holds it. Short ones are inline, as a thread would
/// hold a `struct`; long ones are on the heap, where a move leaves them.
pub trait Parcel: Send + Sync + 'static {
    /// A parcel of `words` zeros.
    fn with_words(words: usize) -> Self;

    /// Its words. Empty after it was taken, if it is on the heap.
    fn words(&self) -> &[u64];

    /// Its words, mutable.
    fn words_mut(&mut self) -> &mut [u64];

    /// Moves it out, or copies it if that is how it moves.
    fn take(&mut self) -> Self;
}

impl<const N: usize> Parcel for [u64; N] {
    fn with_words(_words: usize) -> Self {
        [0; N]
    }

    fn words(&self) -> &[u64] {
        self
    }

    fn words_mut(&mut self) -> &mut [u64] {
        self
    }

    fn take(&mut self) -> Self {
        *self
    }
}

impl Parcel for Vec<u64> {
    fn with_words(words: usize) -> Self {
        vec![0; words]
    }

    fn words(&self) -> &[u64] {
        self
    }

    fn words_mut(&mut self) -> &mut [u64] {
        self
    }

    fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

/// The contents of one message.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    sequence: u32,
    words: usize,
    base: u64,
}

impl Message {
    /// The message of a plan with this sequence number, the first being 1.
    ///
    /// In a stream each has its own words. In a round trip they all have the
    /// same words except the first and the last, so that a parcel is filled
    /// once and stamped for each trip.
    pub fn new(plan: &Plan, sequence: u32) -> Self {
        let number = match plan.task {
            Task::RoundTrip => 0,
            Task::Stream => u64::from(sequence),
        };
        let base = mixed(plan.seed ^ mixed(number));
        Message { sequence, words: plan.words(), base }
    }

    /// The sequence number and the checksum of what [`write`](Self::write)
    /// writes: sums of arithmetic series have a formula.
    pub fn stamp(&self) -> u64 {
        let count = self.words as u64;
        let pairs = count * (count - 1) / 2;
        let mut sum = (count - 1).wrapping_mul(self.base);
        sum = sum.wrapping_add(pairs.wrapping_mul(STEP));
        if count > 1 {
            sum = sum.wrapping_add(self.sequence.into());
        }
        stamp(self.sequence, sum)
    }

    /// Writes all words.
    #[inline]
    pub fn write(&self, words: &mut [u64]) {
        let mut value = self.base;
        for word in words.iter_mut() {
            *word = value;
            value = value.wrapping_add(STEP);
        }
        self.write_ends(words);
    }

    /// Writes only the first and the last word, into a parcel that was filled
    /// before.
    #[inline]
    pub fn write_ends(&self, words: &mut [u64]) {
        if let [.., last] = words {
            *last = self.last();
        }
        if let [first, ..] = words {
            *first = self.stamp();
        }
    }

    /// Writes all words in place. Each block is the previous one plus a step:
    /// the fewer instructions a block takes, the more lines the processor
    /// fetches ahead of its stores. With a multiplication for each block, 1 MiB
    /// messages arrived at 24 GB/s in place of 32 (AMD EPYC, 2026-11-30).
    #[inline]
    pub fn write_in_place(&self, region: &Region<'_>) {
        let mut next = Block::from(array::from_fn(|at| self.word(at)));
        let step = Block::splat(STEP.wrapping_mul(BLOCK as u64));
        region.write_blocks(|_| {
            let block = next;
            next = next.wrapping_add(step);
            block
        });
        region.store_word(self.words - 1, self.last());
        region.store_word(0, self.stamp());
    }

    fn last(&self) -> u64 {
        self.word(self.words - 1).wrapping_add(self.sequence.into())
    }

    fn word(&self, index: usize) -> u64 {
        self.base.wrapping_add((index as u64).wrapping_mul(STEP))
    }
}

/// What a receiver has read of a message.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    stamp: u64,
    /// One sum per position in a block, so that eight are added at once.
    sums: Block,
}

impl Reading {
    /// Reads a whole parcel.
    #[inline]
    pub fn of(words: &[u64]) -> Self {
        let stamp = words.first().copied().unwrap_or_default();
        let mut reading = Reading { stamp, sums: Block::splat(0) };
        let (blocks, rest) = words.as_chunks();
        for block in blocks {
            let block = Block::from(*block);
            reading.sums = reading.sums.wrapping_add(block);
        }
        let mut last = [0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        reading.sums = reading.sums.wrapping_add(last.into());
        reading
    }

    /// Reads a whole message in place.
    #[inline]
    pub fn in_place(region: &Region<'_>) -> Self {
        let (stamp, mut sums) = (region.load_word(0), Block::splat(0));
        region.read_blocks(|block| sums = sums.wrapping_add(block));
        Reading { stamp, sums }
    }

    /// The sum of all words but the stamp.
    #[inline]
    fn sum(&self) -> u64 {
        let sums: [u64; BLOCK] = self.sums.into();
        let all = sums.into_iter().fold(0, u64::wrapping_add);
        all.wrapping_sub(self.stamp)
    }
}

/// What one end has received, message after message.
#[derive(Debug, Clone, Copy, Default)]
pub struct Transcript {
    received: u32,
    digest: u64,
}

impl Transcript {
    /// An empty transcript.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next message.
    ///
    /// # Errors
    ///
    /// Fails if it is not the next one, or not whole.
    #[inline]
    pub fn add(&mut self, reading: &Reading) -> Result<()> {
        let found = reading.stamp;
        let (sequence, expected) = (found as u32, self.received + 1);
        ensure!(
            sequence == expected,
            "message {sequence} came in place of message {expected}"
        );
        ensure!(
            found == stamp(sequence, reading.sum()),
            "message {sequence} is torn"
        );
        self.received = expected;
        self.digest = (self.digest.rotate_left(5) ^ found).wrapping_mul(STEP);
        Ok(())
    }

    /// The digest of everything received.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The expected digest if `messages` messages of a plan were received: each
    /// is written and read without any mechanism in between.
    pub fn reference(plan: &Plan, messages: u32) -> u64 {
        let mut digest = 0_u64;
        for sequence in 1..=messages {
            let stamp = Message::new(plan, sequence).stamp();
            digest = (digest.rotate_left(5) ^ stamp).wrapping_mul(STEP);
        }
        digest
    }
}

#[inline]
fn stamp(sequence: u32, sum: u64) -> u64 {
    let checksum = mixed(sum ^ u64::from(sequence)) >> 32;
    u64::from(sequence) | checksum << 32
}

/// The finisher of SplitMix64: each bit depends on all (G. L. Steele and
/// others, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
#[inline]
fn mixed(mut value: u64) -> u64 {
    value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{Mechanism, Waiting},
        *,
    };
    use crate::{placement::Cores, ring};

    fn plans() -> impl Strategy<Value = Plan> {
        let task = prop_oneof![Just(Task::RoundTrip), Just(Task::Stream)];
        (task, 1..200_usize, any::<u64>()).prop_map(|(task, words, seed)| {
            Plan {
                task,
                size: 8 * words,
                mechanism: Mechanism::Ring,
                waiting: Waiting::Spin,
                cores: Cores::default(),
                messages: 50,
                seed,
            }
        })
    }

    fn written(plan: &Plan, sequence: u32) -> Vec<u64> {
        let mut words = Vec::with_words(plan.words());
        Message::new(plan, sequence).write(&mut words);
        words
    }

    proptest! {
        #[test]
        fn what_is_written_is_accepted_and_comes_to_the_reference(
            plan in plans()
        ) {
            let mut transcript = Transcript::new();
            for sequence in 1..=plan.messages {
                let words = written(&plan, sequence);
                transcript.add(&Reading::of(&words)).unwrap();
            }
            let expected = Transcript::reference(&plan, plan.messages);
            prop_assert_eq!(transcript.digest(), expected);
        }

        #[test]
        fn in_place_is_the_same(plan in plans()) {
            let manner = plan.waiting.manner();
            let (mut sender, mut receiver) =
                ring::on_heap(plan.capacity(), manner).unwrap();
            let reserved = sender.reserve(plan.size).unwrap();
            Message::new(&plan, 1).write_in_place(&reserved.region());
            reserved.send();
            let received = receiver.receive().unwrap();
            let mut words = vec![0; plan.words()];
            received.region().read(bytemuck::cast_slice_mut(&mut words));
            prop_assert_eq!(words, written(&plan, 1));
            let reading = Reading::in_place(&received.region());
            prop_assert!(Transcript::new().add(&reading).is_ok());
        }

        #[test]
        fn a_filled_parcel_needs_its_ends_only(plan in plans()) {
            let plan = Plan { task: Task::RoundTrip, ..plan };
            let mut words = written(&plan, 1);
            Message::new(&plan, 2).write_ends(&mut words);
            prop_assert_eq!(words, written(&plan, 2));
        }

        #[test]
        fn one_wrong_bit_is_noticed(
            plan in plans(), at in any::<prop::sample::Index>(), bit in 0..64
        ) {
            let mut words = written(&plan, 1);
            words[at.index(plan.words())] ^= 1_u64 << bit;
            prop_assert!(Transcript::new().add(&Reading::of(&words)).is_err());
        }

        /// Half of one message and half of the next make no message.
        #[test]
        fn a_torn_message_is_noticed(
            plan in plans(), at in any::<prop::sample::Index>()
        ) {
            prop_assume!(plan.words() > 1);
            let at = 1 + at.index(plan.words() - 1);
            let (mut words, next) = (written(&plan, 1), written(&plan, 2));
            words[at..].copy_from_slice(&next[at..]);
            prop_assert!(Transcript::new().add(&Reading::of(&words)).is_err());
        }

        #[test]
        fn a_lost_or_doubled_message_is_noticed(plan in plans()) {
            let mut transcript = Transcript::new();
            let mut add = |sequence| {
                let words = written(&plan, sequence);
                transcript.add(&Reading::of(&words))
            };
            prop_assert!(add(2).is_err());
            prop_assert!(add(1).is_ok());
            prop_assert!(add(1).is_err());
            prop_assert!(add(2).is_ok());
        }
    }
}
