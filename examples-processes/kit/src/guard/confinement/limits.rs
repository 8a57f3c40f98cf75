//! How much of the machine a process may use (setrlimit(2)).

use std::{fs, io};

use anyhow::{Context as _, Result, ensure};
use rustix::{
    param::page_size,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use serde::{Deserialize, Serialize};

/// Limits of this process; `None` leaves what was inherited. A limit that was
/// inherited and is lower stays.
///
/// A child inherits them and *counts anew*: together, two processes may have
/// twice the memory. So they are worth something only together with
/// [`Calls`](super::Calls) that forbid new processes. The rejected alternative
/// is a control group, which counts all of them: an ordinary user may write to
/// one only where an administrator has delegated it (cgroups(7)).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct Limits {
    /// Bytes of address space (`RLIMIT_AS`): more than the memory in use,
    /// because what is reserved or mapped from files counts as well. The
    /// rejected alternative is `RLIMIT_DATA`, which does not count shared
    /// memory without a name.
    pub memory: Option<u64>,
    /// Seconds of CPU time. Then SIGXCPU kills, and SIGKILL a second later if
    /// that is ignored.
    pub processor_seconds: Option<u64>,
    /// One more than the highest number of a descriptor.
    pub descriptors: Option<u64>,
    /// Bytes of a file that is written to. It is also the limit of a file in
    /// memory (memfd_create(2)).
    pub file_size: Option<u64>,
    /// Processes *and threads* of this user, those outside counted, too. It
    /// does not count for root.
    pub processes: Option<u64>,
}

impl Limits {
    /// Sets the limits.
    pub(super) fn apply(&self) -> Result<()> {
        self.memory.map_or(Ok(()), must_have_room)?;
        if let Some(seconds) = self.processor_seconds {
            limit_time(seconds).context("cannot limit CPU time")?;
        }
        let limits = [
            (Resource::Nofile, self.descriptors, "descriptors"),
            (Resource::Fsize, self.file_size, "the size of files"),
            (Resource::Nproc, self.processes, "processes"),
            (Resource::As, self.memory, "memory"),
        ];
        for (resource, most, what) in limits {
            let Some(most) = most else { continue };
            limit(resource, most, most)
                .with_context(|| format!("cannot limit {what}"))?;
        }
        Ok(())
    }
}

/// Otherwise the next allocation would end the process without a clear word.
fn must_have_room(most: u64) -> Result<()> {
    let mapped = mapped().context("cannot read /proc/self/statm")?;
    ensure!(
        mapped < most,
        "memory cannot be limited to {most} bytes: {mapped} are mapped \
         already, so allow more"
    );
    Ok(())
}

/// Bytes of address space in use: the first field of proc_pid_statm(5).
fn mapped() -> Result<u64> {
    let sizes = fs::read_to_string("/proc/self/statm")?;
    let pages = sizes.split(' ').next().unwrap_or_default();
    Ok(pages.parse::<u64>()? * page_size() as u64)
}

/// The handler that `inherited` may have set would name the limit that was
/// inherited.
fn limit_time(seconds: u64) -> io::Result<()> {
    // SAFETY: the default action runs no code of ours.
    unsafe { libc::signal(libc::SIGXCPU, libc::SIG_DFL) };
    limit(Resource::Cpu, seconds, seconds.saturating_add(1))
}

/// Sets the soft and the hard limit, or leaves them if they are lower. The hard
/// one keeps this process from raising the soft one.
fn limit(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let inherited = getrlimit(resource);
    let lower = |most: u64, inherited: Option<u64>| {
        Some(inherited.map_or(most, |inherited| inherited.min(most)))
    };
    let limits = Rlimit {
        current: lower(soft, inherited.current),
        maximum: lower(hard, inherited.maximum),
    };
    Ok(setrlimit(resource, limits)?)
}
