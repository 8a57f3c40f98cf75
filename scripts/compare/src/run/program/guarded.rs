//! A program that is not ours, and yet ends with this one. Linux only.
//!
//! The demos hold a lifeline: see [`common::lifeline`]. An interpreter does so
//! when its script has been read, and what it does before that, or another
//! program that was found in its place, knows of none. So this program is
//! started again first: it has the kernel kill its whole group when its stdin
//! is cut, and becomes the other. What is armed stays with the pipe.
//!
//! The rejected alternatives: a guard that stays, and waits for both, is a
//! process more to be killed; a parent that arms the pipe of its child does it
//! a moment after the child has started, and may be killed in that moment.

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

/// What shells end with if there is no such program.
pub const NOT_FOUND: i32 = 127;

/// A command that runs a program, and takes its arguments. Its stdin must be
/// a pipe, and its process group its own.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg(ROLE).arg(program);
    command
}

/// The program and its arguments, if this process is to become that.
pub fn asked() -> Option<Command> {
    let mut arguments = env::args_os().skip(1);
    arguments.next().filter(|first| first == ROLE)?;
    let program: OsString = arguments.next()?;
    let mut command = Command::new(program);
    command.args(arguments);
    Some(command)
}

/// Becomes the program. It returns only if that fails.
pub fn become_it(mut command: Command) -> ExitCode {
    let held = lifeline::hold_for_group(io::stdin(), Signal::KILL);
    let error = held.err().unwrap_or_else(|| command.exec());
    demo::tell(&error);
    match error.kind() {
        io::ErrorKind::NotFound => ExitCode::from(NOT_FOUND as u8),
        _ => ExitCode::FAILURE,
    }
}
