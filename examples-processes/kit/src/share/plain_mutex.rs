//! A lock that processes share, and that is lost if its holder dies.

use std::{
    cell::UnsafeCell,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use libc::PTHREAD_MUTEX_STALLED;

use crate::share::mutex::{RawMutex, broken, initialise_raw};

/// A shared pthread mutex and nothing more, as most C programs use it: **here
/// to show why [`Mutex`](crate::Mutex) is robust**. If its holder dies, the
/// next thread that locks it waits forever.
#[repr(C)]
pub struct PlainMutex<T: ?Sized> {
    raw: RawMutex,
    value: UnsafeCell<T>,
}

// SAFETY: the lock lets only one thread of one process at a time access the
// value, so sharing the mutex only ever sends the value.
unsafe impl<T: ?Sized + Send> Sync for PlainMutex<T> {}
// SAFETY: as above; an unlocked pthread mutex belongs to no thread.
unsafe impl<T: ?Sized + Send> Send for PlainMutex<T> {}

impl<T: ?Sized> PlainMutex<T> {
    /// Takes the lock; waits while another thread of any process holds it, even
    /// if that thread is dead.
    ///
    /// # Panics
    ///
    /// Panics if the lock is broken because something overwrote it.
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

/// Initialises a mutex in place: unlocked, for all processes that map it.
///
/// # Safety
///
/// `mutex` points to memory for a `PlainMutex` that nothing uses yet, and that
/// does not move.
pub(crate) unsafe fn initialise<T>(mutex: *mut PlainMutex<T>, value: T) {
    // SAFETY: the caller guarantees memory for the whole mutex; this field is
    // in it.
    let raw = unsafe { &raw mut (*mutex).raw };
    // SAFETY: as above.
    let place = unsafe { &raw mut (*mutex).value };
    // SAFETY: the caller guarantees that nothing uses this memory yet.
    unsafe { initialise_raw(raw, PTHREAD_MUTEX_STALLED) };
    // SAFETY: as above.
    unsafe { place.write(UnsafeCell::new(value)) };
}

/// Gives access to the value. Dropping it releases the lock.
#[must_use = "dropping the guard releases the lock"]
pub struct PlainMutexGuard<'a, T: ?Sized> {
    mutex: &'a PlainMutex<T>,
    /// A pthread mutex must be unlocked by the thread that locked it.
    _not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives access to nothing but `&T`.
unsafe impl<T: ?Sized + Sync> Sync for PlainMutexGuard<'_, T> {}

impl<T: ?Sized> Deref for PlainMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: while the guard lives, no other thread of any process
        // accesses the value.
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
        // SAFETY: this thread holds the lock: a guard cannot move to another
        // thread.
        unsafe { self.mutex.raw.unlock() };
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for PlainMutexGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}
