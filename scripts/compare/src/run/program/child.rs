//! A program that is started, watched and stopped, whatever it does: for one
//! run, or kept alive from one slice of work to the next. Linux only.
//!
//! Waiting is one poll(2) on three descriptors: the program's pidfd and the
//! pipes of its stdout and stderr, with the remaining time as the timeout. So
//! no thread reads while the program is being measured, and nothing wakes up to
//! check. The pidfd reports the program's exit, not the end of its output,
//! because a grandchild may keep that open.
//!
//! Where no pidfd is available (an old kernel, a container's filter of system
//! calls), the wait is split into pieces, and the program's exit is checked in
//! between.
//!
//! The rejected alternatives: `wait_with_output` has no deadline and waits for
//! the grandchild; SIGCHLD is one flag for a whole process.

use std::{
    io::{self, Write as _},
    mem::take,
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use common::escaped::Escaped;
use rustix::{
    buffer::spare_capacity,
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, ioctl_fionbio, read},
    process::{
        Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group,
        pidfd_open, waitid,
    },
};

/// More than this on stdout is no outcome: the program is killed before it
/// fills our memory.
pub const MOST_OUTPUT: usize = 16 << 20;

/// How much of the end of stderr is kept: the last words explain most.
const KEPT_ERRORS: usize = 64 << 10;

/// How often a program without a pidfd is checked.
const LOOK: Duration = Duration::from_millis(1);

/// The most that is read at once: a pipe's default capacity.
const CHUNK: usize = 64 << 10;

/// The result of waiting for a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It printed a line.
    Line,
    /// It exited; its status says how.
    Ended,
    /// It was killed because the time was up.
    Deadline,
    /// It was killed because it printed more than [`MOST_OUTPUT`].
    Flood,
}

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub ending: Ending,
    /// The program's exit status.
    pub status: ExitStatus,
    /// Whether a process started by the program outlived it and kept its stdout
    /// or stderr open.
    pub left_behind: bool,
    /// All of its stdout.
    pub stdout: Vec<u8>,
    /// The end of its stderr.
    pub stderr: Vec<u8>,
}

/// Runs a program with a time limit. When this returns, the program is reaped
/// and its process group is gone.
///
/// # Errors
///
/// Fails if the program cannot be started or watched.
pub fn run(command: &mut Command, patience: Duration) -> io::Result<Report> {
    let mut program = Program::start(command)?;
    let ending = program.watch(Until::End, patience)?;
    program.report(ending)
}

/// A running program, and what to watch of it. When dropped, it is killed with
/// everything it started in its group, and reaped.
pub struct Program {
    group: Group,
    pidfd: Option<OwnedFd>,
    stdout: Stream,
    stderr: Stream,
}

/// What to wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Line,
    End,
}

impl Program {
    /// The process group allows us to kill what the program started, too. It
    /// also keeps a Ctrl-C of the terminal from the program; the lifeline tells
    /// it instead. There is no `pre_exec`, so `Command` uses posix_spawn.
    ///
    /// # Errors
    ///
    /// Fails if the program cannot be started or watched.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let child = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut group = Group { child, status: None };
        let stdout = group.child.stdout.take().map(OwnedFd::from);
        let stderr = group.child.stderr.take().map(OwnedFd::from);
        Ok(Program {
            pidfd: pidfd_open(group.id(), PidfdFlags::empty()).ok(),
            stdout: Stream::new(stdout, usize::MAX)?,
            stderr: Stream::new(stderr, KEPT_ERRORS)?,
            group,
        })
    }

    /// The program's process id.
    pub fn id(&self) -> u32 {
        self.group.child.id()
    }

    /// Writes a line to it. A failure because it has exited is detected when
    /// waiting for its answer.
    ///
    /// # Errors
    ///
    /// Fails if writing fails in any other way.
    pub fn tell(&mut self, line: &str) -> io::Result<()> {
        let Some(stdin) = &mut self.group.child.stdin else {
            return Ok(());
        };
        match stdin.write_all(line.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Whether it has printed anything that was not taken.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be watched.
    pub fn has_printed(&mut self) -> io::Result<bool> {
        self.stdout.read()?;
        Ok(!self.stdout.bytes.is_empty())
    }

    /// Waits for the next line that it prints. After [`Ending::Line`], the line
    /// can be taken.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be watched.
    pub fn wait_for_line(&mut self, patience: Duration) -> io::Result<Ending> {
        self.watch(Until::Line, patience)
    }

    /// The first printed line that was not yet taken.
    pub fn take_line(&mut self) -> Vec<u8> {
        let printed = &mut self.stdout.bytes;
        let end = printed.iter().position(|byte| *byte == b'\n');
        printed.drain(..end.map_or(printed.len(), |end| end + 1)).collect()
    }

    /// Closes its stdin, which tells it that there is nothing left to do, and
    /// waits for its exit.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be watched.
    pub fn finish(mut self, patience: Duration) -> io::Result<Report> {
        drop(self.group.child.stdin.take());
        let ending = self.watch(Until::End, patience)?;
        self.report(ending)
    }

    /// Stops it, and reports how it ended.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be reaped.
    pub fn report(mut self, ending: Ending) -> io::Result<Report> {
        let left_behind = !self.drain()?;
        let status = self.group.end()?;
        Ok(Report {
            ending,
            status,
            left_behind,
            stdout: take(&mut self.stdout.bytes),
            stderr: take(&mut self.stderr.bytes),
        })
    }

    /// Reads until the awaited event, or until the program must be stopped.
    fn watch(
        &mut self,
        until: Until,
        patience: Duration,
    ) -> io::Result<Ending> {
        let deadline = Instant::now() + patience;
        let mut ended = false;
        loop {
            if until == Until::Line && self.stdout.bytes.contains(&b'\n') {
                return Ok(Ending::Line);
            } else if ended {
                return Ok(Ending::Ended);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Ending::Deadline);
            }
            ended = self.wait(left)?;
            self.stdout.read()?;
            self.stderr.read()?;
            if self.stdout.bytes.len() > MOST_OUTPUT {
                return Ok(Ending::Flood);
            }
        }
    }

    /// Waits for output or the exit; true if it has exited.
    fn wait(&self, left: Duration) -> io::Result<bool> {
        let pause = self.pidfd.as_ref().map_or(LOOK.min(left), |_| left);
        let timeout = Timespec::try_from(pause).map_err(io::Error::other)?;
        let all = [&self.pidfd, &self.stdout.pipe, &self.stderr.pipe];
        let all = all.into_iter().flatten();
        let mut events: Vec<_> =
            all.map(|file| PollFd::new(file, PollFlags::IN)).collect();
        match poll(&mut events, Some(&timeout)) {
            Err(error) if error != Errno::INTR => Err(error.into()),
            _ if self.pidfd.is_none() => self.group.has_ended(),
            _ => Ok(!events[0].revents().is_empty()),
        }
    }

    /// Reads what is left in the pipes; true if both reached their end. The
    /// largest pipe that an unprivileged program can create holds 1 MiB
    /// (pipe(7)): anything beyond that does not come from the program.
    fn drain(&mut self) -> io::Result<bool> {
        for _ in 0..=(1 << 20) / CHUNK {
            self.stdout.read()?;
            self.stderr.read()?;
        }
        Ok(self.stdout.pipe.is_none() && self.stderr.pipe.is_none())
    }
}

