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
    let lives = desk.lives.as_ptr(); // threads: for the kernel
    // SAFETY: the stack and the desk stay until the worker is gone, which is
    // waited for below, whatever happens. It has our thread-local memory, and
    // uses none: it reads the clock and writes to the desk. A handler of a
    // signal might, but the two that there are end the program (common::demo).
    let id = unsafe {
        let (desk, none) = (ptr::from_ref(&desk).cast_mut(), NOBODY); // threads: as it is
        libc::clone(worker, top.cast(), FLAGS, desk.cast(), none, none, lives)
    };
    if id == -1 {
        let none = io::Error::last_os_error(); // threads: no memory, no number
        return Err(none).context("no worker can be had");
    }
    while desk.lives.load(Acquire) != 0 {
        let flags = futex::Flags::empty(); // threads: the kernel wakes us
        let _look_again = futex::wait(&desk.lives, flags, 1, None);
    }
    let (began, answer) = (desk.began, desk.answer); // threads: ours again
    Ok(Stamp { began: began.into_inner(), answer: answer.into_inner() })
}

/// No place for its number, and no thread-local memory of its own.
const NOBODY: *mut c_void = ptr::null_mut();

/// The new thread. When it returns, the thread ends.
extern "C" fn worker(desk: *mut c_void) -> c_int {
    // SAFETY: it is the desk that `start` keeps until this thread is gone.
    let desk = unsafe { &*desk.cast::<Desk>() };
    let stamp = Stamp::now(desk.token); // threads: its first act
    desk.began.store(stamp.began, Relaxed); // threads: its end orders them
    desk.answer.store(stamp.answer, Relaxed);
    0
}
