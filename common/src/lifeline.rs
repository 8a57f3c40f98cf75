//! How a program learns that the one which started it is gone. Linux only.
//!
//! The parent keeps one end of a pipe and never writes to it; the child holds
//! the other. When the parent ends, however it ends, the kernel closes its
//! end, and the child is sent a signal: no thread waits, nothing is polled.
//!
//! The rejected alternative is `PR_SET_PDEATHSIG`: it fires when the parent's
//! *thread* that spawned the child ends, which may be long before the parent
//! does (prctl(2)). Another is a thread that blocks on the pipe: it costs
//! each worker a stack, and a worker that is stopped or out of memory does
//! not get to run it.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI32, Ordering::Relaxed},
    },
};

use libc::{F_GETFL, F_SETFL, F_SETOWN, O_ASYNC, c_int};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::retry_on_intr,
    process::{Signal, getpgrp, getpid, kill_process, kill_process_group},
};
use signal_hook::{consts::SIGIO, low_level};

/// Which signal `O_ASYNC` sends: `asm-generic/fcntl.h`, not yet in `libc`.
const F_SETSIG: c_int = 10;

/// Has this process sent `signal` as soon as the other end of `pipe` is
/// closed. The caller keeps the descriptor open for as long as it counts.
///
/// # Errors
///
/// Fails if `pipe` is no pipe or socket: a file has no other end.
pub fn hold(pipe: impl AsFd, signal: Signal) -> io::Result<()> {
    let pipe = pipe.as_fd();
    arm(pipe, signal, getpid().as_raw_pid())?;
    // It may have been closed before the signal was armed.
    if is_cut(pipe)? {
        kill_process(getpid(), signal)?;
    }
    Ok(())
}

/// The same by SIGTERM, of a pipe that also brings input: that alone sends
/// nothing. The kernel tells of a write when the reader is awake already and
/// may have read it, so what has come before this call may be told after it.
/// Therefore the signal is another one, SIGIO, and looks for itself.
///
/// # Errors
///
/// As [`hold`], or if there can be no handler.
pub fn hold_if_cut(pipe: impl AsFd) -> io::Result<()> {
    let pipe = pipe.as_fd();
    HELD.store(pipe.as_raw_fd(), Relaxed);
    handle_sigio()?;
    arm(pipe, Signal::IO, getpid().as_raw_pid())?;
    end_if_cut(pipe)
}

/// What [`hold_if_cut`] was called with last.
static HELD: AtomicI32 = AtomicI32::new(-1);

/// Once for the whole process: a second handler would only look twice.
fn handle_sigio() -> io::Result<()> {
    static HANDLED: Mutex<bool> = Mutex::new(false);
    let mut is_handled = HANDLED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_handled {
        // SAFETY: a handler may only do what signal-safety(7) lists. This one
        // loads an atomic and makes up to three system calls, poll(2),
        // getpid(2) and kill(2); it takes no lock and no memory.
        unsafe { low_level::register(SIGIO, look) }?;
        *is_handled = true;
    }
    Ok(())
}

fn look() {
    // SAFETY: the number is that of a descriptor which was open when it was
    // stored. Should it be another's by now, or nobody's, then poll(2) looks
    // at the wrong one or at none, and no memory depends on what it finds.
    let pipe = unsafe { BorrowedFd::borrow_raw(HELD.load(Relaxed)) };
    // There is nobody to tell.
    let _ = end_if_cut(pipe);
}

fn end_if_cut(pipe: BorrowedFd<'_>) -> io::Result<()> {
    if is_cut(pipe)? {
        kill_process(getpid(), Signal::TERM)?;
    }
    Ok(())
}

/// Has nothing sent any more, whatever happens at the other end: for a pipe
/// that is a lifeline at some times, and brings input at others.
///
/// # Errors
///
/// Fails if the descriptor is no file any more.
pub fn let_go(pipe: impl AsFd) -> io::Result<()> {
    let pipe = pipe.as_fd();
    let flags = control(pipe, F_GETFL, 0)?;
    control(pipe, F_SETFL, flags & !O_ASYNC)?;
    Ok(())
}

/// As [`hold`], for the whole process group that this process leads, now and
/// later: what it has started is sent the signal too, unless it has left the
/// group or holds more rights. What is armed belongs to the pipe, and outlives
/// execve(2).
///
/// # Errors
///
/// As [`hold`], and if this process does not lead its group.
pub fn hold_for_group(pipe: impl AsFd, signal: Signal) -> io::Result<()> {
    let (pipe, group) = (pipe.as_fd(), getpgrp());
    if group != getpid() {
        return Err(io::Error::other(format!(
            "this process is in group {} and does not lead it",
            group.as_raw_pid()
        )));
    }
    // A group is told from a process by its sign.
    arm(pipe, signal, -group.as_raw_pid())?;
    if is_cut(pipe)? {
        kill_process_group(group, signal)?;
    }
    Ok(())
}

/// F_SETOWN, F_SETSIG and O_ASYNC: fcntl(2), "Managing signals".
fn arm(pipe: BorrowedFd<'_>, signal: Signal, owner: c_int) -> io::Result<()> {
    control(pipe, F_SETOWN, owner)?;
    control(pipe, F_SETSIG, signal.as_raw())?;
    let flags = control(pipe, F_GETFL, 0)?;
    control(pipe, F_SETFL, flags | O_ASYNC)?;
    match control(pipe, F_GETFL, 0)? & O_ASYNC {
        0 => Err(io::Error::from(io::ErrorKind::Unsupported)),
        _ => Ok(()),
    }
}

/// Whether the other end of a pipe or socket is closed.
///
/// # Errors
///
/// Fails if the kernel cannot watch what it is.
pub fn is_cut(pipe: impl AsFd) -> io::Result<bool> {
    let mut ends = [PollFd::new(&pipe, PollFlags::IN)];
    // Also a look that waits for nothing is interrupted by a signal (poll(2)).
    retry_on_intr(|| poll(&mut ends, Some(&Default::default())))?;
    Ok(ends[0].revents().contains(PollFlags::HUP))
}

fn control(
    file: BorrowedFd<'_>,
    command: c_int,
    argument: c_int,
) -> io::Result<c_int> {
    // SAFETY: the descriptor is open, as it is borrowed, and the commands
    // above take an integer and touch no memory of ours.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, argument) } {
        -1 => Err(io::Error::last_os_error()),
        value => Ok(value),
    }
}
