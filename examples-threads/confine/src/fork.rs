//! Starting a process that is a copy of this one.

use std::io;

/// Splits this process in two, and returns whether this is the copy. In a
/// program with threads, a copy may make system calls only.
pub fn split() -> io::Result<bool> {
    // SAFETY: what a copy then does is up to the caller, as said above.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        id => Ok(id == 0),
    }
}
