//! Locks that processes share. One survives the death of its holder; the
//! other is here to show why that is needed.

use std::{
    cell::UnsafeCell,
    fmt, io,
    marker::PhantomData,
    mem::MaybeUninit,
    ops::{Deref, DerefMut},
    sync::{
        LockResult, PoisonError, TryLockError, TryLockResult,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    thread,
};

use libc::{
    EBUSY, EOWNERDEAD, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED, c_int,
    pthread_mutex_consistent, pthread_mutex_init, pthread_mutex_lock,
    pthread_mutex_t, pthread_mutex_trylock, pthread_mutex_unlock,
    pthread_mutexattr_destroy, pthread_mutexattr_init,
    pthread_mutexattr_setpshared, pthread_mutexattr_setrobust,
    pthread_mutexattr_t,
};

/// [`std::sync::Mutex`] for a [`Segment`](crate::Segment), with the same
/// names and the same poison.
///
/// Std's lives on a futex that no other process would look for, and a holder
/// that is killed would leave it locked for ever. This one is a *robust*
/// pthread mutex: the kernel keeps a list of what each thread holds, and
/// when the thread dies, in whatever way, the next one to lock is told
/// (`EOWNERDEAD`, pthread_mutexattr_setrobust(3)). Here that is poison, as
/// std's after a panic: [`lock`](Mutex::lock) returns the guard inside of a
/// [`PoisonError`], until someone repairs the value and calls
/// [`clear_poison`](Mutex::clear_poison).
///
/// The processes trust each other: one that writes to a segment without
/// taking the lock breaks it, as `unsafe` code does with a thread's.
#[repr(C)]
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    /// Zero or not. An `AtomicBool` would be undefined behaviour if another
    /// process wrote anything but zero and one there.
    poisoned: AtomicU8,
    value: UnsafeCell<T>,
}

/// A pthread mutex for all processes that map it.
#[repr(transparent)]
pub(crate) struct RawMutex(UnsafeCell<pthread_mutex_t>);

// SAFETY: the lock lets one thread of one process at a time reach the value,
// so that sharing the mutex only ever sends the value.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
// SAFETY: as above; an unlocked pthread mutex belongs to no thread.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}

impl<T: ?Sized> Mutex<T> {
    /// Takes the lock; waits while another thread of any process holds it.
    ///
    /// # Errors
    ///
    /// The error holds the lock too. It says that an earlier holder died or
    /// panicked with the lock in its hands, so that the value may be half
    /// changed.
    ///
    /// # Panics
    ///
    /// Panics if the lock is none any more, because someone wrote over it.
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        self.guard(self.raw.lock())
    }

    /// Takes the lock, if nobody holds it.
    ///
    /// # Errors
    ///
    /// Fails while another thread of any process holds it, or holds the lock
    /// as [`lock`](Mutex::lock)'s error does.
    ///
    /// # Panics
    ///
    /// As [`lock`](Mutex::lock).
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        match self.raw.try_lock() {
            EBUSY => Err(TryLockError::WouldBlock),
            result => Ok(self.guard(result)?),
        }
    }

    /// Whether a holder died or panicked since the last
    /// [`clear_poison`](Mutex::clear_poison).
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Relaxed) != 0
    }

    /// Declares the value repaired.
    pub fn clear_poison(&self) {
        self.poisoned.store(0, Relaxed);
    }

    /// Whether somebody holds the lock: then its memory must stay, because
    /// the holder's list of robust mutexes leads through it.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// The guard, by what `pthread_mutex_lock` or `_trylock` returned.
    fn guard(&self, result: c_int) -> LockResult<MutexGuard<'_, T>> {
        match result {
            0 => {}
            EOWNERDEAD => self.inherit(),
            error => broken(error),
        }
        let guard = MutexGuard {
            mutex: self,
            panicking: thread::panicking(),
            _not_send: PhantomData,
        };
        match self.is_poisoned() {
            false => Ok(guard),
            true => Err(PoisonError::new(guard)),
        }
    }

    /// From the dead holder to this thread. The pthread mutex is declared
    /// consistent at once, and the poison is a flag of our own: pthread's
    /// own way lets the lock become unusable for ever if this thread drops
    /// the guard without a repair, which std's poison does not.
    fn inherit(&self) {
        self.poisoned.store(1, Relaxed);
        // SAFETY: this thread holds the lock, and was told `EOWNERDEAD`.
        unsafe { pthread_mutex_consistent(self.raw.0.get()) };
    }
}

