//! The start gate of threads: every worker stands at it, then all are
//! released at once. The gate of processes is `process_kit::Gate`.
//!
//! Std's `Barrier` is the rejected alternative: if the last thread cannot be
//! started, the others stand at it for ever, and the scope waits for them.

use std::sync::{Condvar, Mutex, PoisonError, RwLock, RwLockWriteGuard};

/// What workers stand at. It starts nothing, and holds no lock while anyone
/// works.
#[derive(Debug)]
pub struct Gate {
    standing: Mutex<usize>,
    arrived: Condvar,
    /// Locked for writing while the gate is closed. Workers ask to read: they
    /// find whether they should begin.
    bar: RwLock<bool>,
}

/// The right to open a gate. Dropped without that, as by an early `?` of the
/// parent, it calls the work off: nobody is left standing there.
#[derive(Debug)]
pub struct GateKeeper<'gate> {
    gate: &'gate Gate,
    bar: RwLockWriteGuard<'gate, bool>,
}

impl Default for Gate {
    fn default() -> Self {
        Gate::new()
    }
}

impl Gate {
    /// A gate that stands open.
    pub fn new() -> Self {
        Gate {
            standing: Mutex::new(0),
            arrived: Condvar::new(),
            bar: RwLock::new(true),
        }
    }

    /// Closes the gate, before the first worker comes.
    pub fn close(&self) -> GateKeeper<'_> {
        let mut bar = self.bar.write().unwrap_or_else(PoisonError::into_inner);
        *bar = false;
        GateKeeper { gate: self, bar }
    }

    /// Stands at the gate until it opens, or the work is called off: whether
    /// to begin.
    pub fn wait(&self) -> bool {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.arrived.notify_one();
        *self.bar.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GateKeeper<'_> {
    /// Waits until `workers` stand at the gate. Now is the time to start the
    /// clock: once the gate is open, they may have the cores before we do.
    pub fn wait_for(&self, workers: usize) {
        let Gate { standing, arrived, .. } = self.gate;
        let standing = standing.lock().unwrap_or_else(PoisonError::into_inner);
        drop(arrived.wait_while(standing, |standing| *standing < workers));
    }

    /// Releases them all at once.
    pub fn open(mut self) {
        *self.bar = true;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        thread,
    };

    use super::*;

    #[test]
    fn nobody_passes_before_all_stand_there() {
        let (gate, passed) = (Gate::new(), AtomicUsize::new(0));
        thread::scope(|scope| {
            let keeper = gate.close();
            for _ in 0..4 {
                scope.spawn(|| {
                    passed.fetch_add(usize::from(gate.wait()), SeqCst);
                });
            }
            keeper.wait_for(4);
            assert_eq!(passed.load(SeqCst), 0);
            keeper.open();
        });
        assert_eq!(passed.load(SeqCst), 4);
    }

    #[test]
    fn a_parent_that_gives_up_holds_up_nobody() {
        let gate = Gate::new();
        thread::scope(|scope| {
            let keeper = gate.close();
            let worker = scope.spawn(|| gate.wait());
            drop(keeper);
            assert!(worker.join().is_ok_and(|begins| !begins));
        });
    }
}
