//! Who gives a terminal back when its program cannot.
//!
//! A program that draws has the terminal in raw mode and on its other screen,
//! and gives it back when it ends. After a SIGKILL no drop and no handler
//! runs: the shell then finds a terminal that shows no typing. So the program
//! has a keeper, this program once more, which knows the terminal as it was,
//! and waits for the program's end. The sibling starts it, in a process group
//! of its own, where no key and no `kill` of the program's group finds it.
//!
//! What the kernel does for a descriptor it does not do for a terminal's
//! modes: they belong to the terminal and not to who set them.
//!
//! Two more things a program that draws cannot do by itself, whatever it
//! waits in. If the terminal goes away, the keeper ends, and the program is
//! sent SIGHUP for it. And what is written to stderr, by a worker too, would
//! be written across the screen: it goes to the keeper, and is printed when
//! the terminal is given back.

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

/// Ends whatever sequence the program was killed in, and then: plain text, no
/// bracketed paste, the usual screen, a cursor.
const USUAL: &[u8] = b"\x18\x1b[0m\x1b[?2004l\x1b[?1049l\x1b[?25h";

/// What is kept of stderr, and as much as a pipe holds: the end of it.
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
    /// Has one watch over the terminal on stdout, which knows it as it is
    /// now. From now on a terminal that goes away is a SIGHUP, and stderr is
    /// kept back, of workers that are started later too.
    ///
    /// `start` starts this program again, as [`KEEPER`], with these as its
    /// stdin and its stderr.
    ///
    /// # Errors
    ///
    /// Fails if no process can be started, or if stdout is no terminal.
    pub fn watch(
        start: impl FnOnce(OwnedFd, OwnedFd) -> io::Result<Child>,
    ) -> Result<Self> {
        let (mut line, theirs) = UnixStream::pair()?;
        let (said, say) = io::pipe()?;
        let child = start(theirs.into(), said.into())
            .context("no keeper of the terminal can be started")?;
        let ready = line.read_exact(&mut [0]);
        ready.context("stdout is no terminal that could be kept")?;
        lifeline::hold(&line, Signal::HUP)?;
        let mut keeper = Keeper { child, line: Some(line), stderr: None };
        if stderr().is_terminal() {
            keeper.stderr = Some(stderr().as_fd().try_clone_to_owned()?);
            dup2_stderr(say)?;
        }
        Ok(keeper)
    }
}

/// It finds the terminal given back, prints what it kept, and ends.
impl Drop for Keeper {
    fn drop(&mut self) {
        // An error here means that the terminal or the keeper is gone.
        let _ = self.stderr.as_ref().map(dup2_stderr);
        // Closed by us, it sends no signal.
        self.line = None;
        let _ = self.child.wait();
    }
}

/// Whether this process was started as a keeper: by its first argument.
pub fn is_keeper() -> bool {
    env::args_os().nth(1).is_some_and(|role| role == KEEPER)
}

/// Plays the keeper, to the end.
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
    // A shell that was faster has the terminal in modes of its own.
    if is_raw(&now) && !is_raw(&before) {
        tcsetattr(stdout(), OptionalActions::Now, &before)?;
        stdout().write_all(USUAL)?;
    }
    stdout().write_all(&said)?;
    stdout().flush()
}

/// Waits until the program has ended or the terminal is gone, and keeps what
/// is said meanwhile. The program's stderr comes in by our own.
fn listen() -> io::Result<Vec<u8>> {
    let (line, terminal, said) = (stdin(), stdout(), stderr());
    let (mut kept, mut room) = (Vec::new(), vec![0; LONGEST]);
    let mut ends = vec![
        PollFd::new(&line, PollFlags::IN),
        // That it hangs up is told unasked.
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

/// As programs that draw have it, and no shell: without even Ctrl-C.
fn is_raw(terminal: &Termios) -> bool {
    let cooked = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
    !terminal.local_modes.intersects(cooked)
}

/// A background process that sets the modes of a terminal is stopped for it
/// (tcsetattr(3)), and the end of a session is told to all its processes.
fn ignore_job_control() {
    for signal in [libc::SIGTTOU, libc::SIGHUP] {
        // SAFETY: to ignore a signal runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}
