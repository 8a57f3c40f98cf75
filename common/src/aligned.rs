//! A vector that starts on a cache line.
//!
//! Mapped memory starts on a page, but a vector starts wherever the allocator
//! has room, which is rarely a cache line. For a ledger of atomics that alone
//! costs 4 % of the time. It is not a difference between threads and processes,
//! so it must not distinguish the siblings.

use std::ops::Deref;

/// Bytes in a cache line of x86-64, and of most aarch64.
pub const LINE: usize = 64;

/// Elements shared between threads, starting on a cache line.
#[derive(Debug)]
pub struct Aligned<T> {
    elements: Vec<T>,
    /// The number of unused elements before the cache line.
    unused: usize,
}

impl<T> Aligned<T> {
    /// Makes an element from each value.
    pub fn new<V: Copy>(values: &[V], make: impl Fn(V) -> T) -> Self {
        let most = LINE.div_ceil(size_of::<T>().max(1));
        let mut elements = Vec::<T>::with_capacity(values.len() + most);
        let unused = elements.as_ptr().align_offset(LINE).min(most);
        let before = values.iter().cycle().take(unused);
        // They fit into the capacity, so nothing moves from here on.
        elements.extend(before.chain(values).map(|value| make(*value)));
        let unused = elements.len() - values.len();
        Aligned { elements, unused }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.elements[self.unused..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_aligned<T>(elements: &Aligned<T>) -> bool {
        elements.as_ptr().align_offset(LINE) == 0
    }

    #[test]
    fn begins_on_a_cache_line_wherever_the_allocator_puts_it() {
        let mut others = Vec::new();
        for length in 1..200_usize {
            let values: Vec<usize> = (0..length).collect();
            let words = Aligned::new(&values, |value| value as u64);
            assert!(is_aligned(&words));
            assert!(words.iter().copied().eq(0..length as u64));
            let pairs = Aligned::new(&values, |value| [value as u64; 2]);
            assert!(is_aligned(&pairs));
            assert_eq!(pairs.len(), length);
            others.push((words, vec![0_u8; length]));
        }
    }

    #[test]
    fn nothing_stays_nothing() {
        let nothing = Aligned::new(&[0_u8; 0], u64::from);
        assert!(nothing.is_empty());
    }
}
