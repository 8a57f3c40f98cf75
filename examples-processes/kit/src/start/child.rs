//! A child process that is owned: it does not outlive its owner, and what it
//! has started does not outlive it.
//!
//! Its death is told by a pidfd (pidfd_open(2)), not by the end of its
//! streams: a child that forked and died has left them open in its own child.
//! That is a third descriptor for each worker, beside its socket and its
//! lifeline: with the usual limit of 1024 a program has 340 workers rather
//! than 510. It pays for that: nothing waits for a worker that is dead, and
//! killing one needs no descriptor when there are none left. Where the kernel
//! refuses a pidfd, the streams have to tell.
//!
//! Each child leads a process group, and what it starts belongs to that. The
//! whole group is killed with its leader, and before the leader is reaped:
//! until then nobody else can be given the group's number. What leaves the
//! group (setsid(2), setpgid(2)) escapes this. A group of its own has a price
//! too: what a terminal sends to the program, it sends to the program alone.
//! By Ctrl-C the program ends, and its workers end by their lifelines. By
//! Ctrl-Z it stops; its workers finish what they have, and wait.

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

/// How long a worker may take to end that has nothing to do any more, also on
/// a busy machine.
pub(crate) const PARTING: Duration = Duration::from_secs(5);

/// How often to look for a death that no pidfd tells of.
const LOOK: Duration = Duration::from_millis(1);

/// Kills and reaps on drop. To kill what is reaped already does nothing.
#[derive(Debug)]
pub(crate) struct Child {
    process: process::Child,
    pidfd: Option<Arc<OwnedFd>>,
    /// Set when it is reaped.
    status: Option<ExitStatus>,
}

impl Child {
    fn new(process: process::Child) -> io::Result<Self> {
        let mut child = Child { process, pidfd: None, status: None };
        match pidfd_open(child.pid(), PidfdFlags::empty()) {
            Ok(pidfd) => child.pidfd = Some(Arc::new(pidfd)),
            // There could be one, so not to have one is no way out.
            Err(error @ (Errno::MFILE | Errno::NFILE)) => Err(error)?,
            // The kernel has none, or a sandbox does not let us.
            Err(_) => {}
        }
        Ok(child)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Readable as soon as it is dead; nothing where the kernel refuses it.
    pub(crate) fn pidfd(&self) -> Option<&Arc<OwnedFd>> {
        self.pidfd.as_ref()
    }

    /// Sends a signal to a child that is not reaped yet, and so still has its
    /// number, which a pidfd checks once more.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        match &self.pidfd {
            Some(pidfd) => pidfd_send_signal(pidfd, signal)?,
            None => kill_process(self.pid(), signal)?,
        }
        Ok(())
    }

    /// Kills it, unless it is dead already, and what it has started. Its
    /// death is not waited for: that may take long, in the kernel.
    pub(crate) fn kill(&self) -> io::Result<()> {
        if self.status.is_none() {
            self.kill_group();
            // Once more, because it may have left its group.
            self.signal(Signal::KILL)?;
        }
        Ok(())
    }

    /// Kills it, unless it is dead already, and reaps it.
    pub(crate) fn end(&mut self) -> Result<ExitStatus> {
        self.kill()?;
        self.reap()
    }

    /// Kills it, unless it is dead already, and waits for nothing: how it
    /// ended, if it has.
    pub(crate) fn try_end(&mut self) -> Result<Option<ExitStatus>> {
        self.kill()?;
        self.is_dead().then(|| self.reap()).transpose()
    }

    /// Waits for its end, however long.
    pub(crate) fn reap(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        self.wait_for_death().context("a worker could not be waited for")?;
        self.kill_group();
        let status = self.process.wait();
        let status = status.context("a worker could not be reaped")?;
        self.status = Some(status);
        Ok(status)
    }

    /// Waits until it is dead. It can be reaped then.
    pub(crate) fn wait_for_death(&self) -> io::Result<()> {
        self.look_for_death(WaitIdOptions::empty()).map(drop)
    }

    /// Whether it is dead. Where the kernel cannot tell, to reap it says why.
    pub(crate) fn is_dead(&self) -> bool {
        self.look_for_death(WaitIdOptions::NOHANG).unwrap_or(false)
    }

    /// Waits for its end until then, and kills it if it has not come.
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
            let left = match ends.is_empty() {
                true => Some(left.map_or(LOOK, |left| left.min(LOOK))),
                false => left,
            };
            wait_for_any(&mut ends, left)?;
        }
    }

    /// Whether it is dead. It is not reaped by that.
    fn look_for_death(&self, options: WaitIdOptions) -> io::Result<bool> {
        let death = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        loop {
            match waitid(WaitId::Pid(self.pid()), death | options) {
                Err(Errno::INTR) => {}
                looked => return Ok(looked?.is_some()),
            }
        }
    }

    /// An error means that none is left, or none that we may kill.
    fn kill_group(&self) {
        let _ = kill_process_group(self.pid(), Signal::KILL);
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // An error here means that it is gone already.
        let _ = self.end();
    }
}

/// To wait for a death along with other things: by a pidfd, or, where there
/// is none, by the end of `stream`, of which poll(2) tells in any case.
pub(crate) fn death<'a>(
    pidfd: Option<&'a Arc<OwnedFd>>,
    stream: &'a impl AsFd,
) -> PollFd<'a> {
    match pidfd {
        Some(pidfd) => PollFd::new(pidfd, PollFlags::IN),
        None => PollFd::new(stream, PollFlags::empty()),
    }
}

/// Sends to a process that may be dead, which is no error: a worker's death is
/// told as any other, and a worker ends with its parent.
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

/// Waits for any of these for so long; without end, if that is nothing. It
/// may be over sooner, by a signal.
pub(crate) fn wait_for_any(
    ends: &mut [PollFd<'_>],
    patience: Option<Duration>,
) -> io::Result<()> {
    // What is beyond poll's clock is without end.
    let patience = patience.and_then(|time| Timespec::try_from(time).ok());
    match poll(ends, patience.as_ref()) {
        // A handler has run. What it has left in `ends` means nothing.
        Err(Errno::INTR) => ends.iter_mut().for_each(PollFd::clear_revents),
        polled => drop(polled?),
    }
    Ok(())
}

/// How much time there is until then.
pub(crate) fn time_left(deadline: Option<Instant>) -> Option<Duration> {
    Some(deadline?.saturating_duration_since(Instant::now()))
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
        .process_group(0)
        .spawn()?;
    Ok((Child::new(child)?, ours))
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    /// Whichever of the two is gone: its death is told elsewhere.
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
