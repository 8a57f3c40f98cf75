//! The real programs.

#[path = "../../../../../scripts/compare/tests/support/not_run.rs"]
mod not_run;

use std::{
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

pub use not_run::not_run;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_matrix-mpi");

/// Databases that take a moment.
pub const SMALL: [&str; 2] = ["--rows=400", "--columns=40"];

/// Far beyond what any of this takes, also on a busy machine.
const DEADLINE: &str = "180";

/// Ranks look for messages instead of waiting, so two tests at once would
/// mostly wait for each other.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The root of the other workspace.
pub fn workspace() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(3).unwrap().to_owned()
}

/// This many ranks in this machine.
pub fn ranks(count: usize) -> Command {
    let mut mpirun = within_the_deadline("mpirun");
    mpirun.args(["--oversubscribe", "--bind-to", "none"]);
    // When one has died, the others have nothing to save.
    mpirun.args(["--mca", "odls_base_sigkill_timeout", "0"]);
    mpirun.args(["-n", &count.to_string(), PROGRAM]);
    // Root is asked twice.
    mpirun.env("OMPI_ALLOW_RUN_AS_ROOT", "1");
    mpirun.env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    mpirun
}

/// A command on the first of two machines, or none if this one cannot play two.
pub fn on_two_machines(words: &[&str]) -> Option<Command> {
    let script = workspace().join("scripts/machines.sh");
    let tried = Command::new(&script).arg("true").output().unwrap();
    if !tried.status.success() {
        let (_, reason) = texts(&tried);
        not_run(&format!("matrix on MPI: {}", reason.replace('\n', " ")));
        return None;
    }
    let mut command = within_the_deadline(script);
    command.args(words);
    Some(command)
}

fn within_the_deadline(program: impl Into<PathBuf>) -> Command {
    let mut timeout = Command::new("timeout");
    timeout.args(["--kill-after=1", DEADLINE]).arg(program.into());
    timeout.stdin(Stdio::null());
    timeout
}

/// What a run that succeeds prints, which is its outcome.
pub fn outcome(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    let (out, error) = texts(&output);
    assert!(output.status.success(), "{command:?}: {error}");
    serde_json::from_str(&out).unwrap()
}

/// What it printed on stdout and on stderr.
pub fn texts(output: &Output) -> (String, String) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// The outcome of a sibling.
pub fn sibling(name: &str) -> Value {
    let mut sibling = Command::new(built(name));
    outcome(sibling.arg("--json").args(SMALL).current_dir(workspace()))
}

/// A program of the other workspace, where cargo has built it, which only cargo
/// knows. As scripts/test.sh or, in release, scripts/compare.sh builds it, so
/// that nothing is built twice.
pub fn built(name: &str) -> String {
    let flags: &[&str] = if cfg!(debug_assertions) {
        // With an example, cargo turns on the features of tests.
        &["--all-features", "--example=one_job"]
    } else {
        &["--release"]
    };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--workspace", "--message-format=json"]);
    cargo.args(["--bin=matrix-threads", "--bin=matrix-processes"]);
    let output = cargo.args(flags).current_dir(workspace()).output().unwrap();
    let (out, error) = texts(&output);
    assert!(output.status.success(), "{error}");
    let mut messages = out.lines().map(serde_json::from_str::<Value>);
    let path = messages.find_map(|message| {
        let message = message.unwrap();
        let is_it = message["target"]["name"] == name;
        Some(message["executable"].as_str()?.to_owned()).filter(|_| is_it)
    });
    path.unwrap()
}
