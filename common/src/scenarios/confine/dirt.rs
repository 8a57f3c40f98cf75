//! What a job can leave for the next one in the same worker.

use std::{
    env, io,
    os::fd::{BorrowedFd, IntoRawFd},
    path::Path,
    sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed},
};

use libc::mode_t;
use rustix::io::{fcntl_dupfd_cloexec, fcntl_getfd};

const VARIABLE: &str = "CONFINE_DIRT";

/// A folder that is always there, and where nobody works.
const FOLDER: &str = "/proc";

/// Against all, the owner as well, so that the next job could not open what it
/// creates.
const UMASK: mode_t = 0o777;

static MARK: AtomicBool = AtomicBool::new(false);

/// The number of the descriptor that was left.
static NUMBER: AtomicI32 = AtomicI32::new(NONE);

const NONE: i32 = -1;

/// Leaves all that it can, and returns how much that is.
pub fn leave() -> u64 {
    MARK.store(true, Relaxed);
    // SAFETY: a hostile job does not care for the rules: with threads this is
    // a data race, if another one reads the environment just now. The host
    // does not while it waits for this job.
    unsafe { env::set_var(VARIABLE, "left") };
    set_umask(UMASK);
    let is_elsewhere = env::set_current_dir(FOLDER).is_ok();
    let left = fcntl_dupfd_cloexec(io::stderr(), 3);
    let left = left.map_or(NONE, IntoRawFd::into_raw_fd);
    NUMBER.store(left, Relaxed);
    3 + u64::from(is_elsewhere) + u64::from(left != NONE)
}

/// What an earlier job has left, in words.
pub fn found() -> Vec<String> {
    let mut found = Vec::new();
    if MARK.load(Relaxed) {
        found.push("a static".to_owned());
    }
    if env::var_os(VARIABLE).is_some() {
        found.push("a variable".to_owned());
    }
    if env::current_dir().is_ok_and(|folder| folder == Path::new(FOLDER)) {
        found.push("the working directory".to_owned());
    }
    if mask() == UMASK {
        found.push("the umask".to_owned());
    }
    if is_open(NUMBER.load(Relaxed)) {
        found.push("a descriptor".to_owned());
    }
    found
}

/// The umask can only be read by setting it. A filter may not let us.
fn mask() -> mode_t {
    let mask = set_umask(0);
    set_umask(mask);
    mask
}

/// `rustix` panics if a filter forbids this call, which cannot fail otherwise.
fn set_umask(mask: mode_t) -> mode_t {
    // SAFETY: the call touches no memory.
    unsafe { libc::umask(mask) }
}

fn is_open(number: i32) -> bool {
    if number == NONE {
        return false;
    }
    // SAFETY: it is borrowed for one call, which fails if it is not open.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl_getfd(descriptor).is_ok()
}
