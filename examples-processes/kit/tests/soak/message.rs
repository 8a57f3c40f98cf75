//! The messages: each is a function of its number, so the receiver knows every
//! byte to expect.

use anyhow::{Result, bail};
use common::input::Input;

/// The difference of adjacent words: an odd number, from the golden ratio
/// (Knuth).
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Makes every byte ASCII, so that a message can also be sent as a `String`.
const ASCII: u64 = 0x7F7F_7F7F_7F7F_7F7F;

/// How far from the expected number to look for a message that arrived in its
/// place.
const NEIGHBOURS: u64 = 1000;

/// The messages of one seed, numbered from 1.
#[derive(Debug, Clone, Copy)]
pub struct Flow {
    pub seed: u64,
    /// The longest message, in bytes.
    pub longest: usize,
}

impl Flow {
    /// Most messages are short, and can be told apart by their first word;
    /// every 32nd leaves hardly any room for another.
    pub fn message(&self, number: u64) -> Message {
        let seed = self.seed ^ number.wrapping_mul(STEP);
        let mut input = Input::new(seed, number);
        let mut below = |bound: usize| input.below(bound as u32) as usize;
        let length = match below(32) {
            0 => self.longest - below(200),
            1..16 => below(250),
            _ => below(2000),
        };
        let mut half = || u64::from(input.below(u32::MAX));
        Message { length, base: half() << 32 | half() }
    }

    /// Checks that this is the whole message of that number.
    pub fn check(&self, number: u64, found: &[u8]) -> Result<()> {
        let is = |number| self.message(number).bytes() == found;
        if is(number) {
            return Ok(());
        }
        let first = number.saturating_sub(NEIGHBOURS).max(1);
        if let Some(other) = (first..number + NEIGHBOURS).find(|&at| is(at)) {
            bail!("message {other} came in place of message {number}");
        }
        let length = self.message(number).length;
        bail!(
            "message {number} is torn: its {length} bytes came as {} others",
            found.len()
        );
    }
}

/// A message, computed when needed instead of stored.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    pub length: usize,
    base: u64,
}

impl Message {
    /// How many words it has, counting the last one if it is incomplete.
    pub fn words(&self) -> usize {
        self.length.div_ceil(size_of::<u64>())
    }

    /// The word at that position. Bytes beyond the end of the message do not
    /// count.
    pub fn word(&self, at: usize) -> u64 {
        self.base.wrapping_add((at as u64).wrapping_mul(STEP)) & ASCII
    }

    pub fn bytes(&self) -> Vec<u8> {
        bytes(self.length, |at| self.word(at))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }
}

/// The first `length` bytes of these words.
pub fn bytes(length: usize, word: impl Fn(usize) -> u64) -> Vec<u8> {
    let mut bytes = vec![0; length.next_multiple_of(size_of::<u64>())];
    let (words, _) = bytes.as_chunks_mut();
    for (at, room) in words.iter_mut().enumerate() {
        *room = word(at).to_ne_bytes();
    }
    bytes.truncate(length);
    bytes
}
