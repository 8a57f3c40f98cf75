//! A keeper, which restores a terminal when its program cannot.
//!
//! A full-screen program puts the terminal into raw mode and on the alternate
//! screen, and restores it on exit. After a SIGKILL no drop and no handler
//! runs: the shell is left with a terminal that does not echo. So the program
//! has a keeper, a second instance of itself, which remembers the terminal's
//! original state and waits for the program to exit. The sibling starts it in
//! a separate process group, out of reach of keys and of a `kill` of the
//! program's group.
//!
//! The kernel closes descriptors when a process dies, but it does not restore
//! terminal modes: they belong to the terminal, not to the process that set
//! them.
//!
//! The keeper does two more things that a full-screen program cannot do by
//! itself, whatever it is blocked in. If the terminal goes away, the keeper
//! exits, and that sends the program SIGHUP. And text written to stderr, by a
//! worker too, would garble the screen: it goes to the keeper, which prints it
//! when the terminal is restored.

use std::{
    env,
    io::{self, IsTerminal as _, Read as _, Write as _, stderr, stdin, stdout},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    process::{Child, exit},
};

use anyhow::{Context as _, Result};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{read, retry_on_intr},
    process::Signal,
    stdio::dup2_stderr,
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr},
};

use crate::lifeline;

/// The first argument of a keeper.
pub const KEEPER: &str = "keeper-of-the-terminal";

/// Cancels any escape sequence that the program was killed in, then sets plain
/// text, no bracketed paste, the main screen, and a visible cursor.
const USUAL: &[u8] = b"\x18\x1b[0m\x1b[?2004l\x1b[?1049l\x1b[?25h";

/// How much of stderr is kept, from its end: as much as a pipe can hold.
const LONGEST: usize = 64 << 10;

/// A process that outlives this one by a moment.
#[derive(Debug)]
pub struct Keeper {
    child: Child,
    /// Closed by drop, or by the kernel when this process ends.
    line: Option<UnixStream>,
    /// Where stderr went before, if that was a terminal.
    stderr: Option<OwnedFd>,
}

impl Keeper {
    /// Starts a keeper for the terminal on stdout, which remembers its current
    /// state. From now on, a terminal that goes away raises SIGHUP, and stderr
    /// is held back, also for workers started later.
    ///
    /// `start` starts this program again, as [`KEEPER`], with these as its
    /// stdin and its stderr.
    ///
    /// # Errors
    ///
    /// Fails if no process can be started, or if stdout is not a terminal.
    pub fn watch(
        start: impl FnOnce(OwnedFd, OwnedFd) -> io::Result<Child>,
    ) -> Result<Self> {
        let (mut line, theirs) = UnixStream::pair()?;
        let (said, say) = io::pipe()?;
        let child = start(theirs.into(), said.into())
            .context("cannot start the keeper of the terminal")?;
        let ready = line.read_exact(&mut [0]);
        ready.context("stdout is not a usable terminal")?;
        lifeline::hold(&line, Signal::HUP)?;
        let mut keeper = Keeper { child, line: Some(line), stderr: None };
        if stderr().is_terminal() {
            keeper.stderr = Some(stderr().as_fd().try_clone_to_owned()?);
            dup2_stderr(say)?;
        }
        Ok(keeper)
    }
}

/// The keeper finds the terminal already restored, prints what it held back,
/// and exits.
impl Drop for Keeper {
    fn drop(&mut self) {
        // An error here means that the terminal or the keeper is gone.
        let _ = self.stderr.as_ref().map(dup2_stderr);
        // No signal is sent when we close our own end.
        self.line = None;
        let _ = self.child.wait();
    }
}

/// Whether this process was started as a keeper, by its first argument.
pub fn is_keeper() -> bool {
    env::args_os().nth(1).is_some_and(|role| role == KEEPER)
}

/// Runs as the keeper until the program exits.
pub fn keep() -> ! {
    exit(if watch_over_stdout().is_ok() { 0 } else { 1 })
}

fn watch_over_stdout() -> io::Result<()> {
    ignore_job_control();
    let before = tcgetattr(stdout())?;
    let mut line = UnixStream::from(stdin().as_fd().try_clone_to_owned()?);
    line.write_all(&[0])?;
    let said = listen()?;
    let now = tcgetattr(stdout())?;
    // If the shell was faster, it has already set its own modes.
    if is_raw(&now) && !is_raw(&before) {
        tcsetattr(stdout(), OptionalActions::Now, &before)?;
        stdout().write_all(USUAL)?;
    }
    stdout().write_all(&said)?;
    stdout().flush()
}

/// Waits until the program exits or the terminal goes away, and collects the
/// program's stderr, which arrives on our own stderr.
fn listen() -> io::Result<Vec<u8>> {
    let (line, terminal, said) = (stdin(), stdout(), stderr());
    let (mut kept, mut room) = (Vec::new(), vec![0; LONGEST]);
    let mut ends = vec![
        PollFd::new(&line, PollFlags::IN),
        // A hang-up is reported even if not requested.
        PollFd::new(&terminal, PollFlags::empty()),
        PollFd::new(&said, PollFlags::IN),
    ];
    loop {
        retry_on_intr(|| poll(&mut ends, None))?;
        let is_over = ends[..2].iter().any(|it| !it.revents().is_empty());
        if ends.get(2).is_some_and(|it| !it.revents().is_empty()) {
            let count = retry_on_intr(|| read(&said, &mut room[..]))?;
            kept.extend_from_slice(&room[..count]);
            kept.drain(..kept.len().saturating_sub(LONGEST));
            if count == 0 {
                ends.truncate(2);
            }
        }
        if is_over {
            return Ok(kept);
        }
    }
}

/// Whether full-screen modes are set, which no shell uses: even Ctrl-C is off.
fn is_raw(terminal: &Termios) -> bool {
    let cooked = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
    !terminal.local_modes.intersects(cooked)
}

/// A background process that sets a terminal's modes is stopped (tcsetattr(3)),
/// and the end of a session sends SIGHUP to all its processes.
fn ignore_job_control() {
    for signal in [libc::SIGTTOU, libc::SIGHUP] {
        // SAFETY: ignoring a signal runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}
