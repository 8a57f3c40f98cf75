//! The start gate of threads: every worker stands at it, then all are
//! released at once. The gate of processes is `process_kit::Gate`.
//!
//! Std's `Barrier` is the rejected alternative: if the last thread cannot be
//! started, the others stand at it for ever, and the scope waits for them.

use std::sync::{Condvar, Mutex, PoisonError, RwLock, RwLockWriteGuard};

/// What workers stand at. It starts nothing, and holds no lock while anyone
/// works.
#[derive(Debug, Default)]
pub struct Gate {
    standing: Mutex<usize>,
    arrived: Condvar,
    /// Locked for writing while the gate is closed. Workers ask to read.
    bar: RwLock<()>,
}

/// The right to open a gate. It opens too when this is dropped, as an early
/// `?` of the parent does, so that nobody stands at it for ever.
#[derive(Debug)]
pub struct GateKeeper<'gate> {
    gate: &'gate Gate,
    _bar: RwLockWriteGuard<'gate, ()>,
}

impl Gate {
    /// A gate that stands open.
    pub fn new() -> Self {
        Gate::default()
    }

    /// Closes the gate, before the first worker comes.
    pub fn close(&self) -> GateKeeper<'_> {
        let bar = self.bar.write().unwrap_or_else(PoisonError::into_inner);
        GateKeeper { gate: self, _bar: bar }
    }

    /// Stands at the gate until it opens.
    pub fn wait(&self) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.arrived.notify_one();
        drop(self.bar.read());
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
    pub fn open(self) {}
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
                    gate.wait();
                    passed.fetch_add(1, SeqCst);
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
            scope.spawn(|| gate.wait());
            drop(keeper);
        });
    }
}
