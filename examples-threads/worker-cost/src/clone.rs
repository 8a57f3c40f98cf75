//! A thread started by a bare clone(2), and the memory that it shares with the
//! thread that waits for it.
//!
//! It has no twin: a process that runs a new program leaves its stamp in a
//! pipe, and the kernel tells the parent that it is gone.

use std::{
    ffi::{c_int, c_void},
    io, ptr,
    sync::atomic::{
        AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed},
    },
};

use common::scenarios::worker_cost::Stamp;
use libc::{
    CLONE_CHILD_CLEARTID, CLONE_FILES, CLONE_FS, CLONE_SIGHAND, CLONE_SYSVSEM,
    CLONE_THREAD, CLONE_VM,
};
use rustix::thread::futex;

/// The flags of a pthread (pthreads(7)), without those that only its library
/// needs: its own thread-local memory, and its thread ID.
const FLAGS: c_int = CLONE_VM
    | CLONE_FS
    | CLONE_FILES
    | CLONE_SIGHAND
    | CLONE_THREAD
    | CLONE_SYSVSEM
    | CLONE_CHILD_CLEARTID;

/// What the worker is given, and where it leaves its stamp.
pub struct Mailbox {
    pub token: u64,
    began: AtomicU64,
    answer: AtomicU64,
    /// When the worker is gone, the kernel writes zero here and wakes the
    /// thread that waits for it (`CLONE_CHILD_CLEARTID`, clone(2)).
    lives: AtomicU32,
}

impl Mailbox {
    pub fn new(token: u64) -> Self {
        let (began, answer) = (AtomicU64::new(0), AtomicU64::new(0));
        Mailbox { token, began, answer, lives: AtomicU32::new(1) }
    }

    /// Starts a thread with this mailbox.
    ///
    /// # Safety
    ///
    /// `stack` is the end of memory that is large enough for `worker`. It and
    /// the mailbox stay in place until [`wait`](Mailbox::wait) returns.
    /// `worker` uses no thread-local memory, because it has ours.
    pub unsafe fn clone(
        &self,
        worker: extern "C" fn(*mut c_void) -> c_int,
        stack: *mut u128,
    ) -> io::Result<()> {
        let mailbox = ptr::from_ref(self).cast_mut().cast();
        let (none, lives) = (ptr::null_mut::<c_void>(), self.lives.as_ptr());
        // SAFETY: the caller guarantees it. The flags ask for no thread ID and
        // no thread-local memory, so both places are null.
        let id = unsafe {
            let stack = stack.cast();
            libc::clone(worker, stack, FLAGS, mailbox, none, none, lives)
        };
        match id {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    /// The worker's exit orders these stores before the loads below.
    pub fn leave(&self, stamp: Stamp) {
        self.began.store(stamp.began, Relaxed);
        self.answer.store(stamp.answer, Relaxed);
    }

    /// Waits until the worker is gone, and returns its stamp.
    pub fn wait(&self) -> Stamp {
        while self.lives.load(Acquire) != 0 {
            let flags = futex::Flags::empty();
            let _look_again = futex::wait(&self.lives, flags, 1, None);
        }
        let (began, answer) = (&self.began, &self.answer);
        Stamp { began: began.load(Relaxed), answer: answer.load(Relaxed) }
    }
}
