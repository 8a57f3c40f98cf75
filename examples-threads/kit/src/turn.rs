//! A worker's side of a pool: one attempt at a job, and how the job learns that
//! it should stop.

use std::{
    fmt, mem,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
    },
};

use common::supervision::JobId;

/// One attempt at a job.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The id of the job.
    pub id: JobId,
    /// How many attempts at it have failed so far, on any worker.
    pub attempt: usize,
    stop: Arc<Stop>,
}

#[derive(Default)]
struct Stop {
    is_cancelled: AtomicBool,
    interrupts: Mutex<Interrupts>,
}

/// What to run on an interrupt, until it has run.
enum Interrupts {
    Pending(Vec<Box<dyn FnOnce() + Send>>),
    Done,
}

impl Default for Interrupts {
    fn default() -> Self {
        Interrupts::Pending(Vec::new())
    }
}

impl Turn {
    pub(crate) fn new(id: JobId, attempt: usize) -> Self {
        Turn { id, attempt, stop: Arc::default() }
    }

    /// Whether the job should stop. If it does, it may return any error.
    pub fn is_cancelled(&self) -> bool {
        self.stop.is_cancelled.load(Acquire)
    }

    /// Registers a way to interrupt what the job is about to wait for: close
    /// the pipe, interrupt the query. It runs on the supervisor's thread, at
    /// most once, and immediately if the interrupt has already happened.
    /// Without one, a wait cannot be interrupted.
    ///
    /// C++20 has the same: `std::stop_callback`.
    pub fn on_interrupt(&self, interrupt: impl FnOnce() + Send + 'static) {
        match &mut *self.stop.interrupts() {
            Interrupts::Pending(pending) => pending.push(Box::new(interrupt)),
            Interrupts::Done => interrupt(),
        }
    }

    pub(crate) fn cancel(&self) {
        self.stop.is_cancelled.store(true, Release);
    }

    pub(crate) fn interrupt(&self) {
        self.cancel();
        let interrupts =
            mem::replace(&mut *self.stop.interrupts(), Interrupts::Done);
        if let Interrupts::Pending(pending) = interrupts {
            pending.into_iter().for_each(|interrupt| interrupt());
        }
    }
}

impl Stop {
    /// A panic while a job registers leaves the list intact.
    fn interrupts(&self) -> impl std::ops::DerefMut<Target = Interrupts> {
        self.interrupts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Stop")
            .field("is_cancelled", &self.is_cancelled)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[test]
    fn every_word_is_followed_once_and_a_late_one_at_once() {
        let turn = Turn::new(JobId(0), 0);
        let done = Arc::new(AtomicUsize::new(0));
        let word = || {
            let done = done.clone();
            move || {
                done.fetch_add(1, SeqCst);
            }
        };
        turn.on_interrupt(word());
        turn.on_interrupt(word());
        turn.cancel();
        assert_eq!(done.load(SeqCst), 0);
        turn.interrupt();
        assert_eq!(done.load(SeqCst), 2);
        turn.on_interrupt(word());
        assert_eq!(done.load(SeqCst), 3);
        turn.interrupt();
        assert_eq!(done.load(SeqCst), 3);
    }
}
