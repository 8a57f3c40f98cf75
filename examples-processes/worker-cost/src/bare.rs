//! The bare limit of a new worker: clone(2), with as little as it takes.

use std::{
    ffi::{CString, c_void},
    io,
    os::fd::{AsRawFd as _, RawFd},
    ptr,
};

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};
use libc::{CLONE_VFORK, CLONE_VM, SIGCHLD, c_char, c_int};

use crate::{anew::Program, borrowed::Forked};

/// Those of posix_spawn(3): the child has our memory, and we sleep, until it
/// has one of its own. So nothing is copied, however much we hold.
const FLAGS: c_int = CLONE_VM | CLONE_VFORK | SIGCHLD; // processes: vfork(2)

/// What it takes to start a worker.
struct Bare {
    /// The child's, until it has a memory of its own. More than two calls
    /// need. Nothing guards its end.
    stack: Vec<u128>,
}

/// What the worker is given.
struct Desk {
    program: *const c_char, // processes: it starts a program
    arguments: [*const c_char; 4],
    stdout: RawFd, // processes: its way to answer
}

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    let mut bare = Bare { stack: vec![0; 1 << 12] };
    laps.started();
    let starts = measure(plan, |token| start(&mut bare, token))?;
    laps.worked(&[]);
    Ok(starts)
}

fn start(bare: &mut Bare, token: u64) -> Result<Stamp> {
    let (stamp, stdout) = io::pipe()?; // processes: its way to answer
    let token = CString::new(token.to_string())?; // processes: text
    let role = CString::new(Program::EMPTY)?;
    let program = c"/proc/self/exe".as_ptr(); // processes: this program again
    let arguments = [program, role.as_ptr(), token.as_ptr(), ptr::null()];
    let desk = Desk { program, arguments, stdout: stdout.as_raw_fd() };
    let top = bare.stack.as_mut_ptr_range().end; // processes: stacks grow down
    // SAFETY: the stack and the desk stay until the child has a memory of its
    // own or is gone, for until then this thread sleeps (clone(2)). In between
    // it makes two calls, which use nothing of ours but `errno`. There are no
    // other threads that could change what it reads.
    let id = unsafe {
        let desk = ptr::from_ref(&desk).cast_mut().cast(); // processes: as it is
        libc::clone(worker, top.cast(), FLAGS, desk)
    };
    let child = Forked::new(id, stamp); // processes: by its id
    drop(stdout); // processes: the child has the other
    child?.join()
}

/// The new process, which becomes this program again.
extern "C" fn worker(desk: *mut c_void) -> c_int {
    // SAFETY: it is the desk of `start`, which sleeps.
    let desk = unsafe { &*desk.cast::<Desk>() };
    // SAFETY: both are descriptors, and this process has a table of its own.
    unsafe { libc::dup2(desk.stdout, libc::STDOUT_FILENO) };
    let arguments = desk.arguments.as_ptr();
    // SAFETY: all are strings that end with a zero, in lists that end with a
    // null, and outlive the call.
    unsafe { libc::execv(desk.program, arguments) }; // processes: a program
    127 // processes: as shells say it
}
