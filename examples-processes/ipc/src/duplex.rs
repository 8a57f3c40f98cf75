//! Memory for messages in both directions, as one end holds it.

use anyhow::Result;
use common::ring::{Manner, Waiting};
use process_kit::{Lifeline, Shared};
use serde::{Deserialize, Serialize};

/// What one end shares with the other.
#[derive(Serialize, Deserialize)]
pub struct Duplex {
    /// For messages from the near end.
    pub there: Shared,
    /// For messages from the far end.
    pub back: Shared,
    lifeline: Lifeline,
}

impl Duplex {
    /// The near end and the far end of a new pair.
    pub fn pair(size: usize) -> Result<(Self, Self)> {
        let (lifeline, theirs) = Lifeline::pair()?;
        let there = Shared::new(size)?;
        let back = Shared::new(size)?;
        let near =
            Duplex { there: there.clone(), back: back.clone(), lifeline };
        let far = Duplex { there, back, lifeline: theirs.into() };
        Ok((near, far))
    }

    /// How this end waits for the other.
    // processes: the other end may be killed, so its lifeline is watched.
    pub fn waiting(&self, manner: Manner) -> Waiting {
        self.lifeline.waiting(manner)
    }
}
