//! The judge, judged on machines that are planted: a program whose time is
//! its number of transfers, and something else as well.

use std::fs;

use assert_cmd::Command;
use common::outcome::Model;

use crate::planted::{COMPARE, Result, Stage, run, squeezed, told};

/// Prints the usual outcome, of work that takes a nanosecond a transfer,
/// times a factor in percent that the lines of shell set.
fn calibrated(comparisons: usize, lines: &str) -> (Stage, Result) {
    let stage = Stage::new();
    let planted = format!(
        r#"
factor=100
transfers=$(sed 's/.*--transfers //' "$0.arguments")
{lines}
work=$((transfers * factor / 100))
sed "s/\"work\":[^,]*/\"work\":$work.0e-9/" "$0.0.2"
exit
"#
    );
    stage.misbehave("shared-state", Model::Threads, &planted);
    let result = run(&mut calibrate(&stage, comparisons));
    (stage, result)
}

fn calibrate(stage: &Stage, comparisons: usize) -> Command {
    let mut command = Command::new(COMPARE);
    command
        .args(["--rounds", "6", "--workers", "2", "--programs"])
        .arg(stage.programs())
        .args(["--calibrate", &comparisons.to_string()]);
    command
}

/// Noise of a hundredth, and a machine that grows slower all the time.
#[test]
fn on_a_quiet_machine_the_judge_may_be_trusted() {
    let (stage, result) = calibrated(3, "factor=$((100 + run % 2 + run / 20))");
    assert_eq!(result.code, Some(0), "{}{}", result.stdout, result.stderr);
    let page = squeezed(&result.stdout);
    for words in [
        "3 comparisons of 6 rounds each",
        "threads against themselves no clear difference in 3 of 3, a false \
         one in 0, too noisy to tell in 0",
        "a slow-down of 10 % found in 3 of 3, missed in 0",
        "The judge may be trusted on this machine now",
    ] {
        assert!(page.contains(words), "no {words} in\n{}", result.stdout);
    }
    assert!(result.stderr.starts_with("2 × 3 comparisons of 6 rounds: about"));
    let program = stage.programs().join("shared-state-threads");
    // Three of the pilot, one of the announcement; a warm-up and six rounds.
    assert_eq!(stage.runs(&program), 4 + 3 * 2 * 2 * 7);
    let told = told(&program);
    // The rounds end with the slower one second, the warm-up being even.
    let rest = told[told.len() - 1].strip_prefix(
        "--json --lifeline --variant partition --seed 1 --workers 2 ",
    );
    let rest = rest.unwrap();
    assert!(["--transfers 50000000", "--transfers 55000000"].contains(&rest));
}

/// Four runs of pilot and announcement, then fourteen of each comparison.
#[test]
fn the_warm_up_does_not_count() {
    let (_, result) =
        calibrated(2, "case $(((run + 10) % 14)) in 0) factor=900;; esac");
    let page = squeezed(&result.stdout);
    assert!(page.contains("no clear difference in 2 of 2"), "{page}");
    assert!(page.contains("found in 2 of 2"), "{page}");
}

#[test]
fn on_a_noisy_machine_the_judge_says_so_and_is_not_wrong() {
    let (_, result) = calibrated(
        2,
        "set -- 100 170 60 130 220 90 150 70 190 110 80\n\
         shift $((run * 7 % 11)); factor=$1",
    );
    assert_eq!(result.code, Some(0), "{}{}", result.stdout, result.stderr);
    let page = squeezed(&result.stdout);
    assert!(
        page.contains("a false one in 0, too noisy to tell in 2"),
        "{page}"
    );
    assert!(page.contains("missed in 0, too noisy to tell in 2"), "{page}");
    assert!(page.contains("This machine is too noisy now"), "{page}");
}

/// What is slow by turns, so that it always meets the same side.
#[test]
fn a_false_difference_is_told_and_fails() {
    let (_, result) =
        calibrated(2, "case $((run % 4)) in 1|2) factor=130;; esac");
    assert_eq!(result.code, Some(1), "{}{}", result.stdout, result.stderr);
    let page = squeezed(&result.stdout);
    assert!(page.contains("no clear difference in 0 of 2, a false one in 2"));
    assert!(page.contains("THE JUDGE IS WRONG"), "{page}");
}

/// A program that takes its time, whatever it is told to do.
#[test]
fn a_slow_down_that_is_missed_is_told_and_fails() {
    let (_, result) = calibrated(2, "transfers=25000000");
    assert_eq!(result.code, Some(1), "{}{}", result.stdout, result.stderr);
    let page = squeezed(&result.stdout);
    assert!(page.contains("a slow-down of 10 % found in 0 of 2, missed in 2"));
    assert!(page.contains("no clear difference in 2 of 2"), "{page}");
}

#[test]
fn a_program_that_fails_or_is_missing_is_an_error() {
    let (stage, result) = calibrated(1, "echo no luck >&2; exit 3");
    assert_eq!(result.code, Some(1));
    for words in ["shared-state-threads cannot be calibrated", "no luck"] {
        assert!(result.stderr.contains(words), "{}", result.stderr);
    }
    fs::remove_file(stage.programs().join("shared-state-threads")).unwrap();
    let result = run(&mut calibrate(&stage, 1));
    assert_eq!(result.code, Some(1));
    assert_eq!(result.stdout, "");
}

#[test]
fn no_comparison_is_bad_usage() {
    for bad in ["0", "1001", "many"] {
        let mut command = Command::new(COMPARE);
        command.args(["--calibrate", bad]);
        assert_eq!(run(&mut command).code, Some(2), "{bad}");
    }
}
