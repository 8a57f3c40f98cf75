//! The table of results in README.md. It stands between two marks; the first
//! contains the digest of what is between them, so that a test detects figures
//! typed by hand.

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};
use common::{digest::Digest, escaped::Escaped};

use crate::{
    judge::{results::Results, verdict::Verdict},
    run::plan::count,
    show::{shell, table},
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");

/// The digest follows.
const BEGIN: &str = "<!-- Written by scripts/compare.sh --readme, sha256 ";

const END: &str = "<!-- End of what is written by --readme -->";

/// The rows: the scenario, the id of the metric, and a name for readers who
/// have not seen the other rows.
pub const ROWS: [[&str; 3]; 14] = [
    ["shared-state", "transfers.lock", "transfers, one lock for all"],
    ["shared-state", "transfers.atomic", "transfers, atomics, no lock"],
    ["ipc", "trip-64.ring.block", "round trip, ring, blocking"],
    ["ipc", "trip-64.ring.spin", "round trip, ring, spinning"],
    ["ipc", "trip-64.pipe.block", "round trip through a pipe"],
    ["responsive-ui", "longest-frame-gap.worker", "longest frame gap"],
    ["responsive-ui", "hand-over-row", "handing over a row"],
    ["matrix", "databases", "databases on all cores"],
    ["kill-workers", "stopped-after.native", "stopping native code"],
    ["crash", "resumed-free.abort", "recovery after an abort"],
    ["worker-cost", "finish.anew", "a new worker per job"],
    ["worker-cost", "private.idle-64", "memory of an idle worker"],
    ["fetch", "share-of-ideal.workers-64", "share of the ideal speed"],
    ["address-space", "map-65536.all", "map and unmap, all cores"],
];

/// Writes the table of these results.
///
/// # Errors
///
/// Fails if README.md has no marks for it or cannot be written, or if the
/// programs measured were debug builds.
pub fn write(results: &Results) -> anyhow::Result<()> {
    let path = Path::new(FILE);
    let name = "README.md";
    let mut samples =
        results.scenarios.iter().flat_map(|scenario| &scenario.samples);
    ensure!(
        samples.all(|sample| sample.outcome.machine.profile == "release"),
        "{name} was not written: the results are of a debug build; measure \
         with scripts/compare.sh"
    );
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read {}", Escaped(&path)))?;
    let text = with_block(&text, &block(results))
        .with_context(|| format!("{name} lacks the marks of --readme"))?;
    fs::write(path, text)
        .with_context(|| format!("cannot write {}", Escaped(&path)))
}

/// The text with a new block. None if it lacks the marks.
fn with_block(text: &str, block: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let digest = Digest::new().bytes(block.as_bytes()).hex();
    Some(format!("{before}{BEGIN}{digest} -->\n{block}{END}{after}"))
}

fn block(results: &Results) -> String {
    let verdicts = results.verdicts();
    let rows: String = ROWS.iter().map(|row| line(row, &verdicts)).collect();
    let heading = &results.heading;
    let command = shell::line(&heading.command);
    let command = format!("scripts/compare.sh {command}");
    format!(
        "| pair | what | threads | processes | verdict |\n\
         |---|---|---|---|---|\n\
         {rows}\n\
         {}, {}, {}, {}: `{}`, {}.\n",
        heading.machine.processor(),
        count(heading.machine.cores, "core"),
        heading.machine.kernel,
        heading.machine.rustc,
        command.trim_end(),
        heading.date,
    )
}

/// One row. A missing figure is shown as such.
fn line(row: &[&str; 3], verdicts: &[Verdict]) -> String {
    let [scenario, id, what] = row;
    let mut verdicts = verdicts.iter();
    let found = verdicts
        .find(|verdict| verdict.scenario == *scenario && verdict.id == *id);
    match found {
        Some(verdict) => {
            let [_, threads, processes, words] = table::judged_row(verdict);
            format!(
                "| `{scenario}` | {what} | {threads} | {processes} | {words} \
                 |\n"
            )
        }
        None => format!("| `{scenario}` | {what} | | | not measured |\n"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use common::scenarios;

    use super::*;

    #[test]
    fn every_row_is_of_a_scenario_and_every_timed_one_has_one() {
        let names: Vec<_> =
            scenarios::ALL.iter().map(|scenario| scenario.name).collect();
        for [scenario, ..] in ROWS {
            assert!(names.contains(&scenario), "{scenario}");
        }
        // What is counted there is told above the table.
        for name in names.into_iter().filter(|name| *name != "confine") {
            assert!(ROWS.iter().any(|row| row[0] == name), "{name}");
        }
    }

    #[test]
    fn a_block_takes_the_place_of_another() {
        let text = format!("before\n{BEGIN}old -->\nold\n{END}\nafter\n");
        let new = with_block(&text, "new\n").unwrap();
        assert!(new.starts_with("before\n") && new.ends_with("\nafter\n"));
        assert!(new.contains(" -->\nnew\n<!--") && !new.contains("old"));
        assert_eq!(with_block(&new, "new\n").unwrap(), new);
        assert_eq!(with_block("nothing", "new\n"), None);
    }

    #[test]
    fn what_is_not_measured_is_a_row_that_says_so() {
        for row in &ROWS {
            assert!(line(row, &[]).contains("not measured"));
        }
    }
}
