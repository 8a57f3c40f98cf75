//! Two flags for each worker. One is raised by its supervisor, and the worker
//! looks at it when it likes. The other is raised by the worker when it has a
//! job, and its supervisor looks at it when the worker is dead.

use std::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Release},
};

use anyhow::Result;
use common::{aligned::LINE, ring::memory::Memory as _};
use serde::{Deserialize, Serialize};

use crate::share::shared::Shared;

/// Flags in memory that the workers map. A look costs what a look at a
/// thread's flag costs; a message on the wire would cost a call of the
/// kernel each time that a job asks whether it should go on, and one more for
/// each job to say that it is taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Flags(Shared);

/// A worker has a cache line for itself, or workers would slow each other.
const STRIDE: usize = LINE;

impl Flags {
    /// All of them lowered.
    pub(crate) fn new(count: usize) -> Result<Self> {
        Ok(Flags(Shared::new(count * STRIDE)?))
    }

    /// For how many workers they are.
    pub(crate) fn count(&self) -> usize {
        self.0.bytes().len() / STRIDE
    }

    /// Asks a worker to stop.
    pub(crate) fn raise(&self, index: usize) {
        let [stop, _] = self.of(index);
        stop.store(1, Release);
    }

    /// Whether a worker is asked to stop.
    pub(crate) fn is_raised(&self, index: usize) -> bool {
        let [stop, _] = self.of(index);
        stop.load(Acquire) != 0
    }

    /// Says that a worker has its job: from now on, that may be what kills it.
    pub(crate) fn take(&self, index: usize) {
        let [_, taken] = self.of(index);
        taken.store(1, Release);
    }

    /// Whether a worker has got the job that it was sent last.
    pub(crate) fn is_taken(&self, index: usize) -> bool {
        let [_, taken] = self.of(index);
        taken.load(Acquire) != 0
    }

    /// Lowers both of a worker that is about to be sent a job.
    pub(crate) fn lower(&self, index: usize) {
        for flag in self.of(index) {
            flag.store(0, Release);
        }
    }

    /// # Panics
    ///
    /// Panics if there are not so many.
    fn of(&self, index: usize) -> &[AtomicU32; 2] {
        assert!(index < self.count(), "worker {index} of {}", self.count());
        let start = self.0.bytes().cast::<u8>();
        // SAFETY: the memory has a stride for each worker, and this is one.
        let place = unsafe { start.add(index * STRIDE) };
        // SAFETY: a stride holds both; they are aligned, as a mapping begins
        // on a page, and live as long as `self`. Others who map it have
        // nothing but this type to reach them by, and every value of their
        // bytes is a number.
        unsafe { place.cast::<[AtomicU32; 2]>().as_ref() }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::panic::catch_unwind;

    use super::*;
    use crate::start::wire::Wire;

    #[test]
    fn who_maps_them_sees_the_one_that_was_raised() {
        let (one, other) = Wire::pair().unwrap();
        let here = Flags::new(3).unwrap();
        one.send(&here).unwrap();
        let there = other.receive::<Flags>().unwrap().unwrap();
        assert_eq!(there.count(), 3);
        here.raise(1);
        assert_eq!(
            [0, 1, 2].map(|flag| there.is_raised(flag)),
            [false, true, false]
        );
        there.take(2);
        assert_eq!(
            [0, 1, 2].map(|flag| here.is_taken(flag)),
            [false, false, true]
        );
        here.lower(1);
        here.lower(2);
        assert!(!there.is_raised(1) && !there.is_taken(2));
    }

    #[test]
    fn there_are_no_more_than_there_is_memory_for() {
        let (one, other) = Wire::pair().unwrap();
        one.send(&Shared::new(2 * STRIDE + STRIDE / 2).unwrap()).unwrap();
        let flags = other.receive::<Flags>().unwrap().unwrap();
        assert!(!flags.is_raised(1));
        for index in [2, usize::MAX] {
            assert!(catch_unwind(|| flags.is_raised(index)).is_err());
        }
    }
}
