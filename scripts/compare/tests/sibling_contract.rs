//! Siblings must not drift: the rules 1, 2, 3 and 7 of the contract that
//! `common` states, held against the sources of every pair.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(dead_code, reason = "not every test needs all of the support")]

mod support;

use std::{
    collections::BTreeSet,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use common::{
    outcome::Model,
    scenarios::{ALL, Scenario},
};
use similar::{DiffOp, TextDiff};
use support::{MODELS, demo, workspace};
use syn::Item;

fn package(scenario: &Scenario, model: Model) -> PathBuf {
    workspace().join(format!("examples-{model}")).join(scenario.name)
}

fn other(model: Model) -> Model {
    match model {
        Model::Threads => Model::Processes,
        Model::Processes => Model::Threads,
    }
}

/// The source files of one side, by name.
fn files(scenario: &Scenario, model: Model) -> BTreeSet<String> {
    let folder = fs::read_dir(package(scenario, model).join("src")).unwrap();
    folder
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

/// Every file that a pair has on both sides, with both texts.
fn pairs() -> Vec<(String, [String; 2])> {
    let mut pairs = Vec::new();
    for scenario in ALL {
        for file in files(scenario, Model::Threads) {
            let path = |model| package(scenario, model).join("src").join(&file);
            let text = |model| fs::read_to_string(path(model)).unwrap();
            let name = format!("{}/{file}", scenario.name);
            pairs.push((name, MODELS.map(text)));
        }
    }
    pairs
}

#[test]
fn every_scenario_has_two_packages_of_its_name() {
    for scenario in ALL {
        for model in MODELS {
            let manifest = package(scenario, model).join("Cargo.toml");
            let text = fs::read_to_string(manifest).unwrap();
            let name = format!("name = \"{}\"", scenario.program(model));
            assert!(text.contains(&name), "{name}");
        }
    }
}

#[test]
fn every_package_belongs_to_a_scenario() {
    let names: BTreeSet<_> = ALL.iter().map(|one| one.name).collect();
    for model in MODELS {
        let folder = workspace().join(format!("examples-{model}"));
        for entry in fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name();
            let name = name.to_string_lossy();
            assert!(name == "kit" || names.contains(&*name), "{name}");
        }
    }
}

/// The table of pairs in README.md follows the list.
#[test]
fn the_readme_has_a_row_for_each_scenario_and_for_no_other() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let mut sections = readme.split("\n## ");
    let pairs = sections.find(|text| text.starts_with("The pairs\n")).unwrap();
    let rows = pairs.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows.len(), ALL.len());
    for (row, scenario) in rows.iter().zip(ALL) {
        let Scenario { name, question, .. } = scenario;
        let start = format!("| `{name}` | {question} |");
        assert!(row.starts_with(&start), "{start}");
    }
}

#[test]
fn every_file_that_the_readme_names_is_there() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let links: Vec<_> = readme.split("](").skip(1).collect();
    for link in &links {
        let path = link.split([')', '#']).next().unwrap();
        assert!(workspace().join(path).exists(), "{path}");
    }
    assert!(links.len() > 10);
}

#[test]
fn siblings_have_the_same_files() {
    for scenario in ALL {
        let [threads, processes] = MODELS.map(|model| files(scenario, model));
        assert_eq!(threads, processes, "{}", scenario.name);
    }
}

#[test]
fn siblings_have_the_same_functions_in_the_same_order() {
    for (name, texts) in pairs() {
        let [threads, processes] = texts.map(|text| functions(&text));
        assert_eq!(threads, processes, "{name}");
    }
}

#[test]
fn a_program_is_main_run_worker_and_then_the_rest() {
    for scenario in ALL {
        let path = package(scenario, Model::Threads).join("src/main.rs");
        let functions = functions(&fs::read_to_string(path).unwrap());
        assert_eq!(functions[..2], ["main", "run"], "{}", scenario.name);
        assert!(functions.iter().any(|name| name == "worker"));
    }
}

fn functions(text: &str) -> Vec<String> {
    let file = syn::parse_file(text).unwrap();
    let name = |item| match item {
        Item::Fn(function) => Some(function.sig.ident.to_string()),
        _ => None,
    };
    file.items.into_iter().filter_map(name).collect()
}

