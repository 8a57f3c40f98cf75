//! How a program learns that its parent is gone. Linux only.
//!
//! The parent keeps one end of a pipe and never writes to it; the child keeps
//! the other. When the parent exits, for any reason, the kernel closes its end
//! and sends the child a signal: no thread waits, nothing is polled.
//!
//! A rejected alternative is `PR_SET_PDEATHSIG`: it fires when the *thread*
//! that spawned the child exits, which may be long before the parent does
//! (prctl(2)). Another is a thread that blocks on the pipe: it costs each
//! worker a stack, and it does not run in a worker that is stopped or out of
//! memory.

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

/// Makes the kernel send `signal` to this process as soon as the other end of
/// `pipe` is closed. The caller must keep the descriptor open.
///
/// # Errors
///
/// Fails if `pipe` is not a pipe or socket: a file has no other end.
pub fn hold(pipe: impl AsFd, signal: Signal) -> io::Result<()> {
    let pipe = pipe.as_fd();
    arm(pipe, signal, getpid().as_raw_pid())?;
    // It may have been closed before the signal was armed.
    if is_cut(pipe)? {
        kill_process(getpid(), signal)?;
    }
    Ok(())
}

/// As [`hold`] with SIGTERM, for a pipe that also carries input: input alone
/// must not terminate the program. The kernel may signal a write after the
/// reader has woken up and read it, so input from before this call may raise a
/// signal after it. Therefore the kernel sends SIGIO instead, whose handler
/// checks whether the pipe is closed.
///
/// # Errors
///
/// As [`hold`], or if the handler cannot be installed.
pub fn hold_if_cut(pipe: impl AsFd) -> io::Result<()> {
    let pipe = pipe.as_fd();
    HELD.store(pipe.as_raw_fd(), Relaxed);
    handle_sigio()?;
    arm(pipe, Signal::IO, getpid().as_raw_pid())?;
    end_if_cut(pipe)
}

/// The descriptor of the last call of [`hold_if_cut`].
static HELD: AtomicI32 = AtomicI32::new(-1);

/// Once per process: a second handler would only check twice.
fn handle_sigio() -> io::Result<()> {
    static HANDLED: Mutex<bool> = Mutex::new(false);
    let mut is_handled = HANDLED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_handled {
        // SAFETY: a handler may only do what signal-safety(7) lists. This one
        // loads an atomic and makes up to three system calls, poll(2),
        // getpid(2) and kill(2); it takes no lock and allocates no memory.
        unsafe { low_level::register(SIGIO, look) }?;
        *is_handled = true;
    }
    Ok(())
}

fn look() {
    // SAFETY: the descriptor was open when its number was stored. If it has
    // since been closed or reused, poll(2) checks the wrong descriptor or
    // none, and no memory depends on the result.
    let pipe = unsafe { BorrowedFd::borrow_raw(HELD.load(Relaxed)) };
    // There is no place to report an error.
    let _ = end_if_cut(pipe);
}

fn end_if_cut(pipe: BorrowedFd<'_>) -> io::Result<()> {
    if is_cut(pipe)? {
        kill_process(getpid(), Signal::TERM)?;
    }
    Ok(())
}

/// Stops all signals for this pipe, whatever happens at the other end: for a
/// pipe that is a lifeline at some times and carries input at others.
///
/// # Errors
///
/// Fails if the descriptor is no longer open.
pub fn let_go(pipe: impl AsFd) -> io::Result<()> {
    let pipe = pipe.as_fd();
    let flags = control(pipe, F_GETFL, 0)?;
    control(pipe, F_SETFL, flags & !O_ASYNC)?;
    Ok(())
}

/// As [`hold`], for the whole process group that this process leads, now and
/// later: its children get the signal too, unless they have left the group or
/// have more privileges. The setting belongs to the pipe and survives
/// execve(2).
///
/// # Errors
///
/// As [`hold`], and if this process does not lead its group.
pub fn hold_for_group(pipe: impl AsFd, signal: Signal) -> io::Result<()> {
    let (pipe, group) = (pipe.as_fd(), getpgrp());
    if group != getpid() {
        return Err(io::Error::other(format!(
            "this process is in group {} but does not lead it",
            group.as_raw_pid()
        )));
    }
    // A negative number means a process group.
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
/// Fails if the kernel cannot poll this kind of file.
pub fn is_cut(pipe: impl AsFd) -> io::Result<bool> {
    let mut ends = [PollFd::new(&pipe, PollFlags::IN)];
    // A signal can interrupt even a poll that does not wait (poll(2)).
    retry_on_intr(|| poll(&mut ends, Some(&Default::default())))?;
    Ok(ends[0].revents().contains(PollFlags::HUP))
}

fn control(
    file: BorrowedFd<'_>,
    command: c_int,
    argument: c_int,
) -> io::Result<c_int> {
    // SAFETY: the descriptor is open, because it is borrowed, and the commands
    // above take an integer and touch no memory of ours.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, argument) } {
        -1 => Err(io::Error::last_os_error()),
        value => Ok(value),
    }
}
