//! Every number and every time that a person may give, at its ends, to every
//! program: the work is done or begun, or it is refused in words.
//!
//! The flags are those of the program's own help, and the ends of a range are
//! those that the program names as it refuses a number.

use std::{
    collections::BTreeSet,
    io::Read as _,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use crate::support::{MODELS, demo};
use common::scenarios::ALL;
use rustix::process::{Pid, Signal, kill_process};

/// What these stand for in a help is no number.
const WORDS: [&str; 12] = [
    "ANSWER", "DIR", "FILE", "HALF", "HOW", "KIND", "MEANS", "NAME", "OLD",
    "PATH", "WHERE", "YES|NO",
];

/// With these there is little to do, if they are not refused.
const SMALL: [&str; 15] = [
    "",
    "-1",
    "-0.5",
    "0",
    "1",
    "NaN",
    "inf",
    "-inf",
    "0s",
    "1ns",
    "-1s",
    "1B",
    "8388608GiB",
    "18446744073709551616",
    "18446744073709551615GiB",
];

/// With these it may be more than anybody waits for.
const LARGE: [&str; 5] = [
    "18446744073709551615",
    "1e308",
    "1day",
    "365days",
    "18446744073709551615s",
];

/// Flags with which a demo has little to do but for the one that is tried.
const LITTLE: [(&str, &str); 10] = [
    ("shared-state", "--accounts=16 --transfers=50 --workers=2"),
    ("ipc", "--size=8 --messages=2 --variant=ring"),
    ("responsive-ui", "--headless --cancels=0 --steps=100"),
    ("matrix", "--rows=20 --columns=4 --workers=1 --global-lock=held"),
    ("kill-workers", "--jobs=4 --stuck=1 --variant=loop --workers=1"),
    ("crash", "--transfers=8 --deaths=1 --variant=abort --workers=2"),
    ("worker-cost", "--starts=1 --crew=1 --parent-memory=0 --table=0"),
    ("fetch", "--requests=1 --size=9 --delay=1ms --faults=0 --workers=1"),
    ("address-space", "--operations=1 --workers=1"),
    ("confine", "--variant=bare --only=costs --starts=1"),
];

/// Whatever has little to do, or was told to end, and takes so long, hangs.
const HANGS: Duration = Duration::from_secs(120);

/// How long a program is watched that has much to do. It is no measure of
/// anything: what fails by the size of a number does so before the work
/// begins, and where that comes later, it is missed and not misjudged.
const LOOK: Duration = Duration::from_millis(150);

/// A program without the flag that is tried, and that flag.
struct Case {
    command: Box<dyn Fn() -> Command + Send>,
    flag: String,
    /// Whether there is much to do whatever the number is.
    is_long: bool,
}

#[test]
fn no_end_of_a_number_is_too_much_for_a_demo() {
    let mut cases = Vec::new();
    for scenario in ALL {
        let little = LITTLE.iter().find(|(name, _)| *name == scenario.name);
        let (_, little) = little.unwrap();
        for model in MODELS {
            for flag in flags(demo(scenario, model)) {
                let others = without(little, &flag);
                let command = Box::new(move || {
                    let mut command = demo(scenario, model);
                    command.arg("--lifeline").args(&others);
                    command
                });
                cases.push(Case { command, flag, is_long: false });
            }
        }
    }
    try_all(cases);
}

#[test]
fn no_end_of_a_number_is_too_much_for_the_comparison() {
    let folder = tempfile::tempdir().unwrap();
    let samples = folder.path().join("samples.json");
    let compare = || Command::new(env!("CARGO_BIN_EXE_compare"));
    let cases = flags(compare()).into_iter().map(|flag| {
        let (samples, shown) = (samples.clone(), flag.clone());
        let command = Box::new(move || {
            let mut command = compare();
            match shown.as_str() {
                "--task-time" | "--shared" | "--how-often" | "--memory" => {
                    command.arg("--advise").arg("--json").arg(&samples)
                }
                "--calibrate" => &mut command,
                _ => command
                    .args(["--quick", "--no-python", "--scenario=crash"])
                    .arg("--json")
                    .arg(&samples),
            };
            command
        });
        Case { command, flag, is_long: true }
    });
    try_all(cases.collect());
}

/// The flags of a program that take a number, by its help: `--rows <N>`.
fn flags(mut program: Command) -> Vec<String> {
    let help = program.arg("--help").output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let lines = help.lines().map(str::trim_start);
    let flags = lines.filter_map(|line| {
        let (flag, value) = line.split_once(' ')?;
        let value = value.trim_start_matches(['[', '<']);
        let value = value.split(['>', ' ']).next()?;
        let is_number = flag.starts_with("--") && !WORDS.contains(&value);
        is_number.then(|| flag.to_owned())
    });
    let flags: Vec<_> = flags.collect();
    assert!(flags.contains(&"--seed".to_owned()), "{help}");
    flags
}

/// Other flags, and what a flag needs beside it.
fn without(others: &str, flag: &str) -> Vec<String> {
    let is_other = |other: &&str| match flag {
        "--soak" => !other.starts_with("--jobs="),
        _ => !other.starts_with(&format!("{flag}=")),
    };
    let needed = (flag == "--soak").then_some("--chaos=1");
    let others = others.split(' ').filter(is_other);
    others.chain(needed).map(str::to_owned).collect()
}

/// More at once than there are cores: most of them wait.
fn try_all(cases: Vec<Case>) {
    let cases = Mutex::new(cases.into_iter());
    let next = || cases.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = next() {
                    case.try_every_end();
                }
            });
        }
    });
}

