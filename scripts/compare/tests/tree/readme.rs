//! The pages. No figure of a run is typed by hand into README.md: each is in
//! the table that `scripts/compare.sh --readme` writes. And in every page, links
//! lead somewhere, and commands name packages and scripts that exist.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::support::workspace;
use common::{digest::Digest, scenarios};

const README: &str = include_str!("../../../../README.md");
const BEGIN: &str = "<!-- Written by scripts/compare.sh --readme, sha256 ";
const END: &str = "<!-- End of what is written by --readme -->";

/// What fits on two screens of a browser.
const MOST_LINES: usize = 120;

/// The text before the block, the digest in its mark, the block, and the text
/// after it.
fn parts(readme: &str) -> [&str; 4] {
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (digest, rest) = rest.split_once(" -->\n").unwrap();
    let (block, after) = rest.split_once(END).unwrap();
    [before, digest, block, after]
}

fn is_untouched(readme: &str) -> bool {
    let [_, digest, block, _] = parts(readme);
    Digest::new().bytes(block.as_bytes()).hex() == digest
}

#[test]
fn the_table_is_as_it_was_written() {
    assert!(is_untouched(README), "run scripts/compare.sh --readme");
}

#[test]
fn one_digit_by_hand_is_found() {
    let [_, _, block, _] = parts(README);
    for digit in ["1", "2", "|"] {
        assert!(block.contains(digit));
        let edited = block.replacen(digit, "7", 1);
        assert!(!is_untouched(&README.replace(block, &edited)), "{digit}");
    }
}

/// What became of hostile acts is no time and no rate. The text above the table
/// tells it, and `demos/confine.rs` counts it anew on each machine.
const COUNTED: &str = "confine";

#[test]
fn the_table_is_of_scenarios_that_there_are() {
    let [before, _, block, _] = parts(README);
    let rows: Vec<&str> = block
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert!(before.contains(&format!("scenarios/{COUNTED}/README.md")));
    for scenario in scenarios::ALL {
        let is_there = rows.contains(&scenario.name);
        assert!(is_there != (scenario.name == COUNTED), "{}", scenario.name);
    }
    for row in rows {
        let is_known = scenarios::ALL.iter().any(|known| known.name == row);
        assert!(is_known, "{row} is no scenario any more");
    }
}

#[test]
fn the_table_tells_machine_date_and_command() {
    let [_, _, block, _] = parts(README);
    let last = block.trim_end().lines().last().unwrap();
    for what in ["Linux", "core", "rustc", "`scripts/compare.sh", "T", "Z."] {
        assert!(last.contains(what), "no {what}: {last}");
    }
}

/// A figure that is not in the table would stay when the table is written
/// again.
#[test]
fn no_figure_stands_outside_the_table_alone() {
    let [before, _, block, after] = parts(README);
    let known = figures(block);
    assert!(known.len() > 20, "{known:?}");
    for text in [before, after] {
        for figure in figures(&prose(text)) {
            assert!(known.contains(&figure), "{figure} is not in the table");
        }
    }
}

/// A page without its fenced blocks, which are code, or a program's output.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

fn figures(text: &str) -> BTreeSet<String> {
    let words: Vec<&str> = text.split_whitespace().chain([""]).collect();
    words.windows(2).filter_map(figure).collect()
}

/// The figure at the start of two words: a number and a unit, or a number that
/// is a multiple.
fn figure(pair: &[&str]) -> Option<String> {
    const UNITS: [&str; 16] = [
        "ns", "µs", "ms", "s", "%", "×", "times", "B", "kB", "MB", "KiB",
        "MiB", "op/s", "kop/s", "Mop/s", "Gop/s",
    ];
    const MARKS: [char; 7] = ['(', ')', ',', '.', ';', ':', '*'];
    let number = pair[0].trim_matches(MARKS);
    let unit = pair[1].trim_matches(MARKS);
    if !number.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let rest =
        number.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    if UNITS.contains(&rest) {
        Some(number.into())
    } else if rest.is_empty() && UNITS.contains(&unit) {
        Some(format!("{number} {unit}"))
    } else {
        None
    }
}

#[test]
fn figures_are_known_when_they_are_seen() {
    for text in ["0.3 ms", "14× faster", "1.5s, or", "10 %.", "(7 µs)"] {
        assert_eq!(figures(text).len(), 1, "{text}");
    }
    for text in ["31 rounds", "--chaos 7", "4 |", "x86-64 and"] {
        assert!(figures(text).is_empty(), "{text}");
    }
}

#[test]
fn readme_is_short() {
    let lines = README.lines().count();
    assert!(lines <= MOST_LINES, "{lines} lines");
}

/// Lines with a minus are in the source of the threads alone, lines with a plus
/// in that of the processes.
#[test]
fn the_diff_in_readme_is_that_of_the_sources() {
    let [threads, processes] = ["threads", "processes"].map(|side| {
        let file = format!("examples-{side}/shared-state/src/lock.rs");
        fs::read_to_string(workspace().join(file)).unwrap()
    });
    let (_, rest) = README.split_once("```diff\n").unwrap();
    let (diff, _) = rest.split_once("```").unwrap();
    let without = |mark: char| -> String {
        let lines = diff.lines().filter(|line| !line.starts_with(mark));
        let text = lines.map(|line| line.get(1..).unwrap_or_default());
        text.map(|line| format!("{line}\n")).collect()
    };
    assert!(threads.contains(&without('+')), "threads:\n{}", without('+'));
    assert!(processes.contains(&without('-')), "processes:\n{}", without('-'));
}

