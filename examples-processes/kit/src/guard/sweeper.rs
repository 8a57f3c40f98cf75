//! Removes a segment's name when its owner cannot.
//!
//! The name of shared memory outlives its owner: after a SIGKILL no drop and no
//! handler runs, and /dev/shm keeps the memory until the next boot. So the
//! owner holds a lock on the file (flock(2)) for as long as it lives, and
//! however it exits, the kernel releases the lock. There is one rule: **only a
//! process that holds the lock removes the name.** That is
//!
//! 1. the owner, when it drops the segment;
//! 2. its sweeper, another process of this program that only waits for the
//!    lock. It is in its own process group and blocks all signals: it survives
//!    a Ctrl-C, a `kill` of the owner's group, and the SIGTERM to all processes
//!    with which `systemctl stop` starts;
//! 3. if the sweeper was killed as well, the next program that creates a
//!    segment.
//!
//! A file that cannot be opened or locked is left alone: "cannot tell" is not
//! "dead". A cleaner that is killed at any moment loses the lock and nothing
//! else, and the next one takes over.
//!
//! A gap remains: if owner and sweeper are killed together, as when a container
//! exits, the name and its memory stay until a program with the same /dev/shm,
//! in any container, creates a segment.
//!
//! The rejected alternative is a name that contains its owner's process id and
//! start time: a process that cannot look these up, because it has no
//! descriptor left or is in another namespace, takes a live owner for dead.
//! CPython's `multiprocessing.resource_tracker` has the sweeper, but not the
//! lock.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io,
    mem::MaybeUninit,
    os::{
        fd::{AsFd, AsRawFd as _},
        unix::{fs::OpenOptionsExt as _, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio, exit, id},
    ptr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use anyhow::{Context as _, Result};
use common::laps::monotonic;
use rustix::{
    fs::{
        AtFlags, CWD, FlockOperation, Mode, OFlags, flock, fstat, linkat,
        lstat, open, unlink,
    },
    io::retry_on_intr,
};

use crate::{share::room, share::segment::FOLDER, start::child::this_program};

/// The first argument of a sweeper.
pub(crate) const SWEEPER: &str = "process-kit-sweeper";

/// The prefix of all names.
const PREFIX: &str = "process-kit.segment.";

/// A file in /dev/shm with its name, and the lock that makes it ours.
#[derive(Debug)]
pub(crate) struct Claim {
    name: String,
    /// The lock belongs to this open file. It is closed on exec, so that no
    /// worker keeps the lock when its parent is gone.
    file: File,
    sweeper: Child,
}

impl Claim {
    /// `size` zeroed bytes, reserved, under a new name. The file is locked and
    /// watched before it gets the name, so at no moment could the name be left
    /// behind, or be mistaken for an orphan.
    pub(crate) fn new(size: usize) -> Result<Self> {
        let file = nameless().context("cannot create a file in /dev/shm")?;
        room::reserve(&file, size).with_context(|| {
            format!("cannot reserve {size} bytes of shared memory in {FOLDER}")
        })?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .context("cannot lock a file in /dev/shm")?;
        let name = new_name();
        let sweeper = watch(&file, &name)?;
        let claim = Claim { name, file, sweeper };
        give(&claim.name, &claim.file)?;
        Ok(claim)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// Errors are ignored: what cannot be cleaned up now, the next program that
/// creates a segment cleans up.
impl Drop for Claim {
    fn drop(&mut self) {
        let _ = remove(self.name.as_ref(), &self.file);
        let _ = self.sweeper.kill();
        let _ = self.sweeper.wait();
    }
}

/// Runs the sweeper of the file on stdin, until it exits.
pub(crate) fn sweep(mut arguments: impl Iterator<Item = OsString>) -> ! {
    let file = io::stdin();
    let lock = || flock(&file, FlockOperation::LockExclusive);
    let swept = retry_on_intr(lock).map_err(io::Error::from);
    let swept = swept
        .and_then(|()| arguments.try_for_each(|name| remove(&name, &file)));
    exit(if swept.is_ok() { 0 } else { 1 })
}

/// Removes the names whose owners are dead and whose sweepers failed.
pub(crate) fn sweep_orphans() -> io::Result<()> {
    for entry in fs::read_dir(FOLDER)? {
        let name = entry?.file_name();
        if name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            // An error means that its owner may be alive.
            let _left_alone = sweep_orphan(&name);
        }
    }
    Ok(())
}

fn sweep_orphan(name: &OsStr) -> io::Result<()> {
    let flags =
        OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = open(path(name), flags, Mode::empty())?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    remove(name, &file)
}

/// Removes the name of a file whose lock we hold. If the name now belongs to
/// another file, or to none, it is not ours.
fn remove(name: &OsStr, file: impl AsFd) -> io::Result<()> {
    let (path, ours) = (path(name), fstat(file)?);
    let found = lstat(&path)?;
    if (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino) {
        unlink(&path)?;
    }
    Ok(())
}

fn path(name: &OsStr) -> PathBuf {
    Path::new(FOLDER).join(name)
}

/// A unique name. For people who read it, it shows the owner.
fn new_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (count, now) = (COUNT.fetch_add(1, Relaxed), monotonic().as_nanos());
    format!("{PREFIX}{}.{now}.{count}", id())
}

/// A file that has no name yet.
fn nameless() -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(OFlags::TMPFILE.bits() as i32)
        .open(FOLDER)
}

