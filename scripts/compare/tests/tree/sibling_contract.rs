//! Siblings must not drift: the rules 1, 2, 3, 5, 8 and 9 of the contract that
//! common/README.md states, held against the sources of every pair.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::support::{MODELS, demo, workspace};
use common::{
    outcome::Model,
    scenarios::{ALL, Scenario},
};
use similar::{ChangeTag, TextDiff};
use syn::{ImplItem, Item, ItemImpl, Type};

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
        let [threads, processes] = MODELS.map(|model| files(scenario, model));
        for file in threads.intersection(&processes) {
            let texts = MODELS.map(|model| source(scenario, model, file));
            pairs.push((format!("{}/{file}", scenario.name), texts));
        }
    }
    pairs
}

fn source(scenario: &Scenario, model: Model, file: &str) -> String {
    let path = package(scenario, model).join("src").join(file);
    fs::read_to_string(path).unwrap()
}

/// Every line of every sibling, with where it stands.
fn lines() -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for scenario in ALL {
        for model in MODELS {
            for file in files(scenario, model) {
                let text = source(scenario, model, &file);
                for (number, line) in (1..).zip(text.lines()) {
                    let program = scenario.program(model);
                    let place = format!("{program}/{file}:{number}");
                    lines.push((place, line.to_owned()));
                }
            }
        }
    }
    lines
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

/// What only one side can have says why, in a sentence of its header.
#[test]
fn a_file_without_a_twin_says_why() {
    for scenario in ALL {
        let [threads, processes] = MODELS.map(|model| files(scenario, model));
        for (model, own, others) in [
            (Model::Threads, &threads, &processes),
            (Model::Processes, &processes, &threads),
        ] {
            for file in own.difference(others) {
                let text = source(scenario, model, file);
                let header = text.lines().take_while(|line| {
                    line.starts_with("//!") || line.is_empty()
                });
                let says = header
                    .into_iter()
                    .any(|line| line.starts_with("//! It has no twin: "));
                assert!(says, "{model}: {}/{file}", scenario.name);
            }
        }
    }
}

/// A thread's query can be interrupted by a handle. A process can be named, can
/// be replaced while it goes on, and can be slow to read what is sent to it.
const OF_ONE_SIDE: [(&str, &[&str]); 2] = [
    ("responsive-ui/link.rs", &["WorkerLink::begin"]),
    (
        "responsive-ui/database.rs",
        &[
            "DatabaseWorker::id",
            "DatabaseWorker::replace_disobedient",
            "Ties::flush",
        ],
    ),
];

#[test]
fn siblings_have_the_same_functions_and_methods_in_the_same_order() {
    for (name, texts) in pairs() {
        let of_one_side = OF_ONE_SIDE.iter().find(|(file, _)| *file == name);
        let [threads, processes] = texts.map(|text| {
            let mut functions = functions(&text);
            functions.retain(|function| {
                !of_one_side.is_some_and(|(_, all)| all.contains(&&**function))
            });
            functions
        });
        assert_eq!(threads, processes, "{name}");
    }
}

/// The clock is read in the same places: so often, in this order, in the same
/// functions.
#[test]
fn siblings_read_the_clock_in_the_same_places() {
    let mut read = 0;
    for (name, texts) in pairs() {
        let [threads, processes] = texts.map(|text| laps(&text));
        read += threads.len();
        assert_eq!(threads, processes, "{name}");
    }
    assert!(read > 3 * ALL.len(), "a lap is read in another way by now");
}

/// Memory is read when all answers are in and nobody is let go yet.
#[test]
fn memory_is_read_while_all_workers_are_parked() {
    for scenario in ["shared-state", "ipc", "address-space", "fetch"] {
        for model in MODELS {
            let scenario = ALL.iter().find(|one| one.name == scenario).unwrap();
            let text = source(scenario, model, "main.rs");
            let calls = ["wait_for_answer()", "laps.worked(", ".join()?"];
            let text = text.replace("map(JoinHandle::join)", ".join()?");
            let places = calls.map(|call| text.find(call));
            assert!(places.iter().all(Option::is_some), "{places:?}");
            assert!(places.is_sorted(), "{}, {model}", scenario.name);
        }
    }
}

/// Each lap, and the function in which it is read.
fn laps(text: &str) -> Vec<[String; 2]> {
    let mut function = String::new();
    let mut laps = Vec::new();
    for line in text.lines() {
        if let Some((_, rest)) = line.split_once("fn ") {
            function = rest.chars().take_while(|&sign| is_name(sign)).collect();
        }
        for lap in ["started", "worked", "stopped"] {
            if line.contains(&format!("laps.{lap}(")) {
                laps.push([function.clone(), lap.to_owned()]);
            }
        }
    }
    laps
}

