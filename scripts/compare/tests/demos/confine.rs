//! Hostile acts: who contains them, and what a missing means lets through.

use std::{collections::BTreeSet, fs, sync::OnceLock};

use common::{
    outcome::{Model, Outcome},
    scenarios::confine::Row,
};

use crate::{
    not_run::not_run,
    running::{figure, refusal, run, scenario},
    support::{MODELS, demo},
};

const ACTS: [&str; 15] = [
    "memory",
    "spin",
    "fork",
    "disk",
    "read",
    "write",
    "connect",
    "signal",
    "peek",
    "scribble",
    "dirt",
    "descriptors",
    "call",
    "variable",
    "leftover",
];

/// What a process that is confined without a means cannot contain.
const MEANS: [(&str, &[&str]); 11] = [
    ("environment", &["variable"]),
    ("leftovers", &["leftover"]),
    ("files", &["read", "write"]),
    ("tcp", &["connect"]),
    ("calls", &["signal", "fork", "call"]),
    ("memory", &["memory"]),
    ("time", &["spin"]),
    ("descriptors", &["descriptors"]),
    ("file-size", &["disk"]),
    ("sealed", &["scribble"]),
    ("fresh", &["dirt"]),
];

/// The means that a thread has as well.
const OF_A_THREAD: [&str; 3] = ["files", "tcp", "calls"];

const CONFINED: &str = "--variant confined --only acts";

/// Claims C32 and C33, of the workers that nobody confines. A kernel may hide
/// a process's memory from its own children (yama, `ptrace_scope`); then there
/// is one act that a process contains as it is.
#[test]
fn a_worker_as_it_is_contains_nothing() {
    for model in MODELS {
        let found = run("confine", model, "--variant bare --only acts");
        let mut contained = contained(&found);
        if model == Model::Processes && memory_is_hidden() {
            contained.remove("peek");
        }
        assert!(contained.is_empty(), "{model}: {contained:?}");
        for row in all_acts(&found) {
            let is_dead = row.cell == "dead";
            assert!(is_dead || row.act != "signal", "{model}: {row:?}");
            assert_eq!(row.alone, None, "{model}: {row:?}");
        }
    }
}

fn memory_is_hidden() -> bool {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    scope.is_ok_and(|scope| scope.trim() != "0")
}

#[test]
fn a_confined_process_contains_every_act() {
    if is_lacking() {
        return;
    }
    let found = run("confine", Model::Processes, CONFINED);
    assert_eq!(contained(&found), BTreeSet::from(ACTS), "{}", found.result);
    all_acts(&found);
    assert_eq!(figure(&found, "harm-contained.confined"), 15.0);
}

/// Claim C32: what one thread may do, all may.
#[test]
fn a_filter_holds_until_a_sibling_is_asked() {
    if is_lacking() {
        return;
    }
    let found = run("confine", Model::Threads, CONFINED);
    assert!(contained(&found).is_empty(), "{}", found.result);
    all_acts(&found);
    let expected = held_by_a_thread("");
    assert_eq!(held(&found), expected, "{}", found.result);
    let number = figure(&found, "harm-held.confined");
    assert_eq!(number, expected.len() as f64);
}

#[test]
fn each_means_of_a_thread_holds_what_it_is_for() {
    if is_lacking() {
        return;
    }
    let acts = flags(&held_by_a_thread(""));
    for means in OF_A_THREAD {
        let arguments = format!("{CONFINED} --without {means}{acts}");
        let found = run("confine", Model::Threads, &arguments);
        assert_eq!(held(&found), held_by_a_thread(means), "{arguments}");
    }
}

/// What a thread's filter holds without one of its means. A signal to its own
/// process is nothing that a filter could forbid: `abort` is one.
fn held_by_a_thread(without: &str) -> BTreeSet<&'static str> {
    let all = MEANS.iter().filter(|(means, _)| OF_A_THREAD.contains(means));
    let rest = all.filter(|(means, _)| *means != without);
    let acts = rest.flat_map(|(_, acts)| *acts).copied();
    acts.filter(|act| *act != "signal").collect()
}

/// Without one means a process lets through what that means is for, and
/// nothing else. What takes a second is tried where it matters.
#[test]
fn each_means_of_a_process_holds_what_it_is_for() {
    if is_lacking() {
        return;
    }
    for (means, harmful) in MEANS {
        let is_tried = |act: &&str| *act != "spin" || harmful.contains(act);
        let tried: BTreeSet<_> = ACTS.into_iter().filter(is_tried).collect();
        let acts = flags(&tried);
        let arguments = format!("{CONFINED} --without {means}{acts}");
        let found = run("confine", Model::Processes, &arguments);
        let harmful = harmful.iter().copied().collect();
        let expected: BTreeSet<_> =
            tried.difference(&harmful).copied().collect();
        assert_eq!(contained(&found), expected, "{means}: {}", found.result);
    }
}

