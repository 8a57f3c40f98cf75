//! What both ends say of themselves while they run, and also when they were
//! killed: counts in memory that the test and its worker share.
//!
//! It has no name, unlike a `Segment`: so two soaks on one machine, or
//! another test that looks for names, do not meet.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};

use anyhow::Result;
use common::ring::memory::Memory as _;
use process_kit::Shared;
use serde::{Deserialize, Serialize};

const SIZE: usize = size_of::<[AtomicU64; 4]>();

/// What is counted. Each has one writer.
#[derive(Debug, Clone, Copy)]
pub enum Count {
    /// Messages whose `send` has returned.
    Sent,
    /// Messages that came, and were checked.
    Received,
    /// How often there was no room for the next message.
    Full,
    /// How often there was no message.
    Empty,
}

/// The counts, as one of those who share them sees them.
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

    /// Messages that are under way.
    pub fn outstanding(&self) -> u64 {
        let received = self.get(Count::Received);
        self.get(Count::Sent).saturating_sub(received)
    }

    fn counts(&self) -> &[AtomicU64; 4] {
        let memory = self.0.bytes();
        assert_eq!(memory.len(), SIZE);
        // SAFETY: the memory begins on a page, is as long as the counts, and
        // lives as long as this. Nobody makes a ring of it, and atomics may
        // be written by others.
        unsafe { memory.cast().as_ref() }
    }
}
