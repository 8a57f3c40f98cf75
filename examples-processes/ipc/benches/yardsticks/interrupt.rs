//! Ctrl-C and SIGTERM, held back until the current measurement has finished.
//!
//! That is soon. If they killed a process at once, the names by which the two
//! ends of iceoryx2 find each other might be left behind.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use anyhow::{Context as _, Result, ensure};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// Whether one of them has arrived.
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Holds them back from now on. The far end does so too, because a
    /// terminal sends Ctrl-C to both.
    pub fn hold() -> Result<Self> {
        let come = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, come.clone())
                .context("cannot set a handler for SIGINT and SIGTERM")?;
        }
        Ok(Interrupt(come))
    }

    /// Fails if one has arrived.
    pub fn check(&self) -> Result<()> {
        ensure!(!self.0.load(Relaxed), "interrupted");
        Ok(())
    }
}
