//! The bare limit of a new worker: clone(2), with as little as it takes.

use std::{
    ffi::c_void,
    io, ptr,
    sync::atomic::{
        AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed},
    },
};

use anyhow::{Context as _, Result};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};
use libc::{
    CLONE_CHILD_CLEARTID, CLONE_FILES, CLONE_FS, CLONE_SIGHAND, CLONE_SYSVSEM,
    CLONE_THREAD, CLONE_VM, c_int,
};
use rustix::thread::futex;

/// Those of a pthread (pthreads(7)), less what only its library needs: a
/// memory of its own for thread-local variables, and its number.
const FLAGS: c_int = CLONE_VM // threads: one memory
    | CLONE_FS
    | CLONE_FILES
    | CLONE_SIGHAND
    | CLONE_THREAD
    | CLONE_SYSVSEM
    | CLONE_CHILD_CLEARTID;

/// What it takes to start a worker.
struct Bare {
    /// More than three calls need. Nothing guards its end.
    stack: Vec<u128>, // threads: it runs in our memory
}

/// What the worker is given, and where it leaves its stamp.
struct Desk {
    token: u64,
    began: AtomicU64, // threads: in memory that both see
    answer: AtomicU64,
    /// The kernel writes zero here when the worker is gone, and wakes who
    /// waits for that (`CLONE_CHILD_CLEARTID`, clone(2)).
    lives: AtomicU32,
}

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    let mut bare = Bare { stack: vec![0; 1 << 12] };
    laps.started();
    let starts = measure(plan, |token| start(&mut bare, token))?;
    laps.worked(&[]);
    Ok(starts)
}

fn start(bare: &mut Bare, token: u64) -> Result<Stamp> {
    let (began, answer) = (AtomicU64::new(0), AtomicU64::new(0));
    let desk = Desk { token, began, answer, lives: AtomicU32::new(1) };
    let top = bare.stack.as_mut_ptr_range().end; // threads: stacks grow down
    let lives = desk.lives.as_ptr();
    let deaf = Deaf::begin();
    // SAFETY: the stack and the desk stay until the worker is gone, which is
    // waited for below, whatever happens. It has our thread-local memory, and
    // uses none: it reads the clock and writes to the desk, and as it is deaf,
    // no handler of a signal does more.
    let id = unsafe {
        libc::clone(
            worker,
            top.cast(),
            FLAGS,
            ptr::from_ref(&desk).cast_mut().cast(),
            ptr::null_mut::<c_int>(),
            ptr::null_mut::<c_void>(),
            lives,
        )
    };
    drop(deaf);
    if id == -1 {
        let error = io::Error::last_os_error();
        return Err(error).context("no worker can be started");
    }
    while desk.lives.load(Acquire) != 0 {
        // Any error means: look again.
        let flags = futex::Flags::empty();
        let _look_again = futex::wait(&desk.lives, flags, 1, None);
    }
    let (began, answer) = (desk.began, desk.answer);
    Ok(Stamp { began: began.into_inner(), answer: answer.into_inner() })
}

/// The new thread. When it returns, the thread ends.
extern "C" fn worker(desk: *mut c_void) -> c_int {
    // SAFETY: it is the desk that `start` keeps until this thread is gone.
    let desk = unsafe { &*desk.cast::<Desk>() };
    let stamp = Stamp::now(desk.token);
    desk.began.store(stamp.began, Relaxed); // threads: the end orders them
    desk.answer.store(stamp.answer, Relaxed);
    0
}

/// While it lives, this thread takes no signal, nor do those it starts then.
struct Deaf(libc::sigset_t);

impl Deaf {
    fn begin() -> Self {
        // SAFETY: a set is integers only, for which zero is a value.
        let mut all = unsafe { std::mem::zeroed() };
        let mut before = all;
        // SAFETY: the pointer is to a live set.
        unsafe { libc::sigfillset(&raw mut all) };
        // SAFETY: both pointers are to live sets. It fails for a wrong first
        // argument only.
        unsafe {
            libc::pthread_sigmask(
                libc::SIG_SETMASK,
                &raw const all,
                &raw mut before,
            )
        };
        Deaf(before)
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        let before = &raw const self.0;
        // SAFETY: the set is the one that was in force before.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, before, ptr::null_mut())
        };
    }
}
