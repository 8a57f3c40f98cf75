//! Two flags for each worker. The supervisor raises one to ask the worker to
//! stop; the worker polls it. The worker raises the other when it has read a
//! job; the supervisor looks at it when the worker is dead.

use std::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Release},
};

use anyhow::Result;
use common::{aligned::LINE, ring::memory::Memory as _};
use serde::{Deserialize, Serialize};

use crate::share::shared::Shared;

/// Flags in memory that the workers map. Polling one costs the same as polling
/// a thread's flag. With messages on the wire instead, a job would pay a system
/// call each time it asks whether to continue, and another to report that it
/// was read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Flags(Shared);

/// Each worker has its own cache line, or workers would slow each other down.
const STRIDE: usize = LINE;

impl Flags {
    /// All flags, lowered.
    pub(crate) fn new(count: usize) -> Result<Self> {
        Ok(Flags(Shared::new(count * STRIDE)?))
    }

    /// The number of workers.
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

    /// Marks that a worker has read its job: from now on, the job may be what
    /// kills the worker.
    pub(crate) fn take(&self, index: usize) {
        let [_, taken] = self.of(index);
        taken.store(1, Release);
    }

    /// Whether a worker has read the job that it was sent last.
    pub(crate) fn is_taken(&self, index: usize) -> bool {
        let [_, taken] = self.of(index);
        taken.load(Acquire) != 0
    }

    /// Lowers both flags of a worker, before it is sent a job.
    pub(crate) fn lower(&self, index: usize) {
        for flag in self.of(index) {
            flag.store(0, Release);
        }
    }

    /// # Panics
    ///
    /// Panics if there is no such worker.
    fn of(&self, index: usize) -> &[AtomicU32; 2] {
        assert!(index < self.count(), "worker {index} of {}", self.count());
        let start = self.0.bytes().cast::<u8>();
        // SAFETY: the memory contains `count` strides, and `index` is less than
        // that.
        let place = unsafe { start.add(index * STRIDE) };
        // SAFETY: a stride has room for both flags. They are aligned, because a
        // mapping starts on a page boundary, and they live as long as `self`.
        // Other processes that map the memory reach it only through this type,
        // and every bit pattern is a valid `u32`.
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
