//! Locks that processes share. [`Mutex`] survives the death of its holder; the
//! raw lock also serves [`PlainMutex`](crate::PlainMutex), which shows why that
//! matters.

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

/// [`std::sync::Mutex`] for a [`Segment`](crate::Segment), with the same names
/// and the same poisoning.
///
/// Std's mutex uses a futex that is private to its process, and if its holder
/// were killed, it would stay locked forever. This one is a *robust* pthread
/// mutex: the kernel keeps a list of the locks that each thread holds, and when
/// the thread dies, in whatever way, the next thread that locks one gets
/// `EOWNERDEAD` (pthread_mutexattr_setrobust(3)). Here that means poisoned, as
/// after a panic with std's: [`lock`](Mutex::lock) returns the guard inside a
/// [`PoisonError`], until someone repairs the value and calls
/// [`clear_poison`](Mutex::clear_poison).
///
/// The processes must trust each other: one that writes to a segment without
/// the lock breaks it, as `unsafe` code in a thread can break a thread's.
#[repr(C)]
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    /// Zero or non-zero. An `AtomicBool` would be undefined behaviour if
    /// another process wrote anything but zero or one here.
    poisoned: AtomicU8,
    value: UnsafeCell<T>,
}

/// A pthread mutex for all processes that map it.
#[repr(transparent)]
pub(crate) struct RawMutex(UnsafeCell<pthread_mutex_t>);

// SAFETY: the lock lets only one thread of one process at a time access the
// value, so sharing the mutex only ever sends the value.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
// SAFETY: as above; an unlocked pthread mutex belongs to no thread.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}

impl<T: ?Sized> Mutex<T> {
    /// Takes the lock; waits while another thread of any process holds it.
    ///
    /// # Errors
    ///
    /// The error holds the lock, too. It means that an earlier holder died or
    /// panicked while it held the lock, so the value may be half changed.
    ///
    /// # Panics
    ///
    /// Panics if the lock is broken because something overwrote it.
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        self.guard(self.raw.lock())
    }

    /// Takes the lock, if it is free.
    ///
    /// # Errors
    ///
    /// Fails while another thread of any process holds it. If it is poisoned,
    /// the error holds the lock, as with [`lock`](Mutex::lock).
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

    /// Whether a holder has died or panicked since the last
    /// [`clear_poison`](Mutex::clear_poison).
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Relaxed) != 0
    }

    /// Declares the value repaired.
    pub fn clear_poison(&self) {
        self.poisoned.store(0, Relaxed);
    }

    /// Whether the lock is held. If so, its memory must stay mapped, because
    /// the holder's list of robust mutexes leads through it.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Turns the result of `pthread_mutex_lock` or `_trylock` into a guard.
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
        if self.is_poisoned() {
            Err(PoisonError::new(guard))
        } else {
            Ok(guard)
        }
    }

    /// Takes the lock over from its dead holder. The pthread mutex is declared
    /// consistent at once, and the poison is a flag of our own: pthread's own
    /// way makes the lock unusable forever if this thread drops the guard
    /// without a repair, which std's poisoning does not.
    fn inherit(&self) {
        self.poisoned.store(1, Relaxed);
        // SAFETY: this thread holds the lock, and got `EOWNERDEAD`.
        unsafe { pthread_mutex_consistent(self.raw.0.get()) };
    }
}

impl RawMutex {
    /// Every reference to this was created after [`initialise`].
    pub(crate) fn lock(&self) -> c_int {
        // SAFETY: the mutex was initialised in place, before any reference to
        // it could exist.
        unsafe { pthread_mutex_lock(self.0.get()) }
    }

    fn try_lock(&self) -> c_int {
        // SAFETY: as in `lock`.
        unsafe { pthread_mutex_trylock(self.0.get()) }
    }

    /// Releases the lock.
    ///
    /// # Safety
    ///
    /// This thread holds the lock.
    pub(crate) unsafe fn unlock(&self) {
        // SAFETY: as in `lock`; the caller guarantees that this thread holds
        // the lock.
        unsafe { pthread_mutex_unlock(self.0.get()) };
    }
}

/// Panics about a lock that something overwrote.
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

/// Initialises a mutex in place: unlocked, robust, for all processes that map
/// it.
///
/// # Safety
///
/// `mutex` points to memory for a `Mutex` that nothing uses yet, and that does
/// not move.
pub(crate) unsafe fn initialise<T: ?Sized>(mutex: *mut Mutex<T>) {
    // SAFETY: the caller guarantees memory for the whole mutex; this field is
    // in it.
    let raw = unsafe { &raw mut (*mutex).raw };
    // SAFETY: as above.
    let poisoned = unsafe { &raw mut (*mutex).poisoned };
    // SAFETY: the caller guarantees that nothing uses this memory yet.
    unsafe { initialise_raw(raw, PTHREAD_MUTEX_ROBUST) };
    // SAFETY: as above.
    unsafe { poisoned.write(AtomicU8::new(0)) };
}

/// Initialises the pthread part of a mutex. `robust` is `PTHREAD_MUTEX_ROBUST`
/// or `_STALLED`.
///
/// # Safety
///
/// As for [`initialise`].
pub(crate) unsafe fn initialise_raw(mutex: *mut RawMutex, robust: c_int) {
    let mut attributes = MaybeUninit::<pthread_mutexattr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    // SAFETY: the attributes are initialised by the first call and stay valid
    // until the last one. The caller guarantees that nothing else uses the
    // mutex. None of the calls can fail with these arguments: they fail only
    // for values that they do not know (pthread_mutexattr_init(3) and its
    // siblings).
    #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one argument")]
    unsafe {
        pthread_mutexattr_init(attributes);
        pthread_mutexattr_setpshared(attributes, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(attributes, robust);
        pthread_mutex_init(mutex.cast(), attributes);
        pthread_mutexattr_destroy(attributes);
    }
}

/// Gives access to the value. Dropping it releases the lock.
#[must_use = "dropping the guard releases the lock"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    panicking: bool,
    /// A pthread mutex must be unlocked by the thread that locked it.
    _not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives access to nothing but `&T`.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: while the guard lives, no other thread of any process
        // accesses the value.
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
        // SAFETY: this thread holds the lock: a guard cannot move to another
        // thread.
        unsafe { self.mutex.raw.unlock() };
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}
