//! A child process with an owner: it does not outlive its owner, and the
//! processes it starts do not outlive it.
//!
//! Its death is detected through a pidfd (pidfd_open(2)), not through the end
//! of its streams: a child that forked and died has left them open in its own
//! child. This takes a third descriptor per worker, besides the socket and the
//! lifeline: with the usual limit of 1024, a program can have 340 workers
//! instead of 510. In return, nothing waits for a dead worker, and killing one
//! needs no descriptor when none are left. Where the kernel refuses a pidfd,
//! the streams have to report the death.
//!
//! Each child leads a process group, and the processes it starts belong to it.
//! The whole group is killed with its leader, and before the leader is reaped:
//! until then no other group can get its number. Processes that leave the group
//! (setsid(2), setpgid(2)) escape. A group of its own also has a price: signals
//! from the terminal reach only the main program. On Ctrl-C the program exits,
//! and its workers die through their lifelines. On Ctrl-Z it stops; its workers
//! finish what they have, and wait.

use std::{
    env, io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt as _,
    },
    process::{self, Command, ExitStatus},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{
        Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process,
        kill_process_group, pidfd_open, pidfd_send_signal, waitid,
    },
};
use serde::Serialize;

use crate::start::wire::Wire;

/// How long a worker with nothing left to do may take to exit, even on a busy
/// machine.
pub(crate) const PARTING: Duration = Duration::from_secs(5);

/// How often to check for a death where there is no pidfd.
const LOOK: Duration = Duration::from_millis(1);

/// Killed and reaped on drop. Killing one that is already reaped does nothing.
#[derive(Debug)]
pub(crate) struct Child {
    process: process::Child,
    pidfd: Option<Arc<OwnedFd>>,
    /// Set when the child is reaped.
    status: Option<ExitStatus>,
}

impl Child {
    fn new(process: process::Child) -> io::Result<Self> {
        let mut child = Child { process, pidfd: None, status: None };
        match pidfd_open(child.pid(), PidfdFlags::empty()) {
            Ok(pidfd) => child.pidfd = Some(Arc::new(pidfd)),
            // Pidfds exist, and only a limit was reached: report it.
            Err(error @ (Errno::MFILE | Errno::NFILE)) => Err(error)?,
            // The kernel has no pidfds, or a sandbox forbids them.
            Err(_) => {}
        }
        Ok(child)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Readable as soon as the child is dead; `None` where the kernel refuses
    /// pidfds.
    pub(crate) fn pidfd(&self) -> Option<&Arc<OwnedFd>> {
        self.pidfd.as_ref()
    }

    /// Sends a signal. The child must not be reaped yet, so it still has its
    /// process id; a pidfd makes doubly sure.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        match &self.pidfd {
            Some(pidfd) => pidfd_send_signal(pidfd, signal)?,
            None => kill_process(self.pid(), signal)?,
        }
        Ok(())
    }

    /// Kills the child, unless it is already dead, and the processes it
    /// started. Does not wait for its death: that may take long, in the kernel.
    pub(crate) fn kill(&self) -> io::Result<()> {
        if self.status.is_none() {
            self.kill_group();
            // Again, because the child may have left its group.
            self.signal(Signal::KILL)?;
        }
        Ok(())
    }

    /// Kills the child, unless it is already dead, and reaps it.
    pub(crate) fn end(&mut self) -> Result<ExitStatus> {
        self.kill()?;
        self.reap()
    }

    /// Kills the child, unless it is already dead, without waiting. Returns its
    /// exit status if it is dead by now.
    pub(crate) fn try_end(&mut self) -> Result<Option<ExitStatus>> {
        self.kill()?;
        self.is_dead().then(|| self.reap()).transpose()
    }

    /// Waits until the child exits, however long that takes, and reaps it.
    pub(crate) fn reap(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        self.wait_for_death().context("cannot wait for a worker")?;
        self.kill_group();
        let status = self.process.wait();
        let status = status.context("cannot reap a worker")?;
        self.status = Some(status);
        Ok(status)
    }

    /// Waits until the child is dead, without reaping it.
    pub(crate) fn wait_for_death(&self) -> io::Result<()> {
        self.look_for_death(WaitIdOptions::empty()).map(drop)
    }

    /// Whether the child is dead. If the kernel cannot tell, `reap` reports
    /// why.
    pub(crate) fn is_dead(&self) -> bool {
        self.look_for_death(WaitIdOptions::NOHANG).unwrap_or(false)
    }

    /// Waits until the child exits, and kills it if it has not by `deadline`.
    pub(crate) fn reap_until(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<ExitStatus> {
        match self.status {
            None if !self.is_dead_by(deadline)? => self.end(),
            _ => self.reap(),
        }
    }

    fn is_dead_by(&self, deadline: Option<Instant>) -> io::Result<bool> {
        let until_dead = |pidfd| PollFd::new(pidfd, PollFlags::IN);
        let mut ends: Vec<_> = self.pidfd.iter().map(until_dead).collect();
        loop {
            if self.look_for_death(WaitIdOptions::NOHANG)? {
                return Ok(true);
            }
            let left = time_left(deadline);
            if left == Some(Duration::ZERO) {
                return Ok(false);
            }
            let left = if ends.is_empty() {
                Some(left.map_or(LOOK, |left| left.min(LOOK)))
            } else {
                left
            };
            wait_for_any(&mut ends, left)?;
        }
    }

    /// Whether the child is dead, without reaping it.
    fn look_for_death(&self, options: WaitIdOptions) -> io::Result<bool> {
        let death = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        loop {
            match waitid(WaitId::Pid(self.pid()), death | options) {
                Err(Errno::INTR) => {}
                looked => return Ok(looked?.is_some()),
            }
        }
    }

    /// An error means that no process is left, or none that we may kill.
    fn kill_group(&self) {
        let _ = kill_process_group(self.pid(), Signal::KILL);
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // An error here means that the child is already gone.
        let _ = self.end();
    }
}

