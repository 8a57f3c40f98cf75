//! The judge, judged on machines that are planted.

use assert_cmd::Command;

use crate::planted::{BOTH, COMPARE, Result, Stage, run, squeezed};

/// Both programs do what a few lines of shell say.
fn calibrated(lines: &str) -> Result {
    let stage = Stage::new();
    for model in BOTH {
        stage.misbehave("shared-state", model, lines);
    }
    run(&mut calibrate(&stage))
}

fn calibrate(stage: &Stage) -> Command {
    let mut command = Command::new(COMPARE);
    command
        .args(["--calibrate", "--scenario", "shared-state", "--workers", "2"])
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
    for words in [
        "each program against itself no clear difference in 2 of 2 rows, too \
         noisy to tell in 0, wrong in 0",
        "made slower by 3 % detected in 2 of 2 rows, too noisy to tell in 0, \
         wrong in 0",
        "made slower by 10 % detected in 2 of 2 rows, too noisy",
    ] {
        assert!(page.contains(words), "no {words} in\n{}", result.stdout);
    }
    let words = "The verdicts can be trusted on this machine right now";
    assert!(page.contains(words), "{page}");
}

/// Each start has figures of its own: in one pair the first program is faster,
/// in the next one the second.
#[test]
fn on_a_noisy_machine_the_judge_says_so_and_is_not_wrong() {
    let stage = Stage::new();
    for model in BOTH {
        stage.plant("shared-state", model, |asked| {
            let factors = [1.6, 1.0, 1.0, 1.6];
            asked.scale(0, factors[(asked.pair - 1) % factors.len()]);
        });
    }
    let result = run(&mut calibrate(&stage));
    assert_eq!(result.code, Some(0), "{}{}", result.stdout, result.stderr);
    let page = squeezed(&result.stdout);
    let open = "in 0 of 2 rows, too noisy to tell in 2, wrong in 0";
    assert_eq!(page.matches(open).count(), 3, "{page}");
    assert!(page.contains("This machine is too noisy right now"), "{page}");
}

#[test]
fn where_nothing_is_judged_nobody_is_trusted() {
    let stage = Stage::new();
    for model in BOTH {
        stage.plant("shared-state", model, |asked| {
            asked.outcome.metrics.clear();
        });
    }
    let result = run(&mut calibrate(&stage));
    assert_eq!(result.code, Some(1), "{}", result.stdout);
    assert!(result.stdout.contains("Nothing was judged"), "{}", result.stdout);
}

#[test]
fn a_program_that_fails_or_is_missing_is_an_error() {
    let result = calibrated("echo no luck >&2; exit 3");
    assert_eq!(result.code, Some(1), "{}", result.stdout);
    assert!(result.stdout.contains("no luck"), "{}", result.stdout);
    let result = run(&mut calibrate(&Stage::new()));
    assert_eq!(result.code, Some(1));
    assert!(result.stdout.contains("program not found"), "{}", result.stdout);
}

#[test]
fn what_would_change_what_is_measured_is_bad_usage() {
    for other in ["--quick", "--budget=1", "--json=a.json"] {
        let mut command = Command::new(COMPARE);
        command.args(["--calibrate", other]);
        assert_eq!(run(&mut command).code, Some(2), "{other}");
    }
}
