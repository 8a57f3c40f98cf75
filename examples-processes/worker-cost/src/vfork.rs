//! A child by a bare call of clone(2), as vfork(2) makes it, and what it needs
//! in order to become this program again.
//!
//! It has no twin: a thread runs a function that is in memory already.

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

/// Those of posix_spawn(3): the child has our memory, and we sleep, until it
/// has one of its own. So nothing is copied, however much we hold.
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

    /// Starts a child that is given this.
    ///
    /// # Safety
    ///
    /// `stack` is the end of memory that is enough for `worker`, and stays
    /// until the child has a memory of its own or is gone. Until then `worker`
    /// changes nothing, and nobody else changes what it reads.
    pub unsafe fn vfork(
        self,
        worker: extern "C" fn(*mut c_void) -> c_int,
        stack: *mut u128,
    ) -> io::Result<Forked> {
        let exec = ptr::from_ref(&self).cast_mut().cast();
        // SAFETY: as the caller warrants. This stays as long, for until then
        // this thread sleeps (clone(2)).
        let id = unsafe { libc::clone(worker, stack.cast(), FLAGS, exec) };
        Forked::new(id, self.stamp)
    }

    /// By dup2(2) and execve(2). It returns if there is no such program.
    pub fn replace_this_process(&self) {
        let Exec { program, role, token, stdout, .. } = self;
        let program = program.as_ptr();
        let arguments: [*const c_char; 4] =
            [program, role.as_ptr(), token.as_ptr(), ptr::null()];
        // SAFETY: both are descriptors, and this process has a table of its
        // own.
        unsafe { libc::dup2(stdout.as_raw_fd(), libc::STDOUT_FILENO) };
        // SAFETY: all are strings that end with a zero, in a list that ends
        // with a null, and outlive the call.
        unsafe { libc::execv(program, arguments.as_ptr()) };
    }
}
