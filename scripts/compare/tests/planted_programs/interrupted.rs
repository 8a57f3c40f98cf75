//! A comparison that is ended in the middle loses no sample, and leaves no
//! program behind.

use std::{
    io::Read as _,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, ExitStatus, Stdio},
};

use common::outcome::Model;
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    planted::{COMPARE, Fifo, SAY_HERE, Stage, write_program},
    signals::hear,
};

/// Ends when its lifeline is cut, and so does what it starts. Neither listens
/// to a signal of the terminal.
const HANG: &str = "trap '' INT TERM; exec 3<&0; (read _ <&3) & read _; exit";

/// Sends a signal to a comparison that stands in the middle of its second
/// pair, and sees what is left: all samples of the first.
fn interrupt(signal: Signal) -> ExitStatus {
    let stage = Stage::with("shared-state");
    let lines = format!("[ $pair = 2 ] && {{ {SAY_HERE}; {HANG}; }}");
    let program = stage.misbehave("shared-state", Model::Processes, &lines);
    let mut fifo = Fifo::of(&program);
    let mut comparison = start(&stage);
    fifo.wait_for_here();
    kill_process(Pid::from_child(&comparison), signal).unwrap();
    let status = comparison.wait().unwrap();
    fifo.wait_for_the_end();
    let document = stage.document();
    let samples = document["samples"].as_array().unwrap();
    assert!(!samples.is_empty());
    assert!(samples.iter().all(|sample| sample["pair"] == 1));
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
    hear(Signal::INT);
    assert_eq!(interrupt(Signal::INT).code(), Some(130));
}

#[test]
fn by_a_request_to_end() {
    assert_eq!(interrupt(Signal::TERM).code(), Some(143));
}

/// An interpreter that is asked what it is knows of no lifeline, and may be a
/// script that starts the one that is meant.
#[test]
fn while_an_interpreter_is_asked() {
    let stage = Stage::with("shared-state");
    let python = stage.python();
    let lines = "trap '' INT TERM; sleep 60 & sleep 60; exit 1";
    write_program(&python, &format!("#!/bin/sh\n{SAY_HERE}\n{lines}\n"));
    let mut fifo = Fifo::of(&python);
    let mut arguments = stage.arguments(2, &["shared-state"]);
    arguments.retain(|argument| argument != "--no-python");
    let mut comparison = Command::new(COMPARE)
        .args(arguments)
        .arg("--python")
        .arg(&python)
        // Only the one that is planted, and what it needs.
        .env("PATH", "/usr/bin:/bin")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    fifo.wait_for_here();
    kill_process(Pid::from_child(&comparison), Signal::KILL).unwrap();
    comparison.wait().unwrap();
    fifo.wait_for_the_end();
}

#[test]
fn by_the_signal_that_nobody_can_handle() {
    assert_eq!(interrupt(Signal::KILL).signal(), Some(9));
}
