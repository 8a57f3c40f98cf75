//! No figure in README.md is typed by hand: all of them are in the block that
//! `scripts/compare.sh --readme` writes.

use common::{digest::Digest, scenarios};

const README: &str = include_str!("../../../../README.md");
const BEGIN: &str = "<!-- Written by scripts/compare.sh --readme, sha256 ";
const END: &str = "<!-- End of what is written by --readme -->";

/// What is before the block, the digest in its mark, the block, and what is
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

#[test]
fn the_table_is_of_scenarios_that_there_are() {
    let [_, _, block, _] = parts(README);
    let rows: Vec<&str> = block
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    for scenario in scenarios::ALL {
        assert!(rows.contains(&scenario.name), "no {}", scenario.name);
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

#[test]
fn no_figure_stands_outside_the_table() {
    let [before, _, _, after] = parts(README);
    for text in [before, after] {
        let words: Vec<&str> = text.split_whitespace().collect();
        for pair in words.windows(2) {
            let is_confidence = pair[0] == "95";
            assert!(!is_figure(pair) || is_confidence, "{pair:?}");
        }
    }
}

/// A number and a unit, or a number that is a multiple.
fn is_figure(pair: &[&str]) -> bool {
    let units = ["ns", "µs", "ms", "s", "%", "×", "B", "KiB", "MiB", "times"];
    let word =
        |text: &str| text.trim_matches(['(', ')', ',', '.', '*']).to_owned();
    let (number, unit) = (word(pair[0]), word(pair[1]));
    let split =
        number.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let is_number = number.starts_with(|c: char| c.is_ascii_digit());
    is_number
        && (units.contains(&split)
            || split.is_empty() && units.contains(&unit.as_str()))
}

#[test]
fn figures_are_known_when_they_are_seen() {
    for figure in ["0.3 ms", "14× faster", "1.5s, or", "10 %.", "(7 µs)"] {
        let pair: Vec<&str> = figure.split_whitespace().chain([""]).collect();
        assert!(is_figure(&pair[..2]), "{figure}");
    }
    for text in ["31 rounds", "--chaos 7", "4 |", "x86-64 and"] {
        let pair: Vec<&str> = text.split_whitespace().collect();
        assert!(!is_figure(&pair[..2]), "{text}");
    }
}