/// Guards a program and everything it started in its group.
struct Group {
    /// Its stdin is the program's lifeline: nothing is written to it while the
    /// program works, and it closes when this process exits, however that
    /// happens.
    child: Child,
    /// Known once it is reaped. From then on its id may belong to another
    /// process.
    status: Option<ExitStatus>,
}

impl Group {
    fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Checks without reaping.
    fn has_ended(&self) -> io::Result<bool> {
        let ended = WaitIdOptions::EXITED
            | WaitIdOptions::NOHANG
            | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.id()), ended)?.is_some())
    }

    /// Kills the group, then reaps the program. In this order, because no other
    /// group can get its id until it is reaped.
    fn end(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        // It can only fail if there is nothing to kill.
        let _ = kill_process_group(self.id(), Signal::KILL);
        let status = self.child.wait()?;
        self.status = Some(status);
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // There is nobody to report an error to.
        let _ = self.end();
    }
}

/// A pipe from the program, read without blocking.
struct Stream {
    /// None after its end.
    pipe: Option<OwnedFd>,
    bytes: Vec<u8>,
    /// How many bytes are kept: beyond that, the oldest are dropped.
    most: usize,
}

impl Stream {
    fn new(pipe: Option<OwnedFd>, most: usize) -> io::Result<Self> {
        if let Some(pipe) = &pipe {
            ioctl_fionbio(pipe, true)?;
        }
        Ok(Stream { pipe, bytes: Vec::new(), most })
    }

    fn read(&mut self) -> io::Result<()> {
        let Some(pipe) = &self.pipe else {
            return Ok(());
        };
        self.bytes.reserve(CHUNK);
        match read(pipe, spare_capacity(&mut self.bytes)) {
            Ok(0) => self.pipe = None,
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let surplus = self.bytes.len().saturating_sub(self.most);
        self.bytes.drain(..surplus);
        Ok(())
    }
}

/// The last meaningful line: a panic ends with a note on how to see its
/// backtrace.
pub fn last_words(stderr: &str) -> Option<String> {
    const MOST: usize = 160;
    let line = stderr
        .lines()
        .rfind(|line| !line.trim().is_empty() && !line.starts_with("note: "))?;
    let words = line.strip_prefix("error: ").unwrap_or(line);
    Some(Escaped(words).to_string().chars().take(MOST).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_the_line_that_explains() {
        let panic = "thread 'main' panicked at src/main.rs:1:1:\n\
                     no such table\n\
                     note: run with `RUST_BACKTRACE=1`\n\n";
        assert_eq!(last_words(panic).as_deref(), Some("no such table"));
        let error = last_words("error: no such file\n");
        assert_eq!(error.as_deref(), Some("no such file"));
        assert_eq!(last_words(" \n\n"), None);
        let bold = last_words("\u{1b}[1mred\u{7}");
        assert_eq!(bold.as_deref(), Some(r"\u{1b}[1mred\u{7}"));
        let long = last_words(&"long ".repeat(99)).map(|line| line.len());
        assert_eq!(long, Some(160));
    }
}
