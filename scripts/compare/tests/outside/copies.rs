//! Copies of programs.

use std::{path::Path, process::Command};

/// Copies a program. Another process writes it: a child that another test
/// starts meanwhile would inherit our descriptor, until it has run exec(2), and
/// a program that is open for writing cannot be started ("text file busy").
pub fn copy_program(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status().unwrap();
    assert!(copied.success(), "{from:?} cannot be copied to {to:?}");
}