/// For waiting for a death together with other events: through a pidfd or,
/// where there is none, the end of `stream`, which poll(2) always reports.
pub(crate) fn death<'a>(
    pidfd: Option<&'a Arc<OwnedFd>>,
    stream: &'a impl AsFd,
) -> PollFd<'a> {
    match pidfd {
        Some(pidfd) => PollFd::new(pidfd, PollFlags::IN),
        None => PollFd::new(stream, PollFlags::empty()),
    }
}

/// Sends to a process that may be dead, which is not an error: a worker's death
/// is reported like any other, and a worker dies with its parent.
pub(crate) fn hand_over(wire: &Wire, message: &impl Serialize) -> Result<()> {
    let is_gone = |error: &anyhow::Error| {
        let call = error.downcast_ref::<Errno>().copied();
        let stream = || error.downcast_ref().and_then(Errno::from_io_error);
        let errno = call.or_else(stream);
        matches!(errno, Some(Errno::PIPE | Errno::CONNRESET))
    };
    match wire.send(message) {
        Err(error) if is_gone(&error) => Ok(()),
        sent => sent,
    }
}

/// Waits for any of these events, at most for `patience`, or without limit if
/// that is `None`. A signal can end the wait early.
pub(crate) fn wait_for_any(
    ends: &mut [PollFd<'_>],
    patience: Option<Duration>,
) -> io::Result<()> {
    // A time that `poll` cannot represent is no limit.
    let patience = patience.and_then(|time| Timespec::try_from(time).ok());
    match poll(ends, patience.as_ref()) {
        // A signal handler has run. The contents of `ends` mean nothing now.
        Err(Errno::INTR) => ends.iter_mut().for_each(PollFd::clear_revents),
        polled => drop(polled?),
    }
    Ok(())
}

/// How much time is left until then.
pub(crate) fn time_left(deadline: Option<Instant>) -> Option<Duration> {
    Some(deadline?.saturating_duration_since(Instant::now()))
}

/// Starts this program in one of the roles of a worker. Its stdin is the wire.
/// Its stdout is *our stderr*, from its first instruction on, so that nothing
/// it prints can corrupt our JSON.
pub(crate) fn start(role: &str) -> io::Result<(Child, Wire)> {
    let (ours, theirs) = Wire::pair()?;
    let child = this_program()
        .arg(role)
        .stdin(OwnedFd::from(theirs))
        .stdout(io::stderr())
        .process_group(0)
        .spawn()?;
    Ok((Child::new(child)?, ours))
}

/// This program, to be started again: from its open executable, not from its
/// path, where a build may have put another one by now.
pub(crate) fn this_program() -> Command {
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = env::args_os().next() {
        command.arg0(name);
    }
    command
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    /// Whichever of the two is gone: its death is reported elsewhere.
    #[test]
    fn what_is_sent_to_the_dead_is_no_error() {
        let (here, there) = Wire::pair().unwrap();
        drop(there);
        assert!(here.send(&7_u8).is_err(), "the kernel says so");
        hand_over(&here, &7_u8).unwrap();
        let (here, there) = Wire::pair().unwrap();
        hand_over(&there, &1_u8).unwrap();
        drop(here); // with a message unread
        hand_over(&there, &2_u8).unwrap();
    }
}
