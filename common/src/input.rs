//! Seeded random input that any language reproduces in ten lines.
//!
//! The generator is PCG-XSH-RR 64/32 ("pcg32") by M. E. O'Neill
//! (<https://www.pcg-random.org>), from the crate `rand_pcg`. In Python:
//!
//! ```python
//! def pcg32(seed, stream):
//!     mask, increment = (1 << 64) - 1, (stream << 1 | 1) & ((1 << 64) - 1)
//!     state = (seed + increment) * 6364136223846793005 + increment & mask
//!     while True:
//!         old, state = state, state * 6364136223846793005 + increment & mask
//!         word, turn = (old >> 18 ^ old) >> 27 & 0xFFFFFFFF, old >> 59
//!         yield (word >> turn | word << (-turn & 31)) & 0xFFFFFFFF
//! ```

use rand_core::Rng;
use rand_pcg::Pcg32;

/// A stream of random numbers. Each worker draws from its own stream, so its
/// numbers do not depend on the number of workers.
#[derive(Debug, Clone)]
pub struct Input(Pcg32);

impl Input {
    /// Stream number `stream` of this seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        Input(Pcg32::new(seed, stream))
    }

    /// An integer below `bound`: `word * bound >> 32`. Its bias is below
    /// `bound / 2^32`, which is negligible for a test load.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// A number in 0 ≤ x < 1: `(high << 21 | low >> 11) / 2^53` of two words,
    /// the high one drawn first.
    pub fn uniform(&mut self) -> f64 {
        let high = u64::from(self.0.next_u32());
        let low = u64::from(self.0.next_u32());
        (high << 21 | low >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Fills `bytes` with consecutive words, little-endian. The unused bytes of
    /// the last word are discarded, so pieces of whole words concatenate.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The generator as in the Python code of the module's documentation.
    fn words(seed: u64, stream: u64) -> impl Iterator<Item = u32> {
        let multiplier = 6364136223846793005_u64;
        let increment = stream << 1 | 1;
        let mut state = seed
            .wrapping_add(increment)
            .wrapping_mul(multiplier)
            .wrapping_add(increment);
        std::iter::repeat_with(move || {
            let old = state;
            state = old.wrapping_mul(multiplier).wrapping_add(increment);
            ((((old >> 18) ^ old) >> 27) as u32)
                .rotate_right((old >> 59) as u32)
        })
    }

    #[test]
    fn follows_the_formulas_of_the_text() {
        for (seed, stream) in [(0, 0), (1, 0), (42, 54), (u64::MAX, 7)] {
            let mut input = Input::new(seed, stream);
            let mut words = words(seed, stream);
            let mut word = || u64::from(words.next().unwrap_or_default());
            for bound in [1, 2, 1000, u32::MAX] {
                let expected = (word() * u64::from(bound)) >> 32;
                assert_eq!(u64::from(input.below(bound)), expected);
            }
            let expected = (word() << 21 | word() >> 11) as f64 / 2f64.powi(53);
            assert_eq!(input.uniform(), expected);
            let mut bytes = [0; 7];
            input.fill(&mut bytes);
            let [one, other] = [word() as u32, word() as u32];
            assert_eq!(bytes[..4], one.to_le_bytes());
            assert_eq!(bytes[4..], other.to_le_bytes()[..3]);
        }
    }

    /// The first words of the reference implementation's demo, seed 42,
    /// stream 54 (<https://github.com/imneme/pcg-c-basic>, pcg32-demo).
    #[test]
    fn is_the_published_generator() {
        let mut input = Input::new(42, 54);
        let first: Vec<u32> = (0..3).map(|_| input.0.next_u32()).collect();
        assert_eq!(first, [0xa15c02b7, 0x7b47f409, 0xba1d3330]);
    }
}
