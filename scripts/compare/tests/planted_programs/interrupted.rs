//! A comparison that is ended in the middle loses no sample, and leaves no
//! program behind.

use std::{
    io::Read as _,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, ExitStatus, Stdio},
};

use common::outcome::Model;
use rustix::process::{Pid, Signal, kill_process};

use crate::planted::{COMPARE, Fifo, SAY_HERE, Stage};

/// Ends when its lifeline is cut, and so does what it starts. Neither listens
/// to a signal of the terminal.
const HANG: &str = "trap '' INT TERM; exec 3<&0; (read _ <&3) & read _; exit";

/// Sends a signal to a comparison that stands in the middle of round 2, with
/// four samples taken, and sees what is left.
fn interrupt(signal: Signal) -> ExitStatus {
    let stage = Stage::with("shared-state");
    let lines = format!("[ $run = 2 ] && {{ {SAY_HERE}; {HANG}; }}");
    let program = stage.misbehave("shared-state", Model::Processes, &lines);
    let mut fifo = Fifo::of(&program);
    let mut comparison = start(&stage);
    fifo.wait_for_here();
    kill_process(Pid::from_child(&comparison), signal).unwrap();
    let status = comparison.wait().unwrap();
    fifo.wait_for_the_end();
    assert_eq!(stage.document()["samples"].as_array().unwrap().len(), 4);
    assert_eq!(printed(&mut comparison), "");
    status
}

fn start(stage: &Stage) -> Child {
    Command::new(COMPARE)
        .args(stage.arguments(2, &["shared-state"]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn printed(comparison: &mut Child) -> String {
    let mut text = String::new();
    let mut stdout = comparison.stdout.take().unwrap();
    let mut stderr = comparison.stderr.take().unwrap();
    stdout.read_to_string(&mut text).unwrap();
    stderr.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn by_the_terminal() {
    assert_eq!(interrupt(Signal::INT).code(), Some(130));
}

#[test]
fn by_a_request_to_end() {
    assert_eq!(interrupt(Signal::TERM).code(), Some(143));
}

#[test]
fn by_the_signal_that_nobody_can_handle() {
    assert_eq!(interrupt(Signal::KILL).signal(), Some(9));
}
