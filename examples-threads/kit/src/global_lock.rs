//! A GIL of our own: one lock that is handed around.
//!
//! The method is CPython's (Python/ceval_gil.c, its notes at the top), which
//! has had it since 3.2: who waits longer than the switch interval asks for
//! the lock, and who holds it looks at that request wherever it is safe to
//! let go, and then sees to it that another takes it. An interpreter does so
//! after a call and at a jump backwards (`CHECK_EVAL_BREAKER` in
//! Python/bytecodes.c); a Rust program says where, with
//! [`checkpoint`](Held::checkpoint).
//!
//! A [`Mutex`] does none of this: whoever lets it go and takes it again at
//! once is likely to be the first, and others may wait for very long.

use std::{
    marker::PhantomData,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, ThreadId},
    time::Duration,
};

/// A lock that its holder gives away when another has waited for an interval.
///
/// It guards no data, as CPython's guards none of a program's: it only says
/// who runs. What is read before a [checkpoint](Held::checkpoint) may be out
/// of date after it.
#[derive(Debug)]
pub struct GlobalLock {
    interval: Duration,
    state: Mutex<State>,
    /// Set by one that has waited for an interval. Whoever takes the lock
    /// clears it, so that while it is set, somebody waits. It is no part of
    /// the state, because a checkpoint must cost next to nothing.
    is_requested: AtomicBool,
    /// Signalled when the lock is given back.
    given: Condvar,
    /// Signalled when it is taken.
    taken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_held: bool,
    /// Who holds it, or held it last.
    holder: Option<ThreadId>,
    /// How often it went from one thread to another. Whoever waits begins
    /// its interval anew when it did: the new holder has a turn as well.
    switches: u64,
}

impl GlobalLock {
    /// A lock that nobody holds, and that is asked for after `interval`.
    /// CPython's is 5 ms (`sys.getswitchinterval`).
    pub fn new(interval: Duration) -> Self {
        GlobalLock {
            interval,
            state: Mutex::default(),
            is_requested: AtomicBool::new(false),
            given: Condvar::new(),
            taken: Condvar::new(),
        }
    }

    /// Waits for the lock, and asks for it each time the interval is over.
    /// Who holds it already waits for ever, as with a [`Mutex`].
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

    /// Waits until the lock is given back, or for an interval: then it asks.
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

    /// Gives the lock back. If it was asked for, that is not enough: this
    /// thread runs, and whoever waits has yet to wake up. So it waits until
    /// another has taken the lock, before it may take it again.
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

    /// Nothing panics that has it, so nothing is half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lock, in the hands of this thread. It is given back when this is
/// dropped, also by a panic.
#[derive(Debug)]
pub struct Held<'a> {
    lock: &'a GlobalLock,
    /// The lock knows its holder by its thread.
    not_send: PhantomData<MutexGuard<'a, ()>>,
}

impl Held<'_> {
    /// Lets another have a turn, if one has asked for it.
    #[inline]
    pub fn checkpoint(&mut self) {
        if self.lock.is_requested.load(Relaxed) {
            self.release_around(|| ());
        }
    }

    /// Gives the lock back while `native` runs, which does not need it: what
    /// C code calls `Py_BEGIN_ALLOW_THREADS`. It is taken again in any case,
    /// also if `native` panics.
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

/// The lock, given back for a while.
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

    /// Whoever is asked for the lock does not come back before another had
    /// it, however fast: here the other has it already when `drop` returns.
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
