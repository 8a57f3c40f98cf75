//! Every id that anything rests on is the id of a figure that is measured.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use crate::cpython;
use crate::patience::{GRACE, patient};
use crate::support::{MODELS, demo, outcome};
use common::{
    machine,
    outcome::{Outcome, is_key},
    scenarios::{ALL, Scenario},
};

/// The ids of a scenario in a language. Of a script, also if it is missing.
type Measured = BTreeMap<(&'static str, &'static str), BTreeSet<String>>;

#[test]
fn what_is_asked_for_is_measured() {
    let measured = measured();
    let compare = env!("CARGO_BIN_EXE_compare");
    let output = Command::new(compare).arg("--list-ids").output().unwrap();
    let asked = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && asked.lines().count() > 50, "{asked}");
    let is_missing = |line: &&str| {
        let [language, scenario, id] = line.split(' ').collect::<Vec<_>>()[..]
        else {
            panic!("{line:?}")
        };
        let Some(ids) = measured.get(&(language, scenario)) else {
            return language == "rust";
        };
        // Two ends on one core cannot spin.
        if machine::cores() == 1 && id.ends_with(".spin") {
            return false;
        }
        match id.strip_suffix('*') {
            Some(begin) => !ids.iter().any(|it| it.starts_with(begin)),
            None => !ids.contains(id),
        }
    };
    let missing: Vec<&str> = asked.lines().filter(is_missing).collect();
    assert_eq!(missing, [""; 0]);
}

/// Of Rust whatever either side has, in the smaller work load; of CPython too,
/// if it is there, what the comparison asks for.
fn measured() -> Measured {
    let mut measured = Measured::new();
    let mut add = |language, scenario: &Scenario, found: Outcome| {
        let ids = measured.entry((language, scenario.name)).or_default();
        for metric in found.metrics {
            assert!(is_key(&metric.id), "{}: {metric:?}", scenario.name);
            ids.insert(metric.id);
        }
    };
    let is_there = cpython::is_there();
    for scenario in ALL {
        for model in MODELS {
            let mut rust = demo(scenario, model);
            if scenario.crew {
                rust.args(["--workers", "2"]);
            }
            if scenario.name == "kill-workers" {
                rust.arg(GRACE);
            }
            add("rust", scenario, outcome(rust.arg("--quick")));
            for part in scenario.cpython.iter().filter(|_| is_there) {
                // It makes the databases that the script reads.
                let mut rust = demo(scenario, model);
                let flags = patient(part.flags);
                add("rust", scenario, outcome(rust.args(&flags)));
                let mut python = cpython::script(scenario);
                python.args(["--model", &model.to_string()]);
                python.args(&flags);
                add("cpython", scenario, outcome(&mut python));
            }
        }
    }
    measured
}
