//! What programs do when what they print has nowhere to go: no panic, and the
//! status that says what came of the work.

use std::{
    fs::File,
    io,
    process::{Command, ExitStatus, Stdio},
};

use crate::support::{MODELS, demo, programs};
use common::scenarios::ALL;

/// Every demo, and the comparison.
fn all() -> Vec<Command> {
    let demos = ALL.iter().flat_map(|one| MODELS.map(|it| demo(one, it)));
    demos.chain([Command::new(programs().join("compare"))]).collect()
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// A pipe that nobody reads from.
fn closed() -> Stdio {
    let (_, writer) = io::pipe().unwrap();
    writer.into()
}

fn status(program: &mut Command) -> ExitStatus {
    program.stdin(Stdio::null()).status().unwrap()
}

/// Those that have variants: what they list, and how they end if it is lost.
#[test]
fn a_list_that_cannot_be_printed_is_an_error_and_no_panic() {
    let mut lists = 0;
    for mut program in all() {
        program.arg("--list-variants").stderr(Stdio::null());
        let usual = status(program.stdout(Stdio::null()));
        if usual.success() {
            lists += 1;
            let into_full = status(program.stdout(full()));
            assert_eq!(into_full.code(), Some(1), "{program:?}");
            let into_closed = status(program.stdout(closed()));
            assert_eq!(into_closed.code(), Some(0), "{program:?}");
        }
    }
    assert!(lists > 0);
}

#[test]
fn the_reason_is_told_where_it_can_be() {
    let mut demo = demo(&ALL[0], MODELS[0]);
    let told = demo.arg("--list-variants").stdout(full()).output().unwrap();
    let told = String::from_utf8(told.stderr).unwrap();
    assert!(told.contains("No space left on device"), "{told}");
}

/// Each has an error to tell: a file is no lifeline, and no folder of programs.
#[test]
fn an_error_that_cannot_be_told_is_an_error_all_the_same() {
    for mut program in all() {
        let is_demo =
            !program.get_program().to_str().unwrap().ends_with("compare");
        program.arg(if is_demo { "--lifeline" } else { "--programs=/no" });
        program.stdout(Stdio::null());
        let into_full = status(program.stderr(full()));
        assert_eq!(into_full.code(), Some(1), "{program:?}");
        let into_closed = status(program.stderr(closed()));
        assert_eq!(into_closed.code(), Some(1), "{program:?}");
    }
}
