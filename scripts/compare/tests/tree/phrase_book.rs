//! The phrase book in scripts/cpython/README.md: every public name of four of
//! Python's modules has a row, and every link leads to a line that contains the
//! link's word.
//!
//! A line number is right until somebody adds a line above it. So nobody
//! maintains the numbers by hand: with `PHRASE_BOOK=write` this test sets each
//! to the nearest line that contains the word. Only a word that is gone needs a
//! person.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::PathBuf,
    process::Command,
};

use crate::{not_run::not_run, support::workspace};
use serde::Deserialize;

/// The folder of the page. Its links are relative to it.
const FOLDER: &str = "scripts/cpython";

/// From the folder to the root of the workspace.
const UP: &str = "../../";

const HEADING: &str = "\n## Coming from Python\n";
const MODULES: [&str; 4] =
    ["threading", "multiprocessing", "queue", "concurrent.futures"];

/// How a cell without a link starts: there is no counterpart, or no pair uses
/// it.
const WITHOUT_LINK: [&str; 2] = ["none: ", "unused: "];

fn page() -> PathBuf {
    workspace().join(FOLDER).join("README.md")
}

fn readme() -> String {
    fs::read_to_string(page()).unwrap()
}

/// The text before the phrase book, the book, and the text after it.
fn parts(readme: &str) -> [&str; 3] {
    let start = readme.find(HEADING).unwrap() + HEADING.len();
    let rest = &readme[start..];
    let (book, after) = rest.split_at(rest.find("\n## ").unwrap_or(rest.len()));
    [&readme[..start], book, after]
}

/// A row: names of a module that have the same counterparts.
struct Row {
    module: String,
    names: Vec<Name>,
    threads: String,
    processes: String,
}

/// A name, and the first version of Python that has it, unless all versions in
/// use have it.
struct Name {
    text: String,
    since: (u32, u32),
}

fn rows(book: &str) -> Vec<Row> {
    let mut module = String::new();
    let mut rows = Vec::new();
    for line in book.lines() {
        if let Some(heading) = line.strip_prefix("| of `") {
            module = heading.split('`').next().unwrap().into();
        } else if let Some(line) = line.strip_prefix("| `") {
            rows.push(row(&module, line.trim_end_matches(" |")));
        }
    }
    rows
}

fn row(module: &str, line: &str) -> Row {
    let cells: Vec<_> = line.split(" | ").collect();
    let [names, threads, processes] = cells[..] else {
        panic!("no row of three cells: {line}");
    };
    let names = names.split(", `").map(name_of).collect();
    let [module, threads, processes] =
        [module, threads, processes].map(str::to_owned);
    Row { module, names, threads, processes }
}

/// Reads `` ShutDown` (3.13) ``, whose first backtick was split off.
fn name_of(text: &str) -> Name {
    let (name, since) = text.split_once('`').unwrap();
    let minor = since.strip_prefix(" (3.").map(|minor| minor.replace(')', ""));
    let minor = minor.map_or(0, |minor| minor.parse().unwrap());
    Name { text: name.into(), since: (3, minor) }
}

/// A link to a line: `` [`word`](path#L12) ``.
#[derive(Debug)]
struct Link {
    word: String,
    path: String,
    line: usize,
}

impl Link {
    fn all(text: &str) -> Vec<Self> {
        text.split("[`").skip(1).map(Link::parse).collect()
    }

    fn parse(text: &str) -> Self {
        let (word, rest) = text.split_once("`](").unwrap();
        let (path, rest) = rest.split_once("#L").unwrap();
        let (line, _) = rest.split_once(')').unwrap();
        let (word, path) = (word.into(), path.into());
        Link { word, path, line: line.parse().unwrap() }
    }

    /// The line with the word that is nearest to the linked one. Imports and
    /// comments do not count as uses.
    fn nearest(&self) -> usize {
        let path = workspace().join(FOLDER).join(&self.path);
        let text = fs::read_to_string(path);
        let text = text.unwrap_or_else(|error| panic!("{error}: {self:?}"));
        let mut in_import = false;
        let mut uses = |line: &str| {
            let code = line.split("//").next().unwrap();
            in_import |= code.starts_with("use ");
            let is_use = !in_import && code.contains(&self.word);
            in_import &= !code.ends_with(';');
            is_use
        };
        (1..)
            .zip(text.lines())
            .filter_map(|(number, line)| uses(line).then_some(number))
            .min_by_key(|number| self.line.abs_diff(*number))
            .unwrap_or_else(|| panic!("the word is gone: {self:?}"))
    }
}

/// The book with the right line numbers.
fn corrected(book: &str) -> String {
    let mut corrected = book.to_owned();
    for link in Link::all(book) {
        let Link { word, path, line } = &link;
        let text = |line| format!("[`{word}`]({path}#L{line})");
        let right = text(link.nearest());
        corrected = corrected.replace(&text(*line), &right);
    }
    corrected
}

