//! What a process inherits without being meant to: descriptors and variables.

use std::{
    ffi::{CStr, c_char},
    fs,
    mem::ManuallyDrop,
    os::fd::{FromRawFd as _, OwnedFd, RawFd},
    ptr,
};

use anyhow::{Context as _, Result};
use rustix::{
    fs::{Mode, OFlags, open},
    io::{DupFlags, FdFlags, dup3, fcntl_getfd},
};

unsafe extern "C" {
    /// The list of all variables, which ends with a null pointer: environ(7).
    static mut environ: *mut *mut c_char;
}

/// Replaces every descriptor above standard error that execve(2) would keep by
/// one with which nothing can be done (`O_PATH`, open(2)).
///
/// It is not closed. Code of this program may have opened it, without
/// close-on-exec, and own it: it would close it once more, when the number may
/// belong to somebody else. Another rejected alternative is close_range(2) over
/// all but a list of the kit's own: each file that learns to hold a descriptor
/// would have to be on it.
pub(super) fn disable_descriptors() -> Result<()> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let nothing = open("/dev/null", flags, Mode::empty())
        .context("cannot open /dev/null")?;
    for number in open_descriptors()? {
        // SAFETY: it is never dropped, so a descriptor with another owner is
        // not closed. If the number is free by now, the first call fails.
        let owned = unsafe { OwnedFd::from_raw_fd(number) };
        let mut descriptor = ManuallyDrop::new(owned);
        let flags = fcntl_getfd(&*descriptor);
        if flags.is_ok_and(|flags| !flags.contains(FdFlags::CLOEXEC)) {
            dup3(&nothing, &mut descriptor, DupFlags::CLOEXEC)
                .context("cannot replace a descriptor")?;
        }
    }
    Ok(())
}

/// The numbers above standard error that were in use a moment ago.
fn open_descriptors() -> Result<Vec<RawFd>> {
    let why = "cannot list the open descriptors";
    let mut numbers = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").context(why)? {
        let name = entry.context(why)?.file_name();
        let number = name.to_str().and_then(|name| name.parse().ok());
        numbers.extend(number.filter(|&number: &RawFd| number > 2));
    }
    Ok(numbers)
}

/// Removes all variables but these, and overwrites them: the kernel has put
/// them on the stack of the main thread, where removing them leaves them, for
/// any code to read. The process must have one thread.
///
/// The rejected alternative is a clean environment at spawn: it would be one
/// more argument of everything that starts a worker.
pub(super) fn erase_environment(kept: &[String]) {
    let stays = |variable: &*mut c_char| kept.contains(&name_of(*variable));
    let (kept, erased): (Vec<_>, Vec<_>) =
        variables().into_iter().partition(stays);
    let list = kept.into_iter().chain([ptr::null_mut()]);
    for (index, variable) in list.take(variables().len()).enumerate() {
        // SAFETY: the list has this place, and no other thread reads it.
        unsafe { place(index).write(variable) };
    }
    erased.into_iter().for_each(overwrite);
}

/// The pointers to all variables.
fn variables() -> Vec<*mut c_char> {
    // SAFETY: the value is copied, and no other thread changes it.
    if unsafe { environ }.is_null() {
        return Vec::new();
    }
    // SAFETY: no place is read behind the null pointer that ends the list.
    let all = (0..).map(|index| unsafe { place(index).read() });
    all.take_while(|variable| !variable.is_null()).collect()
}

/// A place in the list, which exists.
fn place(index: usize) -> *mut *mut c_char {
    // SAFETY: the value is copied, and no other thread changes it.
    let list = unsafe { environ };
    list.wrapping_add(index)
}

fn name_of(variable: *mut c_char) -> String {
    // SAFETY: the list has pointers to strings that end with a zero, and none
    // is changed while it is read.
    let variable = unsafe { CStr::from_ptr(variable) };
    let variable = variable.to_string_lossy();
    variable.split('=').next().unwrap_or_default().to_owned()
}

fn overwrite(variable: *mut c_char) {
    // SAFETY: as above.
    let length = unsafe { CStr::from_ptr(variable) }.count_bytes();
    // SAFETY: the string is on the stack or the heap of this process, where it
    // may be written to; nothing refers to it any more, because it is no longer
    // in the list, and std copies what it returns.
    unsafe { ptr::write_bytes(variable, 0, length) };
}
