//! Programs that stay, and are told what to do next: both sides of every pair
//! and the same scenarios on CPython, which is `$PYTHON`, or `python3`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/cpython.rs"]
mod cpython;
#[path = "support/not_run.rs"]
mod not_run;
#[path = "support/patience.rs"]
mod patience;
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use common::{
    machine,
    outcome::{Metric, Model, Outcome, is_key},
    scenarios::{ALL, Part, Scenario},
    slices,
};
use patience::patient;
use procfs::process::Process;
use serde_json::{Value, json};
use support::{MODELS, demo, outcome};

/// Nothing here takes as long, on however busy a machine.
const HANGS: Duration = Duration::from_secs(300);

/// A program that is kept alive.
struct Living {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

impl Living {
    fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        command.arg(slices::FLAG);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines() {
                let _ = sender.send(line.unwrap());
            }
        });
        let mut living =
            Living { name, stdin: child.stdin.take(), child, lines };
        assert_eq!(living.answer(), json!({"ready": slices::VERSION}));
        living
    }

    fn of(scenario: &Scenario, model: Model) -> Self {
        Living::start(&mut demo(scenario, model))
    }

    fn request(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn answer(&mut self) -> Value {
        match self.lines.recv_timeout(HANGS) {
            Ok(line) => serde_json::from_str(&line).unwrap(),
            Err(error) => {
                let complaint = self.complaint();
                panic!("{}: {error}: {complaint}", self.name)
            }
        }
    }

    /// What it said before it ended.
    fn complaint(&mut self) -> String {
        let (_, mut text) = (self.child.kill(), String::new());
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut text).unwrap();
        text
    }

    fn ask(&mut self, flags: &[&str]) -> Value {
        self.request(&json!(flags).to_string());
        self.answer()
    }

    fn outcome(&mut self, flags: &[&str]) -> Outcome {
        let said = self.ask(flags);
        let name = &self.name;
        assert!(said["error"].is_null(), "{name} {flags:?}: {said}");
        serde_json::from_value(said["outcome"].clone()).unwrap()
    }

    fn error(&mut self, request: &str) -> String {
        self.request(request);
        let said = self.answer();
        let name = &self.name;
        let words = said["error"].as_str();
        words.unwrap_or_else(|| panic!("{name}: {said}")).to_owned()
    }

    fn process(&self) -> Process {
        Process::new(self.child.id() as i32).unwrap()
    }

    fn threads(&self) -> usize {
        self.process().tasks().unwrap().count()
    }

    fn children(&self) -> Vec<i32> {
        let tasks = self.process().tasks().unwrap();
        let of = |task: procfs::process::Task| task.children();
        let children = tasks.flatten().filter_map(|task| of(task).ok());
        children.flatten().map(|child| child as i32).collect()
    }

    /// Closes its stdin, and waits for its end.
    fn end(mut self) -> ExitStatus {
        drop(self.stdin.take());
        let status = wait_for(|| self.child.try_wait().unwrap());
        let mut text = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut text).unwrap();
        assert_eq!(text, "", "{}", self.name);
        assert!(self.lines.recv_timeout(HANGS).is_err(), "{}", self.name);
        status
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks until there is something to be found.
fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + HANGS;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() <= deadline, "it never came");
        thread::sleep(Duration::from_millis(5));
    }
}

fn scenario(name: &str) -> &'static Scenario {
    ALL.iter().find(|one| one.name == name).unwrap()
}

/// The scenario on CPython, if that is there.
fn python(scenario: &Scenario, model: Model) -> Option<Command> {
    let mut python = cpython::script(scenario);
    python.args(["--model", &model.to_string()]);
    cpython::is_there().then_some(python)
}

/// Both sides of a pair, and on CPython, if that is there.
fn everyone(scenario: &Scenario) -> Vec<(Model, Living)> {
    let mut all = Vec::new();
    for model in MODELS {
        all.push((model, Living::of(scenario, model)));
        let python = python(scenario, model);
        all.extend(python.map(|mut it| (model, Living::start(&mut it))));
    }
    all
}

/// What the comparison asks for a part.
fn flags<'a>(scenario: &Scenario, part: &Part) -> Vec<&'a str> {
    let mut flags = patient(part.flags);
    flags.push("--seed=1");
    if scenario.crew {
        flags.push("--workers=2");
    }
    flags
}

