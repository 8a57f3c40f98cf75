//! A child process that is owned: it does not outlive its owner.

use std::{
    env, io,
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    process::{self, Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context as _, Result};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::retry_on_intr,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use crate::wire::Wire;

/// Kills and reaps on drop. To kill what is reaped already does nothing.
#[derive(Debug)]
pub(crate) struct Child(process::Child);

impl Child {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal. It goes through a pidfd, which can mean no other
    /// process, even if this child were reaped behind our back and its
    /// number given away. It is opened only now, because a descriptor for
    /// each worker would halve the number of workers.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(self.pidfd()?, signal)?)
    }

    /// Kills it, unless it is dead already, and reaps it.
    pub(crate) fn end(&mut self) -> Result<ExitStatus> {
        if self.0.try_wait()?.is_none() {
            self.signal(Signal::KILL)?;
        }
        self.reap()
    }

    /// Kills it, unless it is dead already, and waits for nothing: how it
    /// ended, if it has.
    pub(crate) fn try_end(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.0.try_wait()?;
        if status.is_none() {
            self.signal(Signal::KILL)?;
        }
        Ok(status)
    }

    /// Waits for its end, however long.
    pub(crate) fn reap(&mut self) -> Result<ExitStatus> {
        self.0.wait().context("a worker could not be reaped")
    }

    /// Waits for its end for so long, and then kills it.
    pub(crate) fn reap_within(
        &mut self,
        patience: Duration,
    ) -> Result<ExitStatus> {
        let pidfd = self.pidfd()?;
        let mut ends = [PollFd::new(&pidfd, PollFlags::IN)];
        let patience = Timespec::try_from(patience).ok();
        if retry_on_intr(|| poll(&mut ends, patience.as_ref()))? == 0 {
            return self.end();
        }
        self.reap()
    }

    fn pidfd(&self) -> io::Result<OwnedFd> {
        Ok(pidfd_open(Pid::from_child(&self.0), PidfdFlags::empty())?)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // An error here means that it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// This program in one of the roles of a worker. Its stdin is the wire. Its
/// stdout is *our stderr*, from its first instruction on, so that nothing it
/// prints can corrupt our JSON.
pub(crate) fn start(role: &str) -> io::Result<(Child, Wire)> {
    let (ours, theirs) = Wire::pair()?;
    let child = this_program()
        .arg(role)
        .stdin(OwnedFd::from(theirs))
        .stdout(io::stderr())
        .spawn()?;
    Ok((Child(child), ours))
}

/// This program, to be started again: by its open file and not by its path,
/// under which a build may have put another meanwhile.
pub(crate) fn this_program() -> Command {
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = env::args_os().next() {
        command.arg0(name);
    }
    command
}
