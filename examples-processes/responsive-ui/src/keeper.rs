//! The keeper of the terminal: this program, started once more by std alone.

use std::{env, os::unix::process::CommandExt as _, process::Command};

use anyhow::Result;
use common::terminal::{KEEPER, Keeper};

/// Starts it, in a process group of its own, where no Ctrl-C finds it.
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
