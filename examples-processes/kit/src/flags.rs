//! A flag for each worker, which its supervisor raises, and which the worker
//! looks at when it likes.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::atomic::{
        AtomicU32,
        Ordering::{Acquire, Release},
    },
};

use anyhow::{Context as _, Result};
use common::{aligned::LINE, ring::memory::Memory as _};

use crate::shared::Shared;

/// Flags in memory that the workers map. A look costs what a look at a
/// thread's flag costs; a message on the wire would cost a call of the
/// kernel each time that a job asks whether it should go on.
#[derive(Debug)]
pub(crate) struct Flags {
    memory: Shared,
    count: usize,
}

/// A flag has a cache line for itself, or workers would slow each other.
const STRIDE: usize = LINE;

impl Flags {
    /// All of them lowered.
    pub(crate) fn new(count: usize) -> Result<Self> {
        Ok(Flags { memory: Shared::new(count * STRIDE)?, count })
    }

    /// Those that the supervisor has lent.
    pub(crate) fn open(file: OwnedFd, count: usize) -> Result<Self> {
        let size = count.checked_mul(STRIDE).context("too many flags")?;
        Ok(Flags { memory: Shared::open(file, size)?, count })
    }

    pub(crate) fn raise(&self, index: usize) {
        self.flag(index).store(1, Release);
    }

    pub(crate) fn lower(&self, index: usize) {
        self.flag(index).store(0, Release);
    }

    pub(crate) fn is_raised(&self, index: usize) -> bool {
        self.flag(index).load(Acquire) != 0
    }

    /// # Panics
    ///
    /// Panics if there are not so many.
    fn flag(&self, index: usize) -> &AtomicU32 {
        assert!(index < self.count, "flag {index} of {}", self.count);
        let start = self.memory.bytes().cast::<u8>();
        // SAFETY: the memory has a stride for each flag, and this is one.
        let place = unsafe { start.add(index * STRIDE) };
        // SAFETY: it is aligned, as a mapping begins on a page, and lives as
        // long as `self`. Whoever else maps it has nothing but this type to
        // reach it by, and every value of its bytes is a number.
        unsafe { place.cast::<AtomicU32>().as_ref() }
    }
}

impl AsFd for Flags {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn who_maps_them_sees_the_one_that_was_raised() {
        let here = Flags::new(3).unwrap();
        let file = here.as_fd().try_clone_to_owned().unwrap();
        let there = Flags::open(file, 3).unwrap();
        here.raise(1);
        assert_eq!(
            [0, 1, 2].map(|flag| there.is_raised(flag)),
            [false, true, false]
        );
        here.lower(1);
        assert!(!there.is_raised(1));
    }

    #[test]
    fn as_many_as_are_claimed_must_be_there() {
        let here = Flags::new(2).unwrap();
        for claimed in [1, 3, usize::MAX] {
            let file = here.as_fd().try_clone_to_owned().unwrap();
            assert!(Flags::open(file, claimed).is_err());
        }
    }
}
