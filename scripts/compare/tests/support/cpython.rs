//! The scenarios on CPython, which is `$PYTHON`, or `python3`.

use std::{
    env,
    ffi::OsString,
    process::{Command, Stdio},
    sync::OnceLock,
};

use common::scenarios::Scenario;

use crate::{
    not_run::not_run,
    support::{programs, workspace},
};

/// What runs them.
fn interpreter() -> OsString {
    env::var_os("PYTHON").unwrap_or_else(|| "python3".into())
}

/// Whether it can.
pub fn is_there() -> bool {
    static IS_THERE: OnceLock<bool> = OnceLock::new();
    *IS_THERE.get_or_init(|| {
        let mut python = Command::new(interpreter());
        python.args(["-c", "import multiprocessing, sqlite3"]);
        python.stdout(Stdio::null()).stderr(Stdio::null());
        let is_there = python.status().is_ok_and(|status| status.success());
        if !is_there {
            not_run("the scenarios on CPython: apt-get install python3");
        }
        is_there
    })
}

/// One of them. It finds what Cargo has built where this test does.
pub fn script(scenario: &Scenario) -> Command {
    let mut python = Command::new(interpreter());
    python.arg(workspace().join("scripts/cpython").join(scenario.script()));
    python.env("CARGO_TARGET_DIR", programs().parent().unwrap());
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    if scenario.name == "fetch" {
        python.arg("--server").arg(programs().join("fetch-threads"));
    }
    python
}
