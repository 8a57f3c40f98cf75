//! The system calls that a process may make (seccomp(2)).
//!
//! This is a list of what is allowed. The rejected alternative is a list of
//! what is forbidden: each call that a later kernel adds would be allowed, as
//! io_uring once was, with which a filter does not see what is done.
//!
//! A call that is not allowed fails with `EPERM`, so that a job can say what it
//! could not do. The rejected alternative is to kill the process: it shows
//! less, and it kills programs that only try what their C library could do
//! without. Two exceptions: clone3(2) fails with `ENOSYS`, because its flags
//! are in memory, where a filter cannot read them, and so glibc uses clone(2)
//! instead; and the calls of another architecture (`int 0x80`) kill.
//!
//! A filter sees numbers, never what a pointer points to. So it cannot tell one
//! path from another, for which [`Files`](super::Files) is.

mod lists;
mod rules;
mod search;

use std::{collections::BTreeMap, env::consts::ARCH, io};

use anyhow::{Context as _, Result, bail};
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompRule, TargetArch, apply_filter,
};
use serde::{Deserialize, Serialize};

use super::Lack;
use lists::{
    FACTS, FILES, LEGACY, LISTENING, MEMORY, PROCESSES, THREADS, WAITING,
};
use rules::Rules;

/// What a process may do beside computing: it may always use its memory, its
/// descriptors and files, start threads, sleep, and read its clocks.
///
/// It may never look into another process or change it, change the owner, mode
/// or times of a file, its own identity or limits, namespaces, mounts or the
/// kernel, or use a socket that is neither TCP nor connected already.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct Calls {
    /// Whether it may start processes, and send signals. They stay in its
    /// process group, so they die with it. Whom its signals reach is up to
    /// [`Confinement::signals`](super::Confinement::signals), because a filter
    /// cannot tell its children from others. Which programs it may start is up
    /// to [`Files`](super::Files), which allow none.
    pub processes: bool,
    /// Whether it may create files in memory, as a
    /// [`Mapping`](crate::Mapping) is. No limit of memory counts them unless
    /// they are mapped; the limits of descriptors and of file sizes do.
    pub memory_files: bool,
    /// Whether it may connect to TCP servers. Which ones is up to
    /// [`Tcp`](super::Tcp). Names cannot be looked up: that needs UDP.
    pub connect: bool,
    /// Whether it may be a TCP server.
    pub listen: bool,
}

/// A filter that is not in force yet.
pub(super) struct Filter(BpfProgram);

impl Calls {
    /// Compiles the filter.
    pub(super) fn filter(self) -> Result<Filter> {
        let Ok(target) = TargetArch::try_from(ARCH) else {
            bail!("system calls cannot be filtered on {ARCH}");
        };
        let rules = self.rules();
        let program = rules
            .and_then(|rules| search::program(rules, libc::SYS_clone3, target));
        Ok(Filter(program.context("cannot compile a filter")?))
    }

    fn rules(self) -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
        let mut rules = Rules::default();
        for calls in [FILES, MEMORY, THREADS, WAITING, FACTS, LEGACY] {
            rules.allow(calls);
        }
        rules.allow_own_facts()?;
        rules.allow_commands()?;
        rules.allow_connected_sockets()?;
        if self.connect || self.listen {
            rules.allow_tcp_sockets()?;
        }
        if self.connect {
            rules.allow(&[libc::SYS_connect]);
        }
        if self.listen {
            rules.allow(LISTENING);
        }
        if self.memory_files {
            rules.allow(&[libc::SYS_memfd_create]);
        }
        if self.processes {
            rules.allow(PROCESSES);
        } else {
            rules.allow_own_signals()?;
        }
        rules.allow_clone(self.processes)?;
        Ok(rules.0)
    }
}

impl Filter {
    /// Puts it in force, for this thread and what it starts.
    pub(super) fn install(self) -> Result<Option<Lack>> {
        match apply_filter(&self.0) {
            Err(Error::Seccomp(error)) if is_unknown(&error) => {
                Ok(Some(Lack::NoFilter))
            }
            applied => {
                applied.context("cannot set a filter")?;
                Ok(None)
            }
        }
    }
}

/// Seccomp(2) fails like this where the kernel has no filters.
fn is_unknown(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL))
}
