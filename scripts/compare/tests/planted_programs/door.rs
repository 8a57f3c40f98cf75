//! What a person types, and `scripts/compare.sh`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assert_cmd::{Command, assert::Assert};

use crate::planted::{COMPARE, Stage, run, write_program};

fn compare(arguments: &[&str]) -> Assert {
    Command::new(COMPARE).args(arguments).assert()
}

fn said(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[test]
fn an_unknown_scenario_is_answered_with_those_there_are() {
    let assert = compare(&["--scenario", "fibers"]).code(2);
    let text = said(&assert);
    for scenario in common::scenarios::ALL {
        assert!(text.contains(scenario.name), "{text}");
    }
}

#[test]
fn too_few_rounds_are_answered_with_the_reason() {
    let assert = compare(&["--rounds", "5"]).code(2);
    assert!(said(&assert).contains("at least 6 rounds"));
    assert!(said(&assert).contains("95 % confidence interval"));
}

#[test]
fn what_is_no_number_is_bad_usage() {
    for bad in [
        ["--rounds", "many"],
        ["--rounds", "1001"],
        ["--workers", "0"],
        ["--workers", "1025"],
        ["--deadline", "0"],
        ["--deadline", "-1"],
        ["--deadline", "NaN"],
        ["--deadline", "1e9"],
        ["--seed", "-1"],
    ] {
        compare(&bad).code(2);
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let assert = compare(&["--programs", "/no/such/folder"]).code(1);
    assert!(said(&assert).contains("no programs in /no/such/folder"));
}

#[test]
fn help_has_examples() {
    let assert = compare(&["--help"]).success();
    let help = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert!(help.contains("scripts/compare.sh --quick"));
}

fn script() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap().join("compare.sh")
}

/// A folder with a cargo that says what it was told and builds nothing, and
/// with a comparison that says what it was told.
fn planted_cargo(status: i32) -> Stage {
    let stage = Stage::new();
    let cargo = format!("#!/bin/sh\necho cargo \"$@\" >&2\nexit {status}\n");
    write_program(&stage.programs().join("cargo"), &cargo);
    let release = stage.programs().join("release");
    fs::create_dir(&release).unwrap();
    write_program(
        &release.join("compare"),
        "#!/bin/sh\nprintf '[%s]' \"$@\"\nexit 7\n",
    );
    stage
}

fn door(stage: &Stage) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .arg(script())
        .args(["--quick", "--scenario", "two words"])
        .env("PATH", stage.programs())
        .env("CARGO_TARGET_DIR", stage.programs())
        .current_dir("/");
    command
}

#[test]
fn the_script_builds_and_then_becomes_the_comparison() {
    let result = run(&mut door(&planted_cargo(0)));
    assert!(result.stderr.starts_with(
        "cargo build --quiet --release --workspace --bins --manifest-path"
    ));
    assert_eq!(result.stdout, "[--quick][--scenario][two words]");
    assert_eq!(result.code, Some(7));
}

#[test]
fn the_script_compares_nothing_that_was_not_built() {
    let result = run(&mut door(&planted_cargo(101)));
    assert_eq!(result.code, Some(101));
    assert_eq!(result.stdout, "");
}

#[test]
fn the_script_says_what_to_install() {
    let result = run(&mut door(&Stage::new()));
    assert_eq!(result.code, Some(1));
    assert!(result.stderr.contains("there is no cargo: install Rust"));
}
