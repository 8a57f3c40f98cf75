//! Shared by the test programs with workers.
//!
//! Such a program is a subreaper: processes that a test leaves behind become
//! its children (prctl(2), PR_SET_CHILD_SUBREAPER). So after each test it can
//! prove that no process is left.

use std::{
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use libtest_mimic::{Arguments, Failed, Trial};
use rustix::process::{Pid, WaitOptions, set_child_subreaper, wait};

/// Far longer than anything here takes, even on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A test whose failure prints the whole error chain.
pub fn trial(
    name: impl Into<String>,
    test: impl FnOnce() -> Result<()> + Send + 'static,
) -> Trial {
    Trial::test(name, || {
        test().map_err(|error| Failed::from(format!("{error:#}")))
    })
}

/// Runs the tests one after another; otherwise one would see the children of
/// another.
pub fn run(tests: Vec<Trial>) -> ExitCode {
    set_child_subreaper(Some(Pid::INIT)).unwrap();
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, tests).exit_code()
}

/// Reaps the processes that this subreaper has inherited; they must exit by
/// themselves.
pub fn no_child_is_left(patience: Duration) -> Result<()> {
    let start = Instant::now();
    loop {
        match wait(WaitOptions::NOHANG) {
            Err(rustix::io::Errno::CHILD) => return Ok(()),
            Ok(Some(_)) => {}
            _ if start.elapsed() > patience => bail!("a process is left"),
            _ => thread::yield_now(),
        }
    }
}
