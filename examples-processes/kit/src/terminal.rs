//! Who gives a terminal back when its program cannot.
//!
//! A program that draws has the terminal in raw mode and on its other screen,
//! and gives it back when it ends. After a SIGKILL no drop and no handler
//! runs: the shell then finds a terminal that shows no typing. So the program
//! has a keeper, this program once more, which knows the terminal as it was,
//! and does nothing but wait for the program's end. It is in a process group
//! of its own, where no key and no `kill` of the program's group finds it.
//!
//! What the kernel does for a descriptor it does not do for a terminal's
//! modes: they belong to the terminal and not to who set them.

use std::{
    io::{self, Read as _, Write as _, stdin, stdout},
    net::Shutdown,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{net::UnixStream, process::CommandExt as _},
    },
    process::{Child, Stdio, exit},
};

use anyhow::{Context as _, Result};
use rustix::termios::{
    LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr,
};

use crate::child::this_program;

/// The first argument of a keeper.
pub(crate) const KEEPER: &str = "process-kit-keeper";

/// Ends whatever sequence the program was killed in, and then: plain text, no
/// bracketed paste, the usual screen, a cursor.
const USUAL: &[u8] = b"\x18\x1b[0m\x1b[?2004l\x1b[?1049l\x1b[?25h";

/// A process that outlives this one by a moment.
#[derive(Debug)]
pub struct Keeper {
    child: Child,
    /// Closed by drop, or by the kernel when this process ends.
    line: UnixStream,
}

impl Keeper {
    /// Starts one that knows the terminal on stdout as it is now.
    ///
    /// # Errors
    ///
    /// Fails if no process can be had, or if stdout is no terminal.
    pub fn watch() -> Result<Self> {
        let (line, theirs) = UnixStream::pair()?;
        let child = this_program()
            .arg(KEEPER)
            .stdin(OwnedFd::from(theirs))
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("no keeper of the terminal can be started")?;
        let mut keeper = Keeper { child, line };
        let ready = keeper.line.read_exact(&mut [0]);
        ready.context("stdout is no terminal that could be kept")?;
        Ok(keeper)
    }
}

/// It finds the terminal given back, and ends.
impl Drop for Keeper {
    fn drop(&mut self) {
        // An error here means that it is gone already.
        let _ = self.line.shutdown(Shutdown::Both);
        let _ = self.child.wait();
    }
}

/// Plays the keeper, to the end.
pub(crate) fn keep() -> ! {
    exit(if watch_over_stdout().is_ok() { 0 } else { 1 })
}

fn watch_over_stdout() -> io::Result<()> {
    ignore_job_control();
    let before = tcgetattr(stdout())?;
    let mut line = UnixStream::from(stdin().as_fd().try_clone_to_owned()?);
    line.write_all(&[0])?;
    line.read_to_end(&mut Vec::new())?;
    let now = tcgetattr(stdout())?;
    // A shell that was faster has the terminal in modes of its own.
    if is_raw(&now) && !is_raw(&before) {
        tcsetattr(stdout(), OptionalActions::Now, &before)?;
        stdout().write_all(USUAL)?;
        stdout().flush()?;
    }
    Ok(())
}

/// As programs that draw have it, and no shell: without even Ctrl-C.
fn is_raw(terminal: &Termios) -> bool {
    let cooked = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
    !terminal.local_modes.intersects(cooked)
}

/// Who sets the modes of a terminal from the background is stopped for it
/// (tcsetattr(3)), and the end of a session is told to all of it.
fn ignore_job_control() {
    for signal in [libc::SIGTTOU, libc::SIGHUP] {
        // SAFETY: to ignore a signal runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}