const LITTLE: [&str; 3] = ["--variant=lock", "--transfers=1000", "--workers=2"];

#[test]
fn a_program_answers_line_by_line_until_its_stdin_ends() {
    for (model, mut living) in everyone(scenario("shared-state")) {
        let first = living.outcome(&LITTLE);
        assert_eq!((&*first.scenario, first.model), ("shared-state", model));
        for (request, reason) in [
            ("", "JSON array of strings"),
            ("--variant lock", "JSON array of strings"),
            ("{}", "JSON array of strings"),
            ("[\"--variant\", 7]", "JSON array of strings"),
            ("[\"--variant=none\"]", "none"),
            ("[\"--help\"]", ""),
            ("[\"--list-variants\"]", "must be a run"),
            ("[\"--slices\"]", "of its own"),
            ("[\"--lifeline\"]", "of its own"),
            ("[\"--workers=0\"]", "1"),
        ] {
            let words = living.error(request);
            assert!(words.contains(reason), "{}: {words}", living.name);
        }
        let wrong = [&LITTLE[..], &["--expect=77"]].concat();
        let words = living.error(&json!(wrong).to_string());
        assert!(words.contains("expected 77"), "{words}");
        let right = format!("--expect={}", first.answer);
        let again = living.outcome(&[&LITTLE[..], &[&right]].concat());
        assert_eq!(again.answer, first.answer);
        assert_eq!(living.end().code(), Some(0));
    }
}

/// The kernel may tell of a request when the program is at work already. That
/// alone is not the end of who asks.
#[test]
fn what_is_asked_too_early_ends_nobody() {
    for (_, mut living) in everyone(scenario("shared-state")) {
        for _ in 0..20 {
            living.request(&json!(LITTLE).to_string());
            living.request(&json!(LITTLE).to_string());
            for _ in 0..2 {
                let said = living.answer();
                assert!(said["outcome"].is_object(), "{}: {said}", living.name);
            }
        }
        assert_eq!(living.end().code(), Some(0));
    }
}

#[test]
fn a_file_is_no_stdin_for_slices() {
    for model in MODELS {
        let scenario = scenario("shared-state");
        let python = python(scenario, model);
        for mut command in python.into_iter().chain([demo(scenario, model)]) {
            command.arg(slices::FLAG).stdin(Stdio::null());
            let output = command.output().unwrap();
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(words.contains("needs a pipe"), "{command:?}: {words}");
            assert!(!output.status.success());
        }
    }
}

/// It is at work when its workers are there. They end with it, also those
/// that are processes.
#[test]
fn the_end_of_stdin_ends_a_program_that_works() {
    for (model, mut living) in everyone(scenario("shared-state")) {
        let long = ["--variant=lock", "--transfers=1099511627776"];
        let two = [&long[..], &["--workers=2"]].concat();
        living.outcome(&LITTLE);
        living.request(&json!(two).to_string());
        let workers = wait_for(|| match model {
            Model::Threads => (living.threads() > 2).then(Vec::new),
            Model::Processes => {
                Some(living.children()).filter(|it| it.len() > 1)
            }
        });
        let name = living.name.clone();
        let status = living.end();
        assert!(!status.success(), "{name}: {status}");
        for worker in workers {
            wait_for(|| is_gone(worker).then_some(()));
        }
    }
}

fn is_gone(process: i32) -> bool {
    let stat = Process::new(process).and_then(|process| process.stat());
    stat.map_or(true, |stat| stat.state == 'Z')
}

#[test]
fn a_program_that_waits_does_nothing() {
    for scenario in ALL {
        let parts = || scenario.parts.iter().filter(is_possible);
        let whole = parts().find(|part| part.whole);
        let flags = flags(scenario, whole.or(parts().next()).unwrap());
        let [mut one, mut other] =
            MODELS.map(|model| Living::of(scenario, model));
        for _ in 0..2 {
            one.outcome(&flags);
            let before = asleep(&one);
            other.outcome(&flags);
            assert_eq!(asleep(&one), before, "{}", one.name);
            let before = asleep(&other);
            one.outcome(&flags);
            assert_eq!(asleep(&other), before, "{}", other.name);
        }
    }
}

