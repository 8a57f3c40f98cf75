//! The start gate: all workers wait at it, then they are released at once.
//!
//! The rejected alternative is std's `Barrier`: if the last thread cannot be
//! started, the others wait at it forever, and the scope waits for them.

use std::{
    cell::Cell,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
};

use anyhow::{Result, ensure};

/// The worker's side of the gate. A worker that returns or panics before it
/// arrives does not block the others: it drops this, which counts as arriving.
#[derive(Debug)]
pub struct Gate {
    shared: Arc<Shared>,
    has_arrived: Cell<bool>,
}

#[derive(Debug, Default)]
struct Shared {
    standing: Mutex<usize>,
    arrived: Condvar,
    /// Whether to start or to give up, once that is known.
    opened: OnceLock<bool>,
}

impl Gate {
    /// Waits at the gate until the parent opens it. For a worker that was
    /// spawned after that, it is already open.
    ///
    /// # Errors
    ///
    /// Fails if the parent gave up before it opened the gate.
    pub fn wait(&self) -> Result<()> {
        self.arrive();
        let is_open = self.shared.opened.wait();
        ensure!(is_open, "the parent gave up before the start");
        Ok(())
    }

    /// Counts this worker as arrived.
    fn arrive(&self) {
        if !self.has_arrived.replace(true) {
            *self.shared.standing() += 1;
            self.shared.arrived.notify_one();
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.arrive();
    }
}

/// The parent's side of the gate. Dropping it before it is opened, for example
/// through an early `?`, cancels the start: no worker is left waiting.
#[derive(Debug, Default)]
pub(crate) struct GateKeeper(Arc<Shared>);

impl GateKeeper {
    /// The gate for one more worker.
    pub(crate) fn gate(&self) -> Gate {
        let shared = Arc::clone(&self.0);
        Gate { shared, has_arrived: Cell::new(false) }
    }

    /// Waits until this many workers have arrived at the gate or exited.
    pub(crate) fn wait_for(&self, workers: usize) {
        let too_few = |standing: &mut usize| *standing < workers;
        drop(self.0.arrived.wait_while(self.0.standing(), too_few));
    }

    /// Whether it is open.
    pub(crate) fn is_open(&self) -> bool {
        self.0.opened.get().is_some()
    }

    /// Releases them all at once.
    pub(crate) fn open(&self) {
        self.0.opened.get_or_init(|| true);
    }
}

impl Drop for GateKeeper {
    fn drop(&mut self) {
        self.0.opened.get_or_init(|| false);
    }
}

impl Shared {
    /// A panic leaves the count intact.
    fn standing(&self) -> MutexGuard<'_, usize> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