fn flags(acts: &BTreeSet<&str>) -> String {
    acts.iter().map(|act| format!(" --act {act}")).collect()
}

#[test]
fn a_thread_cannot_be_without_what_it_never_has() {
    for (means, _) in MEANS {
        if OF_A_THREAD.contains(&means) {
            continue;
        }
        let arguments = format!("--variant confined --without {means}");
        let said = refusal("confine", Model::Threads, &arguments, 2);
        assert!(said.contains(means), "{arguments}: {said}");
        assert!(said.contains("files, tcp or calls"), "{arguments}: {said}");
    }
}

#[test]
fn what_is_asked_for_is_tried_and_nothing_else() {
    for model in MODELS {
        let arguments = "--variant bare --only acts --act read --act dirt";
        let found = run("confine", model, arguments);
        let acts: BTreeSet<_> =
            rows(&found).into_iter().map(|row| row.act).collect();
        assert!(acts.iter().eq(["dirt", "read"]), "{model}: {acts:?}");
        let ids: BTreeSet<_> = found.metrics.iter().map(|it| &*it.id).collect();
        assert!(ids.iter().eq(&["harm-contained.bare", "harm-tried.bare"]));
        assert_eq!(figure(&found, "harm-tried.bare"), 2.0);
        assert_eq!(figure(&found, "harm-contained.bare"), 0.0);
    }
}

#[test]
fn costs_alone_are_those_of_a_worker_that_does_no_harm() {
    const COSTS: [&str; 4] = ["call", "job-fresh", "job-warm", "start"];
    for model in MODELS {
        let mut costs = BTreeSet::from(COSTS);
        // There is no copy of a thread.
        costs.extend((model == Model::Processes).then_some("job-forked"));
        let arguments = "--variant bare --only costs --starts 2";
        let found = run("confine", model, arguments);
        assert!(rows(&found).is_empty(), "{model}: {}", found.result);
        for metric in &found.metrics {
            assert!(metric.value > Some(0.0), "{model}: {metric:?}");
        }
        let ids: BTreeSet<_> =
            found.metrics.into_iter().map(|it| it.id).collect();
        let expected = costs.iter().map(|cost| format!("{cost}.bare"));
        assert!(ids.iter().cloned().eq(expected), "{model}: {ids:?}");
    }
}

fn rows(found: &Outcome) -> Vec<Row> {
    serde_json::from_value(found.result.clone()).unwrap()
}

/// The rows of a variant, if each act was tried once.
fn all_acts(found: &Outcome) -> Vec<Row> {
    let rows = rows(found);
    let acts: BTreeSet<_> = rows.iter().map(|row| row.act.as_str()).collect();
    assert_eq!(acts, BTreeSet::from(ACTS));
    assert_eq!(rows.len(), ACTS.len(), "{rows:?}");
    rows
}

/// The acts that did no harm.
fn contained(found: &Outcome) -> BTreeSet<&'static str> {
    of_acts(found, |row| row.cell == "contained")
}

/// The acts that did no harm before a sibling was asked.
fn held(found: &Outcome) -> BTreeSet<&'static str> {
    of_acts(found, |row| row.alone.as_deref() == Some("contained"))
}

fn of_acts(found: &Outcome, is: fn(&Row) -> bool) -> BTreeSet<&'static str> {
    let rows = rows(found);
    let is_so = |act: &&str| rows.iter().any(|row| row.act == *act && is(row));
    ACTS.into_iter().filter(is_so).collect()
}

/// Whether this kernel lacks some of the means: then it is said once, and what
/// needs all of them is not run.
fn is_lacking() -> bool {
    static LACKING: OnceLock<Option<String>> = OnceLock::new();
    let lacking = LACKING.get_or_init(|| {
        let lacking = what_is_lacking();
        lacking.iter().for_each(|it| not_run(&format!("confine: {it}")));
        lacking
    });
    lacking.is_some()
}

/// Beside an outcome, or as an error. Any other error is one of the tests.
fn what_is_lacking() -> Option<String> {
    let mut demo = demo(scenario("confine"), Model::Processes);
    demo.args(CONFINED.split(' ')).args(["--act", "variable", "--json"]);
    let output = demo.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    if error.contains("not confined here") {
        return Some(error.trim().to_owned());
    }
    let found: Outcome = serde_json::from_slice(&output.stdout).ok()?;
    let lacking = rows(&found).into_iter().flat_map(|row| row.lacking);
    let lacking: Vec<_> = lacking.collect();
    (!lacking.is_empty()).then(|| lacking.join("; "))
}