/// What a program has used by the time at which it waits for a request: it
/// is one thread, without a child. A thread that was joined is gone a moment
/// later, see `pthread_join(3)`.
fn asleep(living: &Living) -> (u64, u64, u64) {
    wait_for(|| {
        let stat = living.process().stat().unwrap();
        let is_alone = living.threads() == 1 && living.children().is_empty();
        (is_alone && stat.state == 'S').then_some(())
    });
    let stat = living.process().stat().unwrap();
    let status = living.process().status().unwrap();
    (stat.utime, stat.stime, status.voluntary_ctxt_switches.unwrap())
}

/// Python's helpers may stay, and sleep. What it needs once is there after a
/// few. What it no longer needs may be there until its collector runs: less
/// than there would be if each slice left something.
#[test]
fn nothing_grows_with_the_slices() {
    const SLICES: usize = 20;
    for name in ["shared-state", "worker-cost", "crash"] {
        let scenario = scenario(name);
        for (_, mut living) in everyone(scenario) {
            let flags: &[&str] = match name {
                "crash" => &["--variant=panic", "--deaths=1", "--transfers=99"],
                "worker-cost" => {
                    &["--variant=pool", "--starts=9", "--parent-memory=0"]
                }
                _ => &LITTLE,
            };
            for _ in 0..5 {
                living.outcome(flags);
            }
            let before = held(&living);
            for _ in 0..SLICES {
                living.outcome(flags);
            }
            let after = held(&living);
            let name = &living.name;
            if name.contains("python") {
                let more = after.0.saturating_sub(before.0);
                assert!(more <= SLICES / 2, "{name}: {more} descriptors more");
            } else {
                assert_eq!(before.0, after.0, "descriptors of {name}");
            }
            let grown = after.1.saturating_sub(before.1);
            assert!(grown < 2 << 20, "{name} has grown by {grown} bytes");
        }
    }
}

/// Open descriptors, and bytes of its own memory.
fn held(living: &Living) -> (usize, u64) {
    let status = living.process().status().unwrap();
    let descriptors = living.process().fd_count().unwrap();
    (descriptors, status.rssanon.unwrap() * 1024)
}

fn is_possible(part: &&Part) -> bool {
    machine::cores() >= part.cores
}

/// One program for all parts, as in the comparison; and all of them twice, so
/// that none is another one's prerequisite.
#[test]
fn every_part_is_answered_alike_on_both_sides_and_again() {
    for scenario in ALL {
        let mut living = MODELS.map(|model| Living::of(scenario, model));
        let mut seen = Seen::default();
        for round in 0..2 {
            for part in scenario.parts.iter().filter(is_possible) {
                let flags = flags(scenario, part);
                let found = living.each_mut().map(|one| one.outcome(&flags));
                let what = format!("{}, {}", scenario.name, part.name);
                has_both(&found, &what);
                if round == 0 {
                    seen.claim(part, &found, &what);
                } else {
                    let answer = &seen.answers[part.name];
                    assert_eq!(answer, &found[0].answer, "{what}, again");
                }
                if let Some(model) = part.spoils {
                    let place = usize::from(model == Model::Processes);
                    living[place] = Living::of(scenario, model);
                }
            }
        }
        for one in living {
            assert_eq!(one.end().code(), Some(0));
        }
        if scenario.parts.iter().all(|part| is_possible(&part)) {
            let names = seen.metrics.into_keys().collect();
            has_all_of_a_usual_run(scenario, &names);
            has_all_that_is_asked_for("rust", scenario, &names);
        }
    }
}

/// What the parts of a scenario have had.
#[derive(Default)]
struct Seen {
    answers: BTreeMap<&'static str, String>,
    /// By id, which part it was.
    metrics: BTreeMap<String, String>,
}

impl Seen {
    /// No part before had any of these metrics; and the headlines are there.
    fn claim(&mut self, part: &Part, found: &[Outcome; 2], what: &str) {
        let names: BTreeSet<_> =
            found.iter().flat_map(|one| &one.metrics).map(id).collect();
        for headline in part.headlines {
            // The comparison makes it of slices with one worker and with all.
            let is_made = headline.starts_with("speed-up.");
            let both = found
                .iter()
                .all(|one| one.metrics.iter().any(|it| it.id == *headline));
            assert!(both || is_made, "{what}: {headline} of {names:?}");
        }
        for name in names {
            assert!(is_key(&name), "{what}: {name:?}");
            let before = self.metrics.insert(name.clone(), what.into());
            assert_eq!(before, None, "{what}: {name}");
        }
        self.answers.insert(part.name, found[0].answer.clone());
    }
}

fn id(metric: &Metric) -> String {
    metric.id.clone()
}

