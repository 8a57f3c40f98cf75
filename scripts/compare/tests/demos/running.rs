//! A demo that runs: to its outcome, to its error, or until it is ended.

use std::{
    fs,
    process::{Child, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use common::{
    outcome::{Model, Outcome},
    scenarios::{ALL, Scenario},
};
use rustix::process::Pid;

use crate::support::{demo, outcome};

/// Runs one demo with the arguments, which are parted by blanks.
pub fn run(name: &str, model: Model, arguments: &str) -> Outcome {
    outcome(demo(scenario(name), model).args(arguments.split(' ')))
}

/// The text of an error of the expected status, with nothing on stdout.
pub fn refusal(
    name: &str,
    model: Model,
    arguments: &str,
    status: i32,
) -> String {
    let mut demo = demo(scenario(name), model);
    let output = demo.args(arguments.split(' ')).output().unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

/// The scenario of this name.
pub fn scenario(name: &str) -> &'static Scenario {
    ALL.iter().find(|scenario| scenario.name == name).unwrap()
}

/// The figure of this id.
pub fn figure(found: &Outcome, id: &str) -> f64 {
    let mut metrics = found.metrics.iter();
    metrics.find(|one| one.id == id).unwrap().value.unwrap()
}

/// Far beyond what anything here takes, also on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// How it ended: one that hangs is killed and is a failure.
pub fn end_of(near: &mut Child, arguments: &str) -> ExitStatus {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = near.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            near.kill().unwrap();
            near.wait().unwrap();
            panic!("{arguments}: it hangs");
        }
        thread::yield_now();
    }
}

/// The worker of a program, as soon as it has one.
pub fn far_end(near: &Child) -> Pid {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(&id) = workers(near).first() {
            return Pid::from_raw(id).unwrap();
        }
        assert!(Instant::now() < deadline, "no worker was started");
        thread::yield_now();
    }
}

/// The ids of all that a program has started.
pub fn workers(near: &Child) -> Vec<i32> {
    let id = near.id();
    let children = format!("/proc/{id}/task/{id}/children");
    let children = fs::read_to_string(children).unwrap_or_default();
    children.split_whitespace().map(|id| id.parse().unwrap()).collect()
}
