//! A foreign program that nevertheless exits with this one. Linux only.
//!
//! The demos hold a lifeline: see [`common::lifeline`]. An interpreter does so
//! only once its script is loaded; before that it has none, nor does any other
//! program found in its place. So this program is started again first: it has
//! the kernel kill its whole group when its stdin closes, and then execs the
//! other program. The armed signal stays with the pipe.
//!
//! The rejected alternatives: a guard that stays and waits for both is one more
//! process that can be killed; a parent that arms its child's pipe does so a
//! moment after the child has started, and may be killed in that moment.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

use common::{demo, lifeline};
use rustix::process::Signal;

/// The first argument of this program in that role.
const ROLE: &str = "compare-guard";

/// The exit status of shells if there is no such program.
pub const NOT_FOUND: i32 = 127;

/// A command that runs a program; the caller adds its arguments. Its stdin must
/// be a pipe, and it must have its own process group.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg(ROLE).arg(program);
    command
}

/// The program and its arguments, if this process is to become one.
pub fn asked() -> Option<Command> {
    let mut arguments = env::args_os().skip(1);
    arguments.next().filter(|first| first == ROLE)?;
    let program: OsString = arguments.next()?;
    let mut command = Command::new(program);
    command.args(arguments);
    Some(command)
}

/// Becomes the program. Returns only on failure.
pub fn become_it(mut command: Command) -> ExitCode {
    let held = lifeline::hold_for_group(io::stdin(), Signal::KILL);
    let error = held.err().unwrap_or_else(|| command.exec());
    demo::tell(&error);
    match error.kind() {
        io::ErrorKind::NotFound => ExitCode::from(NOT_FOUND as u8),
        _ => ExitCode::FAILURE,
    }
}
