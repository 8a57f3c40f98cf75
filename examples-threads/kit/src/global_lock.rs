//! A GIL of our own: one lock that threads hand around.
//!
//! The method is CPython's since 3.2 (Python/ceval_gil.c, its notes at the
//! top): a thread that has waited longer than the switch interval requests the
//! lock. The holder checks for a request wherever it can safely release the
//! lock, and then makes sure that another thread takes it. An interpreter
//! checks after a call and at a backward jump (`CHECK_EVAL_BREAKER` in
//! Python/bytecodes.c); a Rust program checks where it calls
//! [`checkpoint`](Held::checkpoint).
//!
//! A [`Mutex`] does none of this: a thread that unlocks it and immediately
//! locks it again will probably win, and the others may wait for a very long
//! time.

use std::{
    marker::PhantomData,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, ThreadId},
    time::Duration,
};

/// A lock that its holder hands over when another thread has waited for an
/// interval.
///
/// It guards no data, just as CPython's GIL guards none of a program's data: it
/// only decides which thread runs. A value read before a
/// [checkpoint](Held::checkpoint) may be out of date after it.
#[derive(Debug)]
pub struct GlobalLock {
    interval: Duration,
    state: Mutex<State>,
    /// Set by a thread that has waited for an interval, and cleared by the
    /// thread that takes the lock: so while it is set, some thread is waiting.
    /// It is not part of `state`, because a checkpoint must cost next to
    /// nothing.
    is_requested: AtomicBool,
    /// Signalled when the lock is released.
    given: Condvar,
    /// Signalled when the lock is taken.
    taken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_held: bool,
    /// The thread that holds the lock, or held it last.
    holder: Option<ThreadId>,
    /// How often the lock went from one thread to another. When it does,
    /// waiting threads restart their interval: the new holder gets a turn, too.
    switches: u64,
}

impl GlobalLock {
    /// A free lock, which waiting threads request after `interval`. CPython's
    /// is 5 ms (`sys.getswitchinterval`).
    pub fn new(interval: Duration) -> Self {
        GlobalLock {
            interval,
            state: Mutex::default(),
            is_requested: AtomicBool::new(false),
            given: Condvar::new(),
            taken: Condvar::new(),
        }
    }

    /// Waits for the lock, and requests it after each interval. A thread that
    /// already holds it waits forever, as with a [`Mutex`].
    pub fn take(&self) -> Held<'_> {
        self.wait_and_take();
        Held { lock: self, not_send: PhantomData }
    }

    fn wait_and_take(&self) {
        let mut state = self.state();
        while state.is_held {
            state = self.wait(state);
        }
        let this = Some(thread::current().id());
        if state.holder != this {
            state.holder = this;
            state.switches += 1;
        }
        state.is_held = true;
        self.is_requested.store(false, Relaxed);
        self.taken.notify_all();
    }

    /// Waits until the lock is released, or for one interval, and then requests
    /// it.
    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let switches = state.switches;
        let waited = self.given.wait_timeout(state, self.interval);
        let (state, wait) = waited.unwrap_or_else(PoisonError::into_inner);
        let is_due = wait.timed_out() && state.switches == switches;
        if is_due && state.is_held {
            self.is_requested.store(true, Relaxed);
        }
        state
    }

    /// Releases the lock. If another thread has requested it, that is not
    /// enough: this thread is running, and the waiting one has yet to wake up.
    /// So it waits until another thread has taken the lock, before it can take
    /// the lock again.
    fn give(&self) {
        let mut state = self.state();
        state.is_held = false;
        self.given.notify_one();
        let this = state.holder;
        while self.is_requested.load(Relaxed) && state.holder == this {
            let woken = self.taken.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// No code panics while it holds this, so the state is never half updated.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lock, held by this thread. Dropping this, also during a panic, releases
/// the lock.
#[derive(Debug)]
pub struct Held<'a> {
    lock: &'a GlobalLock,
    /// The lock identifies its holder by its thread.
    not_send: PhantomData<MutexGuard<'a, ()>>,
}

impl Held<'_> {
    /// Lets another thread have a turn, if it has requested one.
    #[inline]
    pub fn checkpoint(&mut self) {
        if self.lock.is_requested.load(Relaxed) {
            self.release_around(|| ());
        }
    }

    /// Releases the lock while `native` runs, which does not need it: C code
    /// calls this `Py_BEGIN_ALLOW_THREADS`. The lock is always taken again,
    /// even if `native` panics.
    pub fn release_around<R>(&mut self, native: impl FnOnce() -> R) -> R {
        let _released = Released::from(self.lock);
        native()
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.lock.give();
    }
}

/// The lock, released for a while.
struct Released<'a>(&'a GlobalLock);

impl<'a> From<&'a GlobalLock> for Released<'a> {
    fn from(lock: &'a GlobalLock) -> Self {
        lock.give();
        Released(lock)
    }
}

impl Drop for Released<'_> {
    fn drop(&mut self) {
        self.0.wait_and_take();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A holder that was asked for the lock does not get it back before another
    /// thread has had it, however fast it is: here the other one has it when
    /// `drop` returns.
    #[test]
    fn giving_it_on_request_is_a_switch() {
        let lock = &GlobalLock::new(Duration::from_millis(1));
        for _ in 0..100 {
            let held = lock.take();
            thread::scope(|scope| {
                let (done, doing) = mpsc::channel::<()>();
                let waiter = scope.spawn(move || {
                    let _held = lock.take();
                    doing.recv().unwrap_err();
                });
                while !lock.is_requested.load(Relaxed) {
                    thread::yield_now();
                }
                drop(held);
                assert_eq!(lock.state().holder, Some(waiter.thread().id()));
                drop(done);
            });
        }
    }
}