fn is_name(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
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

/// Functions by their names, and methods by those of their types as well.
/// How a value is dropped is the mechanism's own.
fn functions(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for item in syn::parse_file(text).unwrap().items {
        match item {
            Item::Fn(function) => names.push(function.sig.ident.to_string()),
            Item::Impl(block) => names.extend(methods(&block)),
            _ => {}
        }
    }
    names
}

fn methods(block: &ItemImpl) -> Vec<String> {
    let named =
        block.trait_.as_ref().and_then(|(path, _)| path.segments.last());
    let Type::Path(owner) = &*block.self_ty else {
        return Vec::new();
    };
    if named.is_some_and(|name| name.ident == "Drop") {
        return Vec::new();
    }
    let owner = &owner.path.segments.last().unwrap().ident;
    let methods = block.items.iter().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(format!("{owner}::{}", method.sig.ident)),
        _ => None,
    });
    methods.collect()
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

/// Of the lines of a pair's file, and of all of them, so many may differ: what
/// is more is no difference between threads and processes.
const OF_A_FILE: f64 = 0.40;
const OF_ALL: f64 = 0.25;

#[test]
fn siblings_differ_in_the_mechanism_alone() {
    let (mut differing, mut all) = (0, 0);
    let mut too_much = Vec::new();
    for (name, [threads, processes]) in pairs() {
        let differs = lines_that_differ(&threads, &processes);
        let lines = threads.lines().count() + processes.lines().count();
        if differs as f64 > OF_A_FILE * lines as f64 {
            too_much.push(format!("{name}: {differs} of {lines}"));
        }
        differing += differs;
        all += lines;
    }
    assert!(too_much.is_empty(), "{too_much:#?}");
    let share = differing as f64 / all as f64;
    assert!(share <= OF_ALL, "{differing} of {all} lines differ");
}

/// The lines of either that the other does not have.
fn lines_that_differ(one: &str, other: &str) -> usize {
    let diff = TextDiff::from_lines(one, other);
    let changes = diff.iter_all_changes();
    changes.filter(|change| change.tag() != ChangeTag::Equal).count()
}

/// The third sibling of `matrix` keeps the contract beside that of processes:
/// what was a spawn there is a rank here.
#[test]
fn the_third_sibling_differs_in_the_mechanism_alone() {
    let matrix = workspace().join("examples-processes/matrix");
    for file in ["src/main.rs", "src/global_lock.rs"] {
        let [processes, ranks] = [&matrix, &matrix.join("mpi")]
            .map(|folder| fs::read_to_string(folder.join(file)).unwrap());
        assert_eq!(functions(&processes), functions(&ranks), "{file}");
        assert_eq!(laps(&processes), laps(&ranks), "{file}");
        let lines = processes.lines().count() + ranks.lines().count();
        let differs = lines_that_differ(&processes, &ranks);
        let is_alike = differs as f64 <= OF_A_FILE * lines as f64;
        assert!(is_alike, "{file}: {differs} of {lines} lines differ");
        for line in ranks.lines() {
            assert!(line.chars().count() <= 80, "{file}: {line}");
        }
    }
}

#[test]
fn the_third_sibling_says_what_it_is_in_five_lines() {
    let matrix = workspace().join("examples-processes/matrix");
    let [processes, ranks] = ["src/main.rs", "mpi/src/main.rs"].map(|file| {
        let text = fs::read_to_string(matrix.join(file)).unwrap();
        let header = text.lines().take_while(|line| line.starts_with("//!"));
        header.map(str::to_owned).collect::<Vec<_>>()
    });
    assert_eq!(ranks.len(), 5);
    assert_eq!((&ranks[0], &ranks[3]), (&processes[0], &processes[3]));
    assert!(ranks[1].starts_with("//! Here: the ranks of MPI"));
    let there = "//! There: examples-processes/matrix/src/main.rs";
    assert_eq!(ranks[2], there);
    assert!(ranks[4].starts_with("//! Run: scripts/machines.sh mpirun"));
}

/// More of them, and nobody reads them.
const MOST_MARKS: usize = 150;

/// A mark tells where the meaning differs: as a sentence, on lines of its own
/// above the code.
#[test]
fn a_mark_is_a_sentence_above_the_code() {
    let lines = lines();
    let mut marks = 0;
    for (index, (place, line)) in lines.iter().enumerate() {
        let Some((before, text)) = mark(line) else {
            continue;
        };
        marks += 1;
        assert_eq!(before.trim(), "", "{place} stands behind code");
        let more = lines[index + 1..].iter().map(|(_, line)| line.trim());
        let more = more.map_while(|line| line.strip_prefix("// "));
        let sentence: Vec<_> = [text].into_iter().chain(more).collect();
        let sentence = sentence.join(" ");
        assert!(sentence.ends_with('.'), "{place}: {sentence}");
    }
    assert!(marks <= MOST_MARKS, "{marks} marks");
    assert!(marks > ALL.len(), "{marks} marks: they look otherwise by now");
}

/// What stands before a mark, and what it says.
fn mark(line: &str) -> Option<(&str, &str)> {
    let tags = MODELS.map(|model| format!("// {model}: "));
    tags.iter().find_map(|tag| line.split_once(tag.as_str()))
}

/// So that two of them fit beside each other.
#[test]
fn no_line_of_a_sibling_is_longer_than_80_columns() {
    for (place, line) in lines() {
        assert!(line.chars().count() <= 80, "{place}: {line}");
    }
}