/// All files of the workspace, without those that tools keep: hidden ones, and
/// what cargo and npm build or download.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        let is_hidden = name.to_string_lossy().starts_with('.');
        let is_cache = name == "target"
            || name == "node_modules"
            || path.join("CACHEDIR.TAG").exists();
        if is_hidden || is_cache {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Every page, and its text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = Vec::new();
    for path in files(workspace()) {
        if path.extension().is_some_and(|extension| extension == "md") {
            let text = fs::read_to_string(&path).unwrap();
            pages.push((path, text));
        }
    }
    assert!(pages.len() > 10, "the pages were found");
    pages
}

/// Where the links of a page lead, except to the web and within the page.
fn links(prose: &str) -> Vec<&str> {
    let links = prose.split("](").skip(1);
    links
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.contains("://") && !link.starts_with('#'))
        .collect()
}

#[test]
fn every_link_leads_to_a_file_that_has_its_line() {
    let mut count = 0;
    for (page, text) in pages() {
        let folder = page.parent().unwrap();
        let prose = prose(&text);
        for link in links(&prose) {
            let (path, place) = link.split_once('#').unwrap_or((link, ""));
            let target = folder.join(path);
            let from = page.display();
            assert!(target.exists(), "{from}: there is no {link}");
            let line = place.strip_prefix('L').map(str::parse::<usize>);
            if let Some(Ok(line)) = line {
                let lines = fs::read_to_string(target).unwrap();
                let has_line = (1..=lines.lines().count()).contains(&line);
                assert!(has_line, "{from}: there is no line {link}");
            }
            count += 1;
        }
    }
    assert!(count > 100, "{count} links were found");
}

/// The shell commands of a page, without comments. One that ends with a
/// backslash continues on the next line.
fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for block in text.split("```").skip(1).step_by(2) {
        let Some(lines) = block.strip_prefix("sh\n") else { continue };
        for line in lines.replace("\\\n", " ").lines() {
            let command = line.split('#').next().unwrap_or_default().trim();
            if !command.is_empty() {
                commands.push(command.to_owned());
            }
        }
    }
    commands
}

/// The names of all packages of the workspace.
fn packages() -> BTreeSet<String> {
    let mut packages = BTreeSet::new();
    for path in files(workspace()) {
        if path.ends_with("Cargo.toml") {
            let text = fs::read_to_string(path).unwrap();
            let package = text.split("[package]\nname = \"").nth(1);
            let name = package.and_then(|rest| rest.split('"').next());
            packages.extend(name.map(str::to_owned));
        }
    }
    packages
}

#[test]
fn every_command_names_packages_and_scripts_that_exist() {
    let packages = packages();
    assert!(packages.contains("compare"), "{packages:?}");
    let mut count = 0;
    for (page, text) in pages() {
        let from = page.display();
        for command in commands(&text) {
            let words: Vec<&str> = command.split_whitespace().collect();
            for pair in words.windows(2).filter(|pair| pair[0] == "-p") {
                let is_known = packages.contains(pair[1]);
                assert!(is_known, "{from}: no such package: {command}");
            }
            for word in words.iter().filter(|word| is_path(word)) {
                let is_there = workspace().join(word).exists();
                assert!(is_there, "{from}: there is no {word}: {command}");
            }
            count += 1;
        }
    }
    assert!(count > 20, "{count} commands were found");
}

/// Commands are for the root of the workspace.
fn is_path(word: &str) -> bool {
    let folders = ["scripts/", "examples-", "common/"];
    folders.iter().any(|folder| word.starts_with(folder))
}

#[test]
fn what_a_command_names_is_found() {
    let page = "a\n```sh\nA=1 cargo run \\\n    -p b # c\n# d\n\ne\n```\nf\n";
    assert_eq!(commands(page), ["A=1 cargo run      -p b", "e"]);
    assert!(commands("a\n```text\nb\n```\n").is_empty());
}

/// The list of claims in the page of the comparison follows the sources.
#[test]
fn every_claim_is_listed() {
    let compare = workspace().join("scripts/compare");
    let page = fs::read_to_string(compare.join("README.md")).unwrap();
    let mut count = 0;
    for file in files(&compare.join("src/claims/about")) {
        let source = fs::read_to_string(file).unwrap();
        for claim in source.split("id: \"C").skip(1) {
            let (number, rest) = claim.split_once('"').unwrap();
            let (_, rest) = rest.split_once("statement: \"").unwrap();
            let (statement, _) = rest.split_once('"').unwrap();
            let row = format!("| C{number} | {statement} |");
            assert!(page.contains(&row), "{row}");
            count += 1;
        }
    }
    let counted = format!("{count} claims");
    assert!(README.contains(&counted), "{counted}");
}
