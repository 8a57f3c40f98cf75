//! A lock that processes share, and that is lost with its holder.

use std::{
    cell::UnsafeCell,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use libc::PTHREAD_MUTEX_STALLED;

use crate::share::mutex::{RawMutex, broken, initialise_raw};

/// A pthread mutex that is shared and nothing else, as most programs in C
/// have it: **here to show why [`Mutex`](crate::Mutex) is robust**. If its
/// holder dies, whoever locks it waits for ever.
#[repr(C)]
pub struct PlainMutex<T: ?Sized> {
    raw: RawMutex,
    value: UnsafeCell<T>,
}

// SAFETY: the lock lets one thread of one process at a time reach the value,
// so that sharing the mutex only ever sends the value.
unsafe impl<T: ?Sized + Send> Sync for PlainMutex<T> {}
// SAFETY: as above; an unlocked pthread mutex belongs to no thread.
unsafe impl<T: ?Sized + Send> Send for PlainMutex<T> {}

impl<T: ?Sized> PlainMutex<T> {
    /// Takes the lock; waits while another thread of any process holds it,
    /// also if that thread is no more.
    ///
    /// # Panics
    ///
    /// Panics if the lock is none any more, because someone wrote over it.
    pub fn lock(&self) -> PlainMutexGuard<'_, T> {
        match self.raw.lock() {
            0 => PlainMutexGuard { mutex: self, _not_send: PhantomData },
            error => broken(error),
        }
    }
}

impl<T: ?Sized> fmt::Debug for PlainMutex<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PlainMutex").finish_non_exhaustive()
    }
}

/// Makes a mutex in place: unlocked, for all processes that map it.
///
/// # Safety
///
/// `mutex` points to memory for a `PlainMutex` that nobody uses yet, and that
/// stays where it is.
pub(crate) unsafe fn initialise<T>(mutex: *mut PlainMutex<T>, value: T) {
    // SAFETY: both lie in the memory that the caller promises.
    let raw = unsafe { &raw mut (*mutex).raw };
    // SAFETY: as above.
    let place = unsafe { &raw mut (*mutex).value };
    // SAFETY: nobody uses them yet, says the caller.
    unsafe { initialise_raw(raw, PTHREAD_MUTEX_STALLED) };
    // SAFETY: as above.
    unsafe { place.write(UnsafeCell::new(value)) };
}

/// The right to the value, until it is dropped.
#[must_use = "the lock is given back when the guard is dropped"]
pub struct PlainMutexGuard<'a, T: ?Sized> {
    mutex: &'a PlainMutex<T>,
    /// A pthread mutex must be unlocked by the thread that locked it.
    _not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives nothing but `&T`.
unsafe impl<T: ?Sized + Sync> Sync for PlainMutexGuard<'_, T> {}

impl<T: ?Sized> Deref for PlainMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: while the guard lives, nobody else reaches the value.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for PlainMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`; and this guard is borrowed exclusively.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for PlainMutexGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: this thread holds the lock: guards do not change threads.
        unsafe { self.mutex.raw.unlock() };
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for PlainMutexGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}
