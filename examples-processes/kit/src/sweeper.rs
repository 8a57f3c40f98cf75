//! Who takes a segment's name away when its owner cannot.
//!
//! The name of shared memory outlives its owner: after a SIGKILL no drop and
//! no handler runs, and /dev/shm keeps the memory until the next boot. So
//! each segment has a sweeper, this program once more, which does nothing
//! but wait at its stdin for the owner's end, and then removes the name. It
//! is in a process group of its own, where neither Ctrl-C nor a `kill` of
//! the owner's group finds it. CPython's `multiprocessing.resource_tracker`
//! is the same idea.
//!
//! If the sweeper is killed as well, the name says whose it was, and whoever
//! creates the next segment removes the names of the dead.

use std::{
    ffi::OsString,
    fs, io,
    io::Read as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio, exit, id},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use anyhow::{Context as _, Result};
use procfs::process::{ProcState, Process};

use crate::{child::this_program, segment::FOLDER};

/// The first argument of a sweeper.
pub(crate) const SWEEPER: &str = "process-kit-sweeper";

/// What all names begin with.
const PREFIX: &str = "process-kit";

/// A process that outlives this one by a moment.
#[derive(Debug)]
pub(crate) struct Sweeper {
    child: Child,
    /// Closed by drop, or by the kernel when this process ends.
    line: Option<ChildStdin>,
}

impl Sweeper {
    /// Watches over a name that does not exist yet: so there is no moment at
    /// which it is unwatched.
    pub(crate) fn watch(name: &str) -> Result<Self> {
        let mut child =
            sweeping(name).spawn().context("no sweeper can be started")?;
        let line = child.stdin.take();
        Ok(Sweeper { child, line })
    }
}

/// It finds nothing left to do, and ends.
impl Drop for Sweeper {
    fn drop(&mut self) {
        drop(self.line.take());
        // An error here means that it is gone already.
        let _ = self.child.wait();
    }
}

/// Plays the sweeper, to the end.
pub(crate) fn sweep(arguments: impl Iterator<Item = OsString>) -> ! {
    let ended = io::stdin().read_to_end(&mut Vec::new());
    for name in arguments {
        remove(&name.to_string_lossy());
    }
    exit(if ended.is_ok() { 0 } else { 1 })
}

/// Removes a name of ours. To remove one that is gone does nothing.
pub(crate) fn remove(name: &str) {
    if Name::parse(name).is_some() {
        let _ = fs::remove_file(Path::new(FOLDER).join(name));
    }
}

/// Removes the names whose owners are dead and whose sweepers failed.
pub(crate) fn sweep_orphans() -> io::Result<()> {
    let here = pid_namespace();
    for entry in fs::read_dir(FOLDER)? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        if Name::parse(&file).is_some_and(|name| name.is_orphan(here)) {
            remove(&file);
        }
    }
    Ok(())
}

/// A name for a segment of this process that no other has, or had.
pub(crate) fn new_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (namespace, owner) = (pid_namespace(), id());
    let birth = birth_of(owner).unwrap_or_default();
    let count = COUNT.fetch_add(1, Relaxed);
    format!("{PREFIX}.{namespace}.{owner}.{birth}.{count}")
}

/// A name says who owns it. An id alone would not do: ids are used again,
/// and several containers may share one /dev/shm, each with ids of its own.
#[derive(Debug, PartialEq)]
struct Name {
    namespace: u64,
    owner: u32,
    birth: u64,
}

impl Name {
    fn parse(file: &str) -> Option<Self> {
        let mut parts =
            file.strip_prefix(PREFIX)?.strip_prefix('.')?.split('.');
        let name = Name {
            namespace: parts.next()?.parse().ok()?,
            owner: parts.next()?.parse().ok()?,
            birth: parts.next()?.parse().ok()?,
        };
        let _count: u64 = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(name)
    }

    fn is_orphan(&self, here: u64) -> bool {
        self.namespace == here && birth_of(self.owner) != Some(self.birth)
    }
}

/// When a process was started, in the kernel's ticks since boot; nothing if
/// it is dead, reaped or not.
fn birth_of(process: u32) -> Option<u64> {
    let stat = Process::new(process as i32).ok()?.stat().ok()?;
    let state = stat.state().ok()?;
    let dead = matches!(state, ProcState::Zombie | ProcState::Dead);
    (!dead).then_some(stat.starttime)
}

fn pid_namespace() -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self/ns/pid").map_or(0, |file| file.ino())
}

fn sweeping(name: &str) -> Command {
    let mut command = this_program();
    command
        .args([SWEEPER, name])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .process_group(0);
    command
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_it_is() {
        let name = Name::parse(&new_name()).unwrap();
        assert_eq!((name.namespace, name.owner), (pid_namespace(), id()));
        assert_ne!(new_name(), new_name());
        assert!(!name.is_orphan(pid_namespace()));
    }

    #[test]
    fn knows_an_orphan() {
        let (here, birth) = (pid_namespace(), birth_of(id()).unwrap());
        let name = |namespace, owner, birth| Name { namespace, owner, birth };
        assert!(name(here, id(), birth + 1).is_orphan(here), "id used again");
        assert!(!name(here + 1, id(), birth + 1).is_orphan(here), "foreign");
        let mut child = Command::new("true").spawn().unwrap();
        let (owner, birth) = (child.id(), birth_of(child.id()).unwrap_or(1));
        child.wait().unwrap();
        assert!(name(here, owner, birth).is_orphan(here), "dead");
    }

    #[test]
    fn leaves_foreign_names_alone() {
        for file in [
            "",
            "process-kit",
            "process-kit.1.2.3",
            "process-kit.1.2.3.4.5",
            "process-kit.1.2.3.x",
            "process-kitten.1.2.3.4",
            "sem.process-kit.1.2.3.4",
        ] {
            assert_eq!(Name::parse(file), None, "{file}");
        }
    }
}
