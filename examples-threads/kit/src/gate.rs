//! The start gate: every worker stands at it, then all are released at once.
//!
//! Std's `Barrier` is the rejected alternative: if the last thread cannot be
//! started, the others stand at it forever, and the scope waits for them.

use std::{
    cell::Cell,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
};

use anyhow::{Result, bail};

/// The worker's side of the gate. A worker that ends on the way, or panics,
/// holds up nobody: it is dropped with the worker, and counts as standing.
#[derive(Debug)]
pub struct Gate {
    shared: Arc<Shared>,
    has_arrived: Cell<bool>,
}

#[derive(Debug, Default)]
struct Shared {
    standing: Mutex<usize>,
    arrived: Condvar,
    /// Whether to begin, once that is known.
    opened: OnceLock<bool>,
}

impl Gate {
    /// Stands at the gate until the parent opens it. A worker that was
    /// spawned after that finds it open.
    ///
    /// # Errors
    ///
    /// Fails if the work is called off, because the parent gave up.
    pub fn wait(&self) -> Result<()> {
        self.arrive();
        match self.shared.opened.wait() {
            true => Ok(()),
            false => bail!("the work was called off"),
        }
    }

    /// Has this worker no longer waited for.
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

/// The parent's side of the gate. Dropped before it is opened, as by an early
/// `?`, it calls the work off: nobody is left standing there.
#[derive(Debug, Default)]
pub(crate) struct GateKeeper(Arc<Shared>);

impl GateKeeper {
    /// For one more worker.
    pub(crate) fn gate(&self) -> Gate {
        let shared = Arc::clone(&self.0);
        Gate { shared, has_arrived: Cell::new(false) }
    }

    /// Waits until so many workers stand at the gate, or are gone.
    pub(crate) fn wait_for(&self, workers: usize) {
        let too_few = |standing: &mut usize| *standing < workers;
        drop(self.0.arrived.wait_while(self.0.standing(), too_few));
    }

    /// Whether it was opened.
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
    /// A panic leaves the count as it should be.
    fn standing(&self) -> MutexGuard<'_, usize> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
