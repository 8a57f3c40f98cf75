//! The judge, judged on machines that are planted.

use assert_cmd::Command;
use common::outcome::Model;

use crate::planted::{COMPARE, Result, Stage, run, squeezed};

/// The time and the figures of a program are as many per cent as these lines
/// of shell set.
fn calibrated(lines: &str) -> Result {
    let stage = Stage::new();
    for model in [Model::Threads, Model::Processes] {
        stage.misbehave("crash", model, lines);
    }
    run(&mut calibrate(&stage))
}

fn calibrate(stage: &Stage) -> Command {
    let mut command = Command::new(COMPARE);
    command
        .args(["--calibrate", "--scenario", "crash", "--workers", "2"])
        .arg("--keep-disturbed")
        .arg("--programs")
        .arg(stage.programs());
    command
}

#[test]
fn on_a_quiet_machine_the_judge_may_be_trusted() {
    let result = calibrated("");
    assert_eq!(result.code, Some(0), "{}{}", result.stdout, result.stderr);
    let page = squeezed(&result.stdout);
    for words in ["a false one in 0", "missed in 0", "too noisy to tell in 0"] {
        assert!(page.contains(words), "no {words} in\n{}", result.stdout);
    }
    assert!(page.contains("The judge may be trusted on this machine now"));
}

#[test]
fn a_program_that_fails_or_is_missing_is_an_error() {
    let result = calibrated("echo no luck >&2; exit 3");
    assert_eq!(result.code, Some(1), "{}", result.stdout);
    assert!(result.stdout.contains("no luck"), "{}", result.stdout);
    let result = run(&mut calibrate(&Stage::new()));
    assert_eq!(result.code, Some(1));
    assert!(result.stdout.contains("there is no program"), "{}", result.stdout);
}

#[test]
fn what_would_change_what_is_measured_is_bad_usage() {
    for other in ["--quick", "--budget=1", "--json=a.json"] {
        let mut command = Command::new(COMPARE);
        command.args(["--calibrate", other]);
        assert_eq!(run(&mut command).code, Some(2), "{other}");
    }
}
