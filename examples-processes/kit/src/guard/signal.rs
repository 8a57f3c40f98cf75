//! Signals that interrupt a waiting thread, for tests.

use std::{
    ffi::c_int,
    mem,
    os::unix::thread::JoinHandleExt as _,
    ptr,
    sync::{
        Once,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

static SIGNALS: AtomicU32 = AtomicU32::new(0);

/// Interrupts a thread a hundred times. If the thread does nothing but wait, it
/// is waiting again when this returns, or about to.
pub(crate) fn interrupt<R>(waiting: &JoinHandle<R>) {
    static COUNTED: Once = Once::new();
    COUNTED.call_once(count_signals);
    let enough = SIGNALS.load(Relaxed) + 100;
    while SIGNALS.load(Relaxed) < enough && !waiting.is_finished() {
        // SAFETY: the thread has not been joined, so its id is valid.
        unsafe { libc::pthread_kill(waiting.as_pthread_t(), libc::SIGUSR1) };
        thread::yield_now();
    }
}

/// Installs a handler that counts SIGUSR1. It is not `SA_RESTART`, so waits are
/// interrupted (signal(7)).
fn count_signals() {
    extern "C" fn count(_: c_int) {
        SIGNALS.fetch_add(1, Relaxed);
    }
    // SAFETY: an all-zero `sigaction` is valid: no flags, no blocked signals.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = count as *const () as usize;
    // SAFETY: the handler only counts, which is async-signal-safe; a null
    // pointer means that the old action is not returned.
    let set =
        unsafe { libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut()) };
    assert_eq!(set, 0);
}