#[test]
fn a_program_says_what_it_is_in_five_lines() {
    for scenario in ALL {
        let headers = MODELS.map(|model| header(scenario, model));
        for (model, header) in MODELS.into_iter().zip(&headers) {
            let there = package(scenario, other(model)).join("src/main.rs");
            let there = relative(&there);
            assert_eq!(header[2], format!("//! There: {there}"));
            let run =
                format!("cargo run --release -p {}", scenario.program(model));
            assert!(header[4].starts_with(&format!("//! Run: {run}")));
            assert!(header[1].starts_with("//! Here: "));
            assert!(header[3].starts_with("//! Watch: "));
        }
        let [threads, processes] = &headers;
        assert_eq!((&threads[0], &threads[3]), (&processes[0], &processes[3]));
    }
}

fn header(scenario: &Scenario, model: Model) -> Vec<String> {
    let path = package(scenario, model).join("src/main.rs");
    let text = fs::read_to_string(path).unwrap();
    let header = text.lines().take_while(|line| line.starts_with("//!"));
    let header: Vec<_> = header.map(str::to_owned).collect();
    assert_eq!(header.len(), 5, "{}, {model}", scenario.name);
    header
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(workspace()).unwrap();
    path.to_string_lossy().into_owned()
}

#[test]
fn siblings_have_the_same_flags() {
    for scenario in ALL {
        let [threads, processes] = MODELS.map(|model| {
            let help = demo(scenario, model).arg("--help").output().unwrap();
            assert!(help.status.success());
            let help = String::from_utf8(help.stdout).unwrap();
            help.replace(&scenario.program(model), "PROGRAM")
        });
        assert!(threads.contains("Examples:\n  PROGRAM"), "{threads}");
        assert_eq!(threads, processes);
    }
}

/// Rule 7: where the siblings differ, each says why, on a line of its own
/// side near by: `// threads: …`, `// processes: …`.
#[test]
fn every_difference_says_that_it_is_the_mechanism() {
    let mut missing = Vec::new();
    for (name, texts) in pairs() {
        let [threads, processes] = texts.map(|text| without_imports(&text));
        let diff = TextDiff::from_lines(&threads, &processes);
        for operation in diff.ops() {
            if let DiffOp::Equal { .. } = operation {
                continue;
            }
            let side = |text: &str, range: Range<usize>| {
                let lines = text.lines().skip(range.start).take(range.len());
                lines.map(str::to_owned).collect::<Vec<_>>()
            };
            let old = side(&threads, operation.old_range());
            let new = side(&processes, operation.new_range());
            missing.extend(unexplained(&name, &old, "// threads: "));
            missing.extend(unexplained(&name, &new, "// processes: "));
        }
    }
    assert!(missing.is_empty(), "{}", missing.concat());
}

/// In a run of lines that only one side has, no more than this many stand
/// without an explanation.
const UNEXPLAINED: usize = 7;

fn unexplained(name: &str, lines: &[String], tag: &str) -> Option<String> {
    let code: Vec<_> = lines.iter().filter(|line| is_code(line)).collect();
    let runs = code.split(|line| line.contains(tag));
    let longest = runs.map(<[_]>::len).max().unwrap_or(0);
    let explained = code.len() <= 1 || longest < code.len();
    (!explained || longest > UNEXPLAINED)
        .then(|| format!("{name}: no `{tag}` explains\n{code:#?}\n"))
}

/// Imports follow from the code. Their lines stay, empty.
fn without_imports(text: &str) -> String {
    let mut in_import = false;
    let keep = |line: &str| {
        in_import |= line.starts_with("use ");
        let kept = if in_import { "" } else { line };
        in_import &= !line.ends_with(';');
        format!("{kept}\n")
    };
    text.lines().map(keep).collect()
}

/// Comments and brackets need no explanation.
fn is_code(line: &str) -> bool {
    let line = line.trim();
    let is_bracket = line.chars().all(|sign| !sign.is_alphanumeric());
    !(is_bracket || line.starts_with("//"))
}
