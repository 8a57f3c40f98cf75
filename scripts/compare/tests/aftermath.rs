//! However a program ends, nothing is left: no process, no zombie, nothing
//! in /dev/shm and nothing in the temporary folder.
//!
//! This process is a subreaper, see prctl(2): what a program leaves behind
//! becomes its child, and it can wait until it has none. One test, because
//! children belong to the whole process.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(dead_code, reason = "not every test needs all of the support")]

mod support;

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use common::{input::Input, scenarios::ALL};
use rustix::{
    io::Errno,
    process::{
        Pid, Signal, WaitOptions, kill_process, set_child_subreaper, wait,
    },
};
use support::{MODELS, programs};

/// Random moments for each program and signal.
const MOMENTS: usize = 20;

/// The latest of them. All programs take longer than that.
const LATEST: Duration = Duration::from_millis(250);

/// Far more than it takes, also on a busy machine.
const DEADLINE: Duration = Duration::from_secs(20);

#[test]
fn nothing_is_left_however_it_ends() {
    set_child_subreaper(Some(Pid::from_raw(1).unwrap())).unwrap();
    generate_databases();
    let mut input = Input::new(2026, 0);
    for program in victims() {
        for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
            for _ in 0..MOMENTS {
                let moment = LATEST.mul_f64(input.uniform());
                end_at(&program, signal, moment);
            }
        }
    }
}

/// Every demo, and the comparison of them all.
fn victims() -> Vec<Vec<String>> {
    let programs_of = |model| ALL.iter().map(move |one| one.program(model));
    let mut victims: Vec<Vec<String>> = MODELS
        .into_iter()
        .flat_map(programs_of)
        .map(|name| vec![name])
        .collect();
    victims.push(vec!["compare".into(), "--quick".into()]);
    victims
}

/// So that no victim has to, which is long and under a lock.
fn generate_databases() {
    for quick in [&[][..], &["--quick"]] {
        let mut demo = Command::new(programs().join("matrix-threads"));
        let done = demo.args(quick).stdout(Stdio::null()).status().unwrap();
        assert!(done.success());
    }
}

fn end_at(program: &[String], signal: Signal, moment: Duration) {
    let what = format!("{program:?}, {signal:?} after {moment:?}");
    let names = shared_memory();
    let home = tempfile::tempdir().unwrap();
    let mut victim = Command::new(programs().join(&program[0]));
    victim.args(&program[1..]).env("TMPDIR", home.path());
    if program[0] == "compare" {
        victim.arg("--json").arg(home.path().join("samples.json"));
    }
    let mut child = victim
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(moment);
    kill_process(Pid::from_child(&child), signal).unwrap();
    let status = child.wait().unwrap();
    let expected = match signal {
        Signal::KILL => None,
        signal => Some(128 + signal.as_raw()),
    };
    // Before a handler is set, the signal itself is the end: shells say the
    // same of both.
    assert!(status.code() == expected || status.code().is_none(), "{what}");
    no_child_is_left(&what);
    assert_eq!(shared_memory(), names, "{what}");
    nothing_but_valid_samples(home.path(), &what);
}

fn no_child_is_left(what: &str) {
    let start = Instant::now();
    loop {
        match wait(WaitOptions::NOHANG) {
            Err(Errno::CHILD) => return,
            Err(error) => panic!("{what}: {error}"),
            Ok(Some(_)) => {}
            Ok(None) => {
                assert!(start.elapsed() < DEADLINE, "{what}: {}", children());
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

fn children() -> String {
    let listed =
        Command::new("ps").args(["-eo", "ppid,pid,stat,args"]).output();
    String::from_utf8_lossy(&listed.unwrap().stdout).into_owned()
}

fn shared_memory() -> BTreeSet<String> {
    let folder = fs::read_dir("/dev/shm").unwrap();
    folder
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("process-kit."))
        .collect()
}

fn nothing_but_valid_samples(home: &Path, what: &str) {
    for file in fs::read_dir(home).unwrap() {
        let path = file.unwrap().path();
        assert!(path.ends_with("samples.json"), "{what}: {}", path.display());
        let text = fs::read_to_string(path).unwrap();
        if let Err(error) = serde_json::from_str::<serde_json::Value>(&text) {
            panic!("{what}: {error}: {text}");
        }
    }
}