impl Case {
    fn try_every_end(&self) {
        let mut ends = BTreeSet::new();
        for value in SMALL {
            let said = if self.is_long {
                self.begin(value)
            } else {
                self.do_all(value)
            };
            ends.extend(ends_of_a_range(&said));
        }
        for value in LARGE {
            ends.extend(ends_of_a_range(&self.begin(value)));
        }
        for end in ends {
            self.begin(&end);
        }
    }

    /// Runs it to its end. Gives what it said of what is wrong.
    fn do_all(&self, value: &str) -> String {
        let mut program = self.start(value);
        let status = wait(&mut program, HANGS).unwrap_or_else(|| {
            program.kill().unwrap();
            panic!("it hangs: {}", self.shown(value))
        });
        self.check(value, program, status)
    }

    /// Runs it to its end, or for a while: then it is told to end.
    fn begin(&self, value: &str) -> String {
        let mut program = self.start(value);
        if let Some(status) = wait(&mut program, LOOK) {
            return self.check(value, program, status);
        }
        let id = Pid::from_child(&program);
        kill_process(id, Signal::TERM).unwrap();
        let status = wait(&mut program, HANGS);
        program.kill().unwrap();
        let shown = self.shown(value);
        let status = status.unwrap_or_else(|| panic!("it hangs: {shown}"));
        // On a busy machine it may not have got as far as its own handler.
        let has_died_of_it = status.signal() == Some(Signal::TERM.as_raw());
        match status.code() {
            Some(130 | 143) => String::new(),
            None if has_died_of_it => String::new(),
            _ => self.check(value, program, status),
        }
    }

    fn start(&self, value: &str) -> Child {
        (self.command)()
            .arg(format!("{}={value}", self.flag))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// What it said, if it ended as a program may.
    fn check(
        &self,
        value: &str,
        mut program: Child,
        status: ExitStatus,
    ) -> String {
        let mut said = String::new();
        let mut stderr = program.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        let shown = self.shown(value);
        assert!(!said.contains("panicked at"), "{shown}: {status}\n{said}");
        match status.code() {
            Some(0) => {}
            Some(1 | 2) => assert!(said.contains("error: "), "{shown}: {said}"),
            _ => panic!("{shown}: {status}\n{said}"),
        }
        said
    }

    fn shown(&self, value: &str) -> String {
        format!("{:?} {}={value}", (self.command)(), self.flag)
    }
}

/// How it ended, if it does so in time.
fn wait(program: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        let status = program.try_wait().unwrap();
        if status.is_some() || Instant::now() > deadline {
            return status;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Both numbers of `1..=1024`, or of `from 1 to 1024`.
fn ends_of_a_range(said: &str) -> Vec<String> {
    let said = said.replace("..=", " to ");
    let Some((before, after)) = said.split_once(" to ") else {
        return Vec::new();
    };
    let number = |word: Option<&str>| {
        let digits = word?.trim_matches(|sign: char| !sign.is_ascii_digit());
        Some(digits.to_owned()).filter(|digits| !digits.is_empty())
    };
    let ends = [before.split(' ').next_back(), after.split(' ').next()];
    ends.into_iter().filter_map(number).collect()
}
