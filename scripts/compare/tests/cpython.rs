//! The same scenarios on CPython: as the Rust siblings at the same flags, and
//! as well behaved as these.
//!
//! The interpreter is `$PYTHON`, or `python3`. How it is ended, in full:
//!
//! ```text
//! CPYTHON_SEED=$RANDOM CPYTHON_MOMENTS=50 \
//!     cargo test -p compare --test cpython -- --nocapture
//! ```

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/cpython.rs"]
mod cpython;
#[path = "../src/run/document.rs"]
mod document;
#[path = "support/not_run.rs"]
mod not_run;
#[path = "support/patience.rs"]
mod patience;
#[path = "support/signals.rs"]
mod signals;
mod support;
#[expect(dead_code, reason = "that it can be read is all that matters here")]
#[path = "../src/run/tried.rs"]
mod tried;

use std::{
    collections::BTreeSet,
    env, fs,
    os::unix::{
        fs::MetadataExt as _,
        process::{CommandExt as _, ExitStatusExt as _},
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use common::{
    input::Input,
    outcome::{Better, Metric, Model, Outcome, Portable, is_key},
    scenarios::{ALL, Scenario, crash, kill_workers, shared_state},
};
use patience::patient;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::de::DeserializeOwned;
use serde_json::Value;
use signals::hear;
use support::{MODELS, demo, outcome};
use tried::Tried;

/// How workers start: threads, and processes in two ways.
const WAYS: [&[&str]; 3] = [
    &["--model", "threads"],
    &["--model", "processes", "--start-method", "fork"],
    &["--model", "processes", "--start-method", "spawn"],
];

/// A scenario that is there on CPython, and its flags.
type Script = (&'static Scenario, &'static [&'static str]);

/// Those that there are: none without an interpreter.
fn scripts() -> Vec<Script> {
    let there = |scenario: &'static Scenario| {
        scenario.cpython_run.map(|flags| (scenario, flags))
    };
    let scripts: Vec<_> = ALL.iter().filter_map(there).collect();
    assert!(!scripts.is_empty());
    if cpython::is_there() { scripts } else { Vec::new() }
}

#[test]
fn every_answer_is_that_of_rust() {
    have_the_same_answers(1, &WAYS);
}

/// How a worker starts and what it is given are apart: the way that takes
/// longest is tried with one seed only.
#[test]
fn so_is_every_answer_to_other_input() {
    have_the_same_answers(2, &WAYS[..2]);
}

#[test]
fn so_is_every_answer_to_yet_other_input() {
    have_the_same_answers(2026, &WAYS[..2]);
}

fn have_the_same_answers(seed: u64, ways: &[&[&str]]) {
    let number = seed.to_string();
    for (scenario, flags) in scripts() {
        let flags = [&patient(flags)[..], &["--seed", &number]].concat();
        let rust = MODELS.map(|model| of_rust(scenario, model, &flags));
        for way in ways {
            let found = of_python(scenario, way, &flags);
            let what = format!("{}, {way:?} {flags:?}", scenario.name);
            for rust in &rust {
                has_the_same_answer(&found, rust, &what);
                has_no_parameter_of_its_own(&found, rust, &what);
            }
            has_right_metrics(&found, &rust, &what);
            has_a_result_that_claims_can_read(&found, &what);
        }
    }
}

fn of_rust(scenario: &Scenario, model: Model, flags: &[&str]) -> Outcome {
    outcome(demo(scenario, model).args(flags))
}

/// By the checks of the comparison, and some more.
fn of_python(scenario: &Scenario, way: &[&str], flags: &[&str]) -> Outcome {
    let mut python = cpython::script(scenario);
    let output = python.args(way).args(flags).arg("--json").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{python:?}: {errors}");
    assert_eq!(errors, "", "{python:?} says nothing but its outcome");
    let read = document::read(&output.stdout, scenario, model(way));
    let found = match read {
        Ok(found) => found,
        Err(fault) => panic!("{python:?}: {fault}"),
    };
    let interpreter = found.machine.interpreter.clone().unwrap();
    assert!(interpreter.starts_with("CPython 3."), "{interpreter}");
    assert_eq!(interpreter.ends_with(way[way.len() - 1]), way.len() > 2);
    found
}

fn model(way: &[&str]) -> Model {
    match way[1] {
        "threads" => Model::Threads,
        _ => Model::Processes,
    }
}

/// To the bit, but for floats of which not every language has all bits.
fn has_the_same_answer(found: &Outcome, rust: &Outcome, what: &str) {
    assert_eq!(found.portable.is_some(), rust.portable.is_some(), "{what}");
    let (Some(found), Some(rust)) = (&found.portable, &rust.portable) else {
        assert_eq!(found.answer, rust.answer, "{what}");
        return;
    };
    assert_eq!(found.answer, rust.answer, "{what}");
    assert!(are_close(found, rust), "{what}: {found:?}, not {rust:?}");
}

fn are_close(these: &Portable, those: &Portable) -> bool {
    let (these, those) = (&these.figures, &those.figures);
    let largest = those.iter().fold(0.0, |most: f64, one| most.max(one.abs()));
    let is_close =
        |(this, that): (&f64, &f64)| (this - that).abs() <= 1e-9 * largest;
    these.len() == those.len() && these.iter().zip(those).all(is_close)
}

#[test]
fn figures_that_differ_are_told_apart() {
    let of = |figures: &[f64]| Portable {
        answer: String::new(),
        figures: figures.to_vec(),
    };
    let these = of(&[1e6, 1.0]);
    assert!(are_close(&these, &of(&[1e6, 1.0 + 9e-4])));
    assert!(!are_close(&these, &of(&[1e6, 1.0 + 2e-3])));
    assert!(!are_close(&these, &of(&[1e6, f64::NAN])));
    assert!(!are_close(&these, &of(&[1e6])));
}

/// Some of Rust's are of variants that are not there on CPython.
#[track_caller]
fn has_no_parameter_of_its_own(found: &Outcome, rust: &Outcome, what: &str) {
    let (found, rust) = (names(found), names(rust));
    assert_eq!(found.len(), rust.len(), "{what}");
    for (found, rust) in found.iter().zip(&rust) {
        let own: Vec<_> = found.difference(rust).collect();
        assert!(own.is_empty(), "{what}: {own:?}");
    }
}

/// The names of the parameters, of each measurement if there are several.
fn names(outcome: &Outcome) -> Vec<BTreeSet<String>> {
    let of = |one: &Value| one.as_object().unwrap().keys().cloned().collect();
    match &outcome.parameters {
        Value::Array(several) => several.iter().map(of).collect(),
        one => vec![of(one)],
    }
}

/// What `worker_cost.py` does not know of threads or of a small crew when, as
/// it grew, another program that shares its pages came, or one ended.
const UNKNOWN_BESIDE_OTHERS: [&str; 2] = ["pss", "kernel-stack"];

/// None twice or impossible; and what Rust measures too is the same thing.
fn has_right_metrics(found: &Outcome, rust: &[Outcome], what: &str) {
    let figure =
        |one: &Metric| one.id.split('.').next().unwrap_or_default().to_owned();
    let mut places = BTreeSet::new();
    let mut shared = 0;
    for one in &found.metrics {
        assert!(is_key(&one.id), "{what}: {one:?}");
        assert!(
            places.insert(one.id.clone()),
            "{what}: {one:?} is there twice"
        );
        let is_possible = match one.value {
            Some(value) => value >= 0.0 || one.better == Better::Neither,
            None => UNKNOWN_BESIDE_OTHERS.contains(&&*figure(one)),
        };
        assert!(is_possible, "{what}: {one:?}");
        assert!(one.only.is_none_or(|it| it == found.model), "{what}: {one:?}");
        let others = rust.iter().flat_map(|rust| &rust.metrics);
        // Mechanisms differ; what is measured of them does not.
        for other in others.filter(|other| figure(other) == figure(one)) {
            assert_eq!(other.unit, one.unit, "{what}: {one:?}");
            assert_eq!(other.better, one.better, "{what}: {one:?}");
            shared += usize::from(!one.detail);
        }
    }
    assert!(shared > 0, "{what}: nothing to hold against Rust");
}

/// By the types by which the comparison reads both languages' results.
fn has_a_result_that_claims_can_read(found: &Outcome, what: &str) {
    let result = &found.result;
    let is_read = match found.scenario.as_str() {
        "shared-state" => is_a::<shared_state::Summary>(result),
        "kill-workers" => is_a::<kill_workers::Summary>(result),
        "crash" => is_a::<Vec<crash::Death>>(result),
        "confine" => is_a::<Vec<Tried>>(result),
        _ => return,
    };
    assert!(is_read, "{what}: {result}");
}

fn is_a<T: DeserializeOwned>(result: &Value) -> bool {
    T::deserialize(result).is_ok()
}

#[test]
fn bad_usage_is_said_so() {
    for (scenario, _) in scripts() {
        for usage in
            ["--no-such-flag", "--model fibers", "--seed -1", "--seed one"]
        {
            let output = cpython::script(scenario)
                .args(usage.split(' '))
                .output()
                .unwrap();
            let what = format!("{} {usage}", scenario.name);
            assert_eq!(output.status.code(), Some(2), "{what}");
            assert!(output.stdout.is_empty(), "{what}");
            assert!(!output.stderr.is_empty(), "{what}");
        }
    }
}

/// By the one frame of all; `matrix` also leaves out what it need not find.
#[test]
fn another_answer_than_is_expected_is_an_error() {
    for script in scripts().into_iter().filter(|it| it.0.name == "matrix") {
        let (scenario, flags) = script;
        generate_input(script);
        let expecting = |answer: &str| {
            let mut python = cpython::script(scenario);
            python.args(flags).args(["--expect", answer]).output().unwrap()
        };
        let refused = expecting("another");
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(refused.stdout.is_empty());
        let answer = said
            .strip_prefix("error: wrong answer: got ")
            .and_then(|rest| rest.strip_suffix(", expected another\n"))
            .unwrap_or_else(|| panic!("{said}"));
        assert!(expecting(answer).status.success());
    }
}

/// Where there are databases, Rust makes them.
fn generate_input((scenario, flags): Script) {
    of_rust(scenario, Model::Threads, &patient(flags));
}

/// Some may be Python's own, but none has lost touch with Rust's.
#[test]
fn variants_are_listed() {
    for (scenario, _) in scripts() {
        let of_rust = MODELS.map(|model| listed(demo(scenario, model)));
        let rust: BTreeSet<_> = of_rust.into_iter().flatten().collect();
        let of_python = MODELS.map(|model| {
            let mut python = cpython::script(scenario);
            python.args(["--model", &model.to_string()]);
            listed(python)
        });
        let python: BTreeSet<_> = of_python.into_iter().flatten().collect();
        let is_shared = python.iter().any(|name| rust.contains(name));
        assert!(rust.is_empty() || is_shared, "{}", scenario.name);
    }
}

/// The variants of a program, or none if it has no such flag.
fn listed(mut program: Command) -> Vec<String> {
    let output = program.arg("--list-variants").output().unwrap();
    let has_variants = output.status.success();
    assert!(has_variants || output.status.code() == Some(2), "{program:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Random moments for each program, way and signal, unless the environment asks
/// for more.
const MOMENTS: u64 = 1;

/// The latest of them, counted from when a program has begun. Few are done
/// before.
const LATEST: Duration = Duration::from_millis(400);

/// Far beyond what an interpreter takes to load, or to end, also on a busy
/// machine.
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn nothing_is_left_however_it_ends() {
    hear(Signal::INT);
    let moments = variable("CPYTHON_MOMENTS").unwrap_or(MOMENTS);
    let mut input = Input::new(variable("CPYTHON_SEED").unwrap_or(2026), 0);
    for script in scripts() {
        generate_input(script);
        for (way, signal) in every_end() {
            for _ in 0..moments {
                let moment = LATEST.mul_f64(input.uniform());
                end(script, way, signal, moment);
            }
        }
    }
}

/// What the environment says, if it does.
fn variable(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap())
}

fn every_end() -> impl Iterator<Item = (&'static [&'static str], Signal)> {
    let signals = [Signal::KILL, Signal::TERM, Signal::INT];
    let both = move |way| signals.map(|signal| (way, signal));
    WAYS.into_iter().flat_map(both)
}

/// Ends a program at a moment of its life: a terminal would hit its whole
/// group.
fn end(script: Script, way: &[&str], signal: Signal, moment: Duration) {
    let (scenario, flags) = script;
    let what = format!("{}, {way:?}, {signal:?}, {moment:?}", scenario.name);
    let (names, home) = (shared_names(), tempfile::tempdir().unwrap());
    let mut python = cpython::script(scenario);
    python.args(flags).args(way).env("TMPDIR", home.path());
    let mut victim = start(&mut python);
    wait_until_begun(&mut victim, &what);
    thread::sleep(moment);
    let id = Pid::from_child(&victim);
    let hit = match signal {
        Signal::INT => kill_process_group(id, signal),
        _ => kill_process(id, signal),
    };
    hit.unwrap();
    check(ended(&mut victim, &what), signal, &what);
    nothing_is_left(home.path(), &names, signal, &what);
}

/// In a group of its own, as by a shell.
fn start(python: &mut Command) -> Child {
    python
        .args(["--json", "--lifeline"])
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// While the interpreter is loading it ends as it likes. What a program does
/// first is to hold its lifeline, which its standard input tells of.
fn wait_until_begun(victim: &mut Child, what: &str) {
    const O_ASYNC: u32 = 0o20_000;
    let input = format!("/proc/{}/fdinfo/0", victim.id());
    let holds_lifeline = || {
        let text = fs::read_to_string(&input).unwrap_or_default();
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.map(|it| u32::from_str_radix(it.trim(), 8).unwrap());
        flags.is_some_and(|flags| flags & O_ASYNC != 0)
    };
    let deadline = Instant::now() + DEADLINE;
    while !holds_lifeline() {
        assert_eq!(victim.try_wait().unwrap(), None, "{what}: it never began");
        if Instant::now() > deadline {
            victim.kill().unwrap();
            panic!("{what}: it does not begin");
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn ended(victim: &mut Child, what: &str) -> ExitStatus {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match victim.try_wait().unwrap() {
            Some(status) => return status,
            None if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(1));
            }
            None => {
                victim.kill().unwrap();
                panic!("{what}: it goes on");
            }
        }
    }
}

/// Before there is a handler, the signal itself is the end: shells say the
/// same of both. Who was done before the signal came has done well.
fn check(status: ExitStatus, signal: Signal, what: &str) {
    let is_right = status.code() == Some(128 + signal.as_raw())
        || status.signal() == Some(signal.as_raw())
        || status.success();
    assert!(is_right, "{what}: {status}");
}

/// The folder is in the environment of all that came of the victim, and so
/// they are known by it.
///
/// The fork server of `multiprocessing` listens in a folder that only its
/// parent takes away: SIGKILL, and a signal that nobody handles yet, leave
/// that one behind. And a semaphore is first created, and then registered with
/// the process that removes it: SIGKILL in between leaves that one.
fn nothing_is_left(
    home: &Path,
    old: &BTreeSet<String>,
    signal: Signal,
    what: &str,
) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        // In this order: one of them may be about to remove a name.
        let processes = processes_of(home);
        let mut names: Vec<_> =
            shared_names().difference(old).cloned().collect();
        if let ([name], Signal::KILL, []) = (&names[..], signal, &processes[..])
            && name.starts_with("sem.mp-")
        {
            fs::remove_file(format!("/dev/shm/{name}")).unwrap();
            names.clear();
        }
        if names.is_empty() && processes.is_empty() {
            break;
        }
        let is_time = Instant::now() < deadline;
        assert!(is_time, "{what} leaves {names:?}, {processes:?}");
        thread::sleep(Duration::from_millis(1));
    }
    let files = fs::read_dir(home).unwrap().map(|file| file.unwrap().path());
    let is_of_server = |path: &Path| {
        path.to_string_lossy().contains("/pymp-") && signal != Signal::INT
    };
    let files: Vec<_> = files.filter(|path| !is_of_server(path)).collect();
    assert!(files.is_empty(), "{what} leaves {files:?}");
}

/// Those that `multiprocessing` gives, and nobody has mapped: other tests have
/// Pythons too, and those of the living are none of our business.
fn shared_names() -> BTreeSet<String> {
    const PREFIXES: [&str; 4] = ["sem.mp-", "psm_", "pym-", "pymp-"];
    let folder = fs::read_dir("/dev/shm").unwrap();
    folder
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| PREFIXES.iter().any(|it| name.starts_with(it)))
        .filter(|name| is_left(&Path::new("/dev/shm").join(name)))
        .collect()
}

/// There, and not mapped. By the number of its inode: `sem_open` maps a new
/// semaphore under another name, and links it to its own afterwards.
fn is_left(file: &Path) -> bool {
    let inode = || fs::metadata(file).map(|metadata| metadata.ino()).ok();
    let before = inode();
    // Whose owner removes it meanwhile is not left.
    before.is_some_and(|it| !is_mapped(it)) && inode() == before
}

fn is_mapped(inode: u64) -> bool {
    let inode = inode.to_string();
    let is_it = |line: &str| {
        line.split_whitespace().nth(4) == Some(&*inode)
            && line.contains("/dev/shm/")
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut maps = processes
        .filter_map(|one| fs::read_to_string(one.path().join("maps")).ok());
    maps.any(|maps| maps.lines().any(is_it))
}

fn processes_of(home: &Path) -> Vec<String> {
    let mark = format!("TMPDIR={}", home.display());
    let has_mark = |environment: &[u8]| {
        environment.split(|byte| *byte == 0).any(|it| it == mark.as_bytes())
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        // Who is gone in between is not left, and of others we know nothing.
        .filter(|one| {
            fs::read(one.path().join("environ")).is_ok_and(|it| has_mark(&it))
        })
        .map(|one| {
            let line = fs::read(one.path().join("cmdline"));
            let line = line.unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ")
        })
        .collect()
}