#[test]
fn every_link_goes_to_a_line_with_its_word() {
    let readme = readme();
    let [before, book, after] = parts(&readme);
    let corrected = corrected(book);
    if env::var_os("PHRASE_BOOK").is_some_and(|wish| wish == "write") {
        let text = [before, &corrected, after].concat();
        fs::write(page(), text).unwrap();
    } else {
        let remedy =
            "PHRASE_BOOK=write cargo test -p compare --test tree phrase_book";
        for (line, right) in book.lines().zip(corrected.lines()) {
            assert_eq!(line, right, "lines have moved: {remedy}");
        }
    }
}

#[test]
fn a_wrong_line_is_corrected() {
    let readme = readme();
    let [_, book, _] = parts(&readme);
    let links = Link::all(book);
    assert!(links.len() > 50);
    for link in [&links[0], links.last().unwrap()] {
        let end = format!("{}#L{})", link.path, link.line);
        let moved = format!("{}#L{})", link.path, link.line + 1);
        let wrong = book.replace(&end, &moved);
        assert_ne!(wrong, book);
        assert_ne!(corrected(&wrong), wrong, "{link:?}");
    }
}

/// The cells of a side link to files of that side, or to `common`.
#[test]
fn every_cell_links_to_its_side_or_says_why_not() {
    let readme = readme();
    let [_, book, _] = parts(&readme);
    for Row { names, threads, processes, .. } in rows(book) {
        for (side, cell) in [("threads", threads), ("processes", processes)] {
            let name = &names[0].text;
            let links = Link::all(&cell);
            let says_why =
                WITHOUT_LINK.iter().any(|start| cell.starts_with(start));
            assert_ne!(says_why, !links.is_empty(), "{name}: {cell}");
            let own = format!("examples-{side}/");
            for Link { path, .. } in links {
                let path = path.strip_prefix(UP).unwrap();
                let is_own = path.starts_with(&own);
                assert!(is_own || path.starts_with("common/"), "{path}");
            }
        }
    }
}

#[test]
fn no_name_has_two_rows() {
    let readme = readme();
    let [_, book, _] = parts(&readme);
    let mut seen = BTreeSet::new();
    for Row { module, names, .. } in rows(book) {
        assert!(MODULES.contains(&&*module), "{module}");
        for Name { text, .. } in names {
            assert!(seen.insert((module.clone(), text.clone())), "{text}");
        }
    }
    assert!(seen.len() > 50);
}

/// What Python says about its modules and about the names in the book.
#[derive(Deserialize)]
struct Python {
    version: (u32, u32),
    /// By module.
    public: BTreeMap<String, BTreeSet<String>>,
    /// Prefixed with their modules.
    unknown: BTreeSet<String>,
}

/// Its arguments are the names in the book.
const QUESTION: &str = "
import importlib, json, pydoc, sys
modules = ['threading', 'multiprocessing', 'queue', 'concurrent.futures']
public = {name: list(importlib.import_module(name).__all__) for name in modules}
unknown = [name for name in sys.argv[1:] if pydoc.locate(name) is None]
version = sys.version_info[:2]
print(json.dumps({'version': version, 'public': public, 'unknown': unknown}))
";

#[test]
fn every_public_name_of_python_has_a_row() {
    let readme = readme();
    let [_, book, _] = parts(&readme);
    let rows = rows(book);
    let names = rows.iter().flat_map(|row| {
        row.names.iter().map(|name| (row.module.as_str(), name))
    });
    let names: Vec<_> = names.collect();
    let full =
        |(module, name): &(&str, &Name)| format!("{module}.{}", name.text);
    let Some(python) = ask(names.iter().map(full)) else { return };
    for (module, public) in &python.public {
        for name in public {
            let has_row =
                |(of, row): &(&str, &Name)| of == module && row.text == *name;
            assert!(names.iter().any(has_row), "no row for {module}.{name}");
        }
    }
    for one in &names {
        let is_known = !python.unknown.contains(&full(one));
        let is_new = one.1.since > python.version;
        assert!(is_known || is_new, "Python has no {}", full(one));
    }
}

/// None if there is no Python 3.9 or later. Earlier versions did not list the
/// public names of these modules.
fn ask(names: impl Iterator<Item = String>) -> Option<Python> {
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let enough = "import sys; sys.exit(sys.version_info < (3, 9))";
    let found = Command::new(&python).args(["-c", enough]).output();
    if !found.is_ok_and(|found| found.status.success()) {
        not_run("the names of the phrase book: apt-get install python3");
        return None;
    }
    let mut question = Command::new(&python);
    let output = question.args(["-c", QUESTION]).args(names);
    let output = output.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}
