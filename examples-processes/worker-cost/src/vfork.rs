//! A child started by a bare clone(2), as vfork(2) does it, and what it needs
//! to become this program again.
//!
//! It has no twin: a thread runs a function that is already in memory.

use std::{
    ffi::{CString, c_char, c_int, c_void},
    io::{self, PipeReader, PipeWriter},
    os::fd::AsRawFd as _,
    ptr,
};

use anyhow::Result;
use libc::{CLONE_VFORK, CLONE_VM, SIGCHLD};

use crate::{
    forked::Forked,
    program::{EMPTY, THIS},
};

/// The flags of posix_spawn(3): the child uses our memory, and we sleep, until
/// it has its own. So nothing is copied, however much memory we have.
const FLAGS: c_int = CLONE_VM | CLONE_VFORK | SIGCHLD;

/// What the child is given, which may not allocate.
pub struct Exec {
    program: CString,
    role: CString,
    token: CString,
    stdout: PipeWriter,
    stamp: PipeReader,
}

impl Exec {
    pub fn new(token: u64) -> Result<Self> {
        let (stamp, stdout) = io::pipe()?;
        let (program, role) = (CString::new(THIS)?, CString::new(EMPTY)?);
        let token = CString::new(token.to_string())?;
        Ok(Exec { program, role, token, stdout, stamp })
    }

    /// Starts a child with this.
    ///
    /// # Safety
    ///
    /// `stack` is the end of memory that is large enough for `worker`, and
    /// stays until the child has its own memory or is gone. Until then `worker`
    /// changes nothing, and nobody else changes what it reads.
    pub unsafe fn vfork(
        self,
        worker: extern "C" fn(*mut c_void) -> c_int,
        stack: *mut u128,
    ) -> io::Result<Forked> {
        let exec = ptr::from_ref(&self).cast_mut().cast();
        // SAFETY: the caller guarantees it. `self` stays as long, because this
        // thread sleeps until then (clone(2)).
        let id = unsafe { libc::clone(worker, stack.cast(), FLAGS, exec) };
        Forked::new(id, self.stamp)
    }

    /// With dup2(2) and execve(2). It returns if there is no such program.
    pub fn replace_this_process(&self) {
        let Exec { program, role, token, stdout, .. } = self;
        let program = program.as_ptr();
        let arguments: [*const c_char; 4] =
            [program, role.as_ptr(), token.as_ptr(), ptr::null()];
        // SAFETY: both are descriptors, and this process has its own
        // descriptor table.
        unsafe { libc::dup2(stdout.as_raw_fd(), libc::STDOUT_FILENO) };
        // SAFETY: the strings end with a zero, the list of them ends with a
        // null, and all of them outlive the call.
        unsafe { libc::execv(program, arguments.as_ptr()) };
    }
}
