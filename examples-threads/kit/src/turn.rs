//! A worker's side: its turn at a job, and how it learns that it should
//! stop.

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

/// A worker's turn at a job.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Which job it is.
    pub id: JobId,
    /// How many attempts at it came to nothing, this worker's or others'.
    pub attempt: usize,
    stop: Arc<Stop>,
}

#[derive(Default)]
struct Stop {
    is_cancelled: AtomicBool,
    interrupts: Mutex<Interrupts>,
}

/// What to do, until it is done; then there is no more to wait for.
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

    /// Whether the job should stop. It may then return an error, whatever
    /// it says.
    pub fn is_cancelled(&self) -> bool {
        self.stop.is_cancelled.load(Acquire)
    }

    /// Says how to end what the job is about to wait for: close the pipe,
    /// interrupt the query. It is done on the supervisor's thread, at most
    /// once, and at once if it is late already. What a job waits for without
    /// such a word, it waits for in vain.
    ///
    /// C++20 has the same as `std::stop_callback`.
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
    /// A job that panics while it registers leaves nothing half done.
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
