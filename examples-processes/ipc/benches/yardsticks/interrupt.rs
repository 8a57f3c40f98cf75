//! Ctrl-C and SIGTERM, held back until the measurement at hand has ended.
//!
//! That is soon. If they ended a process at once, the names by which the two
//! ends of iceoryx2 find one another might stay behind.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use anyhow::{Context as _, Result, ensure};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// Whether one of them has come.
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Holds them back from now on. The far end does so too, because a
    /// terminal sends them to both.
    pub fn hold() -> Result<Self> {
        let come = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, come.clone())
                .context("no handler for SIGINT and SIGTERM could be set")?;
        }
        Ok(Interrupt(come))
    }

    /// Fails if one has come.
    pub fn check(&self) -> Result<()> {
        ensure!(!self.0.load(Relaxed), "interrupted");
        Ok(())
    }
}