impl RawMutex {
    /// Whoever has a reference got it after [`initialise`].
    pub(crate) fn lock(&self) -> c_int {
        // SAFETY: the mutex was initialised where it is, before anyone could
        // have a reference to it.
        unsafe { pthread_mutex_lock(self.0.get()) }
    }

    fn try_lock(&self) -> c_int {
        // SAFETY: as in `lock`.
        unsafe { pthread_mutex_trylock(self.0.get()) }
    }

    /// Gives it back.
    ///
    /// # Safety
    ///
    /// This thread holds it.
    pub(crate) unsafe fn unlock(&self) {
        // SAFETY: as in `lock`, and as the caller promises.
        unsafe { pthread_mutex_unlock(self.0.get()) };
    }
}

/// No lock any more, because someone wrote over it.
pub(crate) fn broken(error: c_int) -> ! {
    let error = io::Error::from_raw_os_error(error);
    panic!("a shared mutex is broken: {error}")
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Mutex")
            .field("poisoned", &self.is_poisoned())
            .finish_non_exhaustive()
    }
}

/// Makes a mutex in place: unlocked, robust, for all processes that map it.
///
/// # Safety
///
/// `mutex` points to memory for a `Mutex` that nobody uses yet, and that
/// stays where it is.
pub(crate) unsafe fn initialise<T: ?Sized>(mutex: *mut Mutex<T>) {
    // SAFETY: both lie in the memory that the caller promises.
    let raw = unsafe { &raw mut (*mutex).raw };
    // SAFETY: as above.
    let poisoned = unsafe { &raw mut (*mutex).poisoned };
    // SAFETY: nobody uses them yet, says the caller.
    unsafe { initialise_raw(raw, PTHREAD_MUTEX_ROBUST) };
    // SAFETY: as above.
    unsafe { poisoned.write(AtomicU8::new(0)) };
}

/// Makes the part of it that is pthread's. `robust` is `PTHREAD_MUTEX_ROBUST`
/// or `_STALLED`.
///
/// # Safety
///
/// As for [`initialise`].
pub(crate) unsafe fn initialise_raw(mutex: *mut RawMutex, robust: c_int) {
    let mut attributes = MaybeUninit::<pthread_mutexattr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    // SAFETY: the attributes are initialised by the first call and live to
    // the last. The mutex is nobody's but ours, says the caller. None of the
    // calls can fail with these arguments: their errors are for values that
    // they do not know (pthread_mutexattr_init(3) and its siblings).
    #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one argument")]
    unsafe {
        pthread_mutexattr_init(attributes);
        pthread_mutexattr_setpshared(attributes, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(attributes, robust);
        pthread_mutex_init(mutex.cast(), attributes);
        pthread_mutexattr_destroy(attributes);
    }
}

/// The right to the value, until it is dropped.
#[must_use = "the lock is given back when the guard is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    panicking: bool,
    /// A pthread mutex must be unlocked by the thread that locked it.
    _not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives nothing but `&T`.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: while the guard lives, nobody else reaches the value.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`; and this guard is borrowed exclusively.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if !self.panicking && thread::panicking() {
            self.mutex.poisoned.store(1, Relaxed);
        }
        // SAFETY: this thread holds the lock: guards do not change threads.
        unsafe { self.mutex.raw.unlock() };
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}
