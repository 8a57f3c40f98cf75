//! Progress of both ends while they run, readable even after a kill: counts in
//! memory that the test and its worker share.
//!
//! It has no name, unlike a `Segment`, so two soak tests on one machine do not
//! interfere, nor does a test that looks for names.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};

use anyhow::Result;
use common::ring::memory::Memory as _;
use process_kit::Shared;
use serde::{Deserialize, Serialize};

const SIZE: usize = size_of::<[AtomicU64; 4]>();

/// The counts. Each has a single writer.
#[derive(Debug, Clone, Copy)]
pub enum Count {
    /// Messages whose `send` has returned.
    Sent,
    /// Messages that arrived and were checked.
    Received,
    /// How often there was no room for the next message.
    Full,
    /// How often there was no message.
    Empty,
}

/// The counts, as mapped by one of the processes that share them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Meter(Shared);

impl Meter {
    pub fn new() -> Result<Self> {
        Ok(Meter(Shared::new(SIZE)?))
    }

    pub fn add(&self, count: Count) {
        let counted = self.get(count);
        self.counts()[count as usize].store(counted + 1, Release);
    }

    pub fn get(&self, count: Count) -> u64 {
        self.counts()[count as usize].load(Acquire)
    }

    /// Messages in transit.
    pub fn outstanding(&self) -> u64 {
        let received = self.get(Count::Received);
        self.get(Count::Sent).saturating_sub(received)
    }

    fn counts(&self) -> &[AtomicU64; 4] {
        let memory = self.0.bytes();
        assert_eq!(memory.len(), SIZE);
        // SAFETY: the memory starts on a page boundary, is exactly as long as
        // the counts, and lives as long as `self`. It is not used as a ring,
        // and other processes may write to atomics.
        unsafe { memory.cast().as_ref() }
    }
}