/// Gives a file its name, if no other file has it.
fn give(name: &str, file: &File) -> Result<()> {
    let name = path(name.as_ref());
    linkat(CWD, link_to(file), CWD, &name, AtFlags::SYMLINK_FOLLOW)
        .with_context(|| format!("cannot create {}", name.display()))
}

/// A path through which an open file can be reopened, or be given a name.
fn link_to(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Starts the sweeper of a file. The sweeper gets the file reopened: if it
/// shared our open file, it would already hold our lock.
fn watch(file: &File, name: &str) -> Result<Child> {
    let theirs = File::open(link_to(file))
        .context("cannot reopen a file in /dev/shm")?;
    let mut sweeper = this_program();
    sweeper
        .args([SWEEPER, name])
        .stdin(theirs)
        .stdout(Stdio::null())
        .process_group(0);
    spawn_deaf(&mut sweeper).context("cannot start a sweeper")
}

/// Starts a process that blocks all signals from its first instruction on: it
/// inherits the signal mask of the thread that starts it.
fn spawn_deaf(command: &mut Command) -> io::Result<Child> {
    let mut all = MaybeUninit::uninit();
    // SAFETY: the pointer is to a whole `sigset_t`, which `sigfillset` may
    // write.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    let mut before = MaybeUninit::uninit();
    // SAFETY: the first set was filled above; the second has room for the old
    // mask.
    unsafe {
        libc::pthread_sigmask(
            libc::SIG_SETMASK,
            all.as_ptr(),
            before.as_mut_ptr(),
        )
    };
    let child = command.spawn();
    // SAFETY: the old mask was filled above, because `pthread_sigmask` fails
    // only for an unknown `how`.
    unsafe {
        libc::pthread_sigmask(
            libc::SIG_SETMASK,
            before.as_ptr(),
            ptr::null_mut(),
        )
    };
    child
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A file with this name that no process has locked.
    fn named(name: &str) -> File {
        let file = nameless().unwrap();
        give(name, &file).unwrap();
        file
    }

    fn exists(name: &str) -> bool {
        path(name.as_ref()).symlink_metadata().is_ok()
    }

    #[test]
    fn an_orphan_is_a_file_whose_lock_can_be_taken() {
        let name = new_name();
        let file = nameless().unwrap();
        flock(&file, FlockOperation::LockExclusive).unwrap();
        give(&name, &file).unwrap();
        sweep_orphans().unwrap();
        assert!(exists(&name));
        drop(file);
        sweep_orphans().unwrap();
        assert!(!exists(&name));
    }

    #[test]
    fn what_cannot_be_opened_or_is_not_ours_is_left_alone() {
        let link = new_name();
        symlink("/dev/null", path(link.as_ref())).unwrap();
        let foreign = [
            format!("process-kit.{}.2.3.4", id()),
            format!("process-kit.segments.{}.2.3", id()),
            format!("sem.{}", new_name()),
        ];
        for name in &foreign {
            named(name);
        }
        sweep_orphans().unwrap();
        for name in foreign.iter().chain([&link]) {
            assert!(exists(name), "{name}");
            fs::remove_file(path(name.as_ref())).unwrap();
        }
    }

    #[test]
    fn the_name_of_another_file_is_not_removed() {
        let name = new_name();
        let (ours, other) = (named(&name), nameless().unwrap());
        remove(name.as_ref(), &other).unwrap();
        assert!(exists(&name));
        remove(name.as_ref(), &ours).unwrap();
        assert!(!exists(&name));
        assert!(remove(name.as_ref(), &ours).is_err());
    }

    #[test]
    fn no_name_comes_twice() {
        assert_ne!(new_name(), new_name());
    }
}
