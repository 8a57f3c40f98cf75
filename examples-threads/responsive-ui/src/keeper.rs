//! The terminal's keeper: this program, started once more with std alone.

use std::{env, os::unix::process::CommandExt as _, process::Command};

use anyhow::Result;
use common::terminal::{KEEPER, Keeper};

/// Starts it in its own process group, where Ctrl-C does not reach it.
pub fn start() -> Result<Keeper> {
    Keeper::watch(|stdin, stderr| {
        Command::new("/proc/self/exe")
            .arg0(env::args_os().next().unwrap_or_default())
            .arg(KEEPER)
            .stdin(stdin)
            .stderr(stderr)
            .process_group(0)
            .spawn()
    })
}