/// The answer is the same, and so are the metrics, but for those that say
/// that they are of one side only.
fn has_both(found: &[Outcome; 2], what: &str) {
    let [threads, processes] = found;
    assert_eq!(threads.answer, processes.answer, "{what}");
    for (one, other) in [(threads, processes), (processes, threads)] {
        let others: BTreeSet<_> = other.metrics.iter().map(id).collect();
        for metric in &one.metrics {
            let is_there = others.contains(&metric.id);
            assert_eq!(is_there, metric.only.is_none(), "{what}: {metric:?}");
            assert!(metric.only.is_none_or(|only| only == one.model));
        }
    }
}

/// Of the parts together.
fn has_all_of_a_usual_run(scenario: &Scenario, names: &BTreeSet<String>) {
    for model in MODELS {
        let mut usual = demo(scenario, model);
        usual.args(["--quick", "--seed=1"]);
        if scenario.crew {
            usual.arg("--workers=2");
        }
        for metric in outcome(&mut usual).metrics {
            let name = &metric.id;
            assert!(names.contains(name), "{}: {name}", scenario.name);
        }
    }
}

/// Every id that a claim, a verdict or a page rests on is one of these.
fn has_all_that_is_asked_for(
    language: &str,
    scenario: &Scenario,
    names: &BTreeSet<String>,
) {
    let of_it = format!("{language} {} ", scenario.name);
    let asked = asked_for();
    for id in asked.lines().filter_map(|line| line.strip_prefix(&of_it)) {
        let is_there = match id.strip_suffix('*') {
            Some(begin) => names.iter().any(|it| it.starts_with(begin)),
            None => names.contains(id),
        };
        assert!(is_there, "{of_it}{id}, of {names:?}");
    }
}

/// A line for each: its language, scenario and id.
fn asked_for() -> String {
    let mut compare = Command::new(env!("CARGO_BIN_EXE_compare"));
    let output = compare.arg("--list-ids").output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_asked_for_is_of_scenarios_that_there_are() {
    let asked = asked_for();
    assert!(asked.lines().count() > 50, "{asked}");
    for line in asked.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [language, name, _] = words[..] else { panic!("{line:?}") };
        assert!(["rust", "cpython"].contains(&language), "{line}");
        assert!(ALL.iter().any(|one| one.name == name), "{line}");
    }
}

/// CPython has the answer of the pair, which is asked the same.
#[test]
fn every_part_for_cpython_is_answered_as_by_the_pair() {
    for scenario in ALL.iter().filter(|one| !one.cpython.is_empty()) {
        let mut names = BTreeSet::new();
        let start = |model| {
            let mut python = python(scenario, model)?;
            Some([Living::of(scenario, model), Living::start(&mut python)])
        };
        for model in MODELS {
            let Some(mut living) = start(model) else { return };
            for part in [scenario.cpython, scenario.cpython].concat() {
                let flags = flags(scenario, &part);
                let what = format!("{}, {}, {model}", scenario.name, part.name);
                let [rust, python] =
                    living.each_mut().map(|one| one.outcome(&flags));
                names.extend(python.metrics.iter().map(id));
                match (rust.portable, python.portable) {
                    (Some(rust), Some(python)) => {
                        assert_eq!(rust.answer, python.answer, "{what}");
                    }
                    (rust_has, python_has) => {
                        assert_eq!(rust_has, python_has, "{what}");
                        assert_eq!(rust.answer, python.answer, "{what}");
                    }
                }
                if part.spoils == Some(model) {
                    living = start(model).unwrap();
                }
            }
            for one in living {
                assert_eq!(one.end().code(), Some(0));
            }
        }
        has_all_that_is_asked_for("cpython", scenario, &names);
    }
}

/// A load and a store apart are two steps: that is shown, and not hoped for.
#[test]
fn what_is_forced_is_lost() {
    for (_, mut living) in everyone(scenario("shared-state")) {
        for (workers, lost) in [(1, 0.0), (2, 0.5), (4, 0.75)] {
            let workers = format!("--workers={workers}");
            let forced = ["--variant=forced", "--transfers=9", &workers];
            let metrics = living.outcome(&forced).metrics;
            assert_eq!(metrics[0].id, "lost-updates.forced");
            assert_eq!(metrics[0].value, Some(lost), "{}", living.name);
            assert_eq!(metrics.len(), 1);
        }
    }
}
