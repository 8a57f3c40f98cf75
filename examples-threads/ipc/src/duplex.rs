//! Memory for messages in both directions, as one end holds it.

use std::sync::Arc;

use anyhow::Result;
use common::ring::{Manner, Waiting, memory::Heap};

/// Memory on the heap, which all threads see.
type Shared = Arc<Heap>;

/// What one end shares with the other.
pub struct Duplex {
    /// For messages from the near end.
    pub there: Shared,
    /// For messages from the far end.
    pub back: Shared,
}

impl Duplex {
    /// The near end and the far end of a new pair.
    pub fn pair(size: usize) -> Result<(Self, Self)> {
        let there = Shared::new(Heap::new(size)?);
        let back = Shared::new(Heap::new(size)?);
        let near = Duplex { there: there.clone(), back: back.clone() };
        let far = Duplex { there, back };
        Ok((near, far))
    }

    /// How this end waits for the other.
    // threads: the other end cannot die alone, so nobody watches it.
    pub fn waiting(&self, manner: Manner) -> Waiting {
        Waiting::new(manner)
    }
}
