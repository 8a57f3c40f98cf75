//! This program in the role of a worker that does one thing and exits: how it
//! gets its token, and how it leaves its stamp.
//!
//! It has no twin: a thread gets a closure, which returns the stamp.

use std::{
    env,
    io::{self, Read, Write as _},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result};
use common::scenarios::worker_cost::Stamp;

use crate::worker;

/// This program, as it runs: a build may have replaced the file on disk.
pub const THIS: &str = "/proc/self/exe";

/// The first argument of such a worker. The second is the token.
pub const EMPTY: &str = "empty-worker";

/// The command that starts this program as such a worker.
pub fn again(token: u64) -> Command {
    let mut command = Command::new(THIS);
    command.arg(EMPTY).arg(token.to_string());
    command
}

/// The token, if this process is such a worker.
pub fn token() -> Option<u64> {
    let mut arguments = env::args_os().skip(1);
    let role = arguments.next()?;
    let token = arguments.next()?.into_string().ok()?;
    if role == EMPTY { token.parse().ok() } else { None }
}

/// All that such a worker does: it parses no flags, and uses no kit.
pub fn play(token: u64) -> ExitCode {
    let stamp = worker(token);
    match io::stdout().write_all(bytemuck::bytes_of(&stamp)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Reads what a worker has left.
pub fn stamp_in(mut pipe: impl Read) -> Result<Stamp> {
    let mut bytes = [0; size_of::<Stamp>()];
    pipe.read_exact(&mut bytes).context("a worker left no stamp")?;
    Ok(bytemuck::cast(bytes))
}
