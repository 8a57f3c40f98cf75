//! Signals at a thread that waits, for tests.

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

/// Interrupts a thread a hundred times. If it does nothing but wait, then
/// it waits again when this returns, or is about to.
pub(crate) fn interrupt<R>(waiting: &JoinHandle<R>) {
    static COUNTED: Once = Once::new();
    COUNTED.call_once(count_signals);
    let enough = SIGNALS.load(Relaxed) + 100;
    while SIGNALS.load(Relaxed) < enough && !waiting.is_finished() {
        // SAFETY: the thread is not joined, so its id is one.
        unsafe { libc::pthread_kill(waiting.as_pthread_t(), libc::SIGUSR1) };
        thread::yield_now();
    }
}

/// Has SIGUSR1 counted. It is not `SA_RESTART`, so what waits is interrupted
/// (signal(7)).
fn count_signals() {
    extern "C" fn count(_: c_int) {
        SIGNALS.fetch_add(1, Relaxed);
    }
    // SAFETY: a `sigaction` of zeros is one: no flags, nothing blocked.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = count as *const () as usize;
    // SAFETY: the handler does nothing but count, which is always allowed;
    // the old action is not asked for.
    let set =
        unsafe { libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut()) };
    assert_eq!(set, 0);
}
