//! The table of results in README.md. It stands between two marks, of which
//! the first carries the digest of what is between them: a figure that is
//! typed by hand is found by a test.

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};
use common::{digest::Digest, escaped::Escaped};

use crate::{
    judge::{results::Results, verdict::Verdict},
    run::plan::count,
    show::{shell, table},
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");

/// Its end is the digest.
const BEGIN: &str = "<!-- Written by scripts/compare.sh --readme, sha256 ";

const END: &str = "<!-- End of what is written by --readme -->";

/// What is shown: the scenario, the id of the metric, and what a reader calls
/// it, who has not seen the other rows.
pub const ROWS: [[&str; 3]; 14] = [
    ["shared-state", "transfers.lock", "one lock for all"],
    ["shared-state", "transfers.atomic", "atomics, no lock"],
    ["ipc", "trip-64.ring.block", "there and back, asleep"],
    ["ipc", "trip-64.ring.spin", "there and back, spinning"],
    ["ipc", "trip-64.pipe.block", "there and back by a pipe"],
    ["responsive-ui", "longest-frame-gap.worker", "longest gap"],
    ["responsive-ui", "hand-over-row", "a row handed over"],
    ["matrix", "databases", "databases on all cores"],
    ["kill-workers", "stopped-after.native", "stuck in native code"],
    ["crash", "resumed-free.abort", "back after an abort"],
    ["worker-cost", "finish.anew", "a worker for each job"],
    ["worker-cost", "private.idle-64", "bytes of an idle one"],
    ["fetch", "share-of-ideal.workers-64", "of the ideal, waiting"],
    ["address-space", "map-65536.all", "map and unmap, all cores"],
];

/// Writes the table of these results.
///
/// # Errors
///
/// Fails if README.md has no place for it, or cannot be written, or if the
/// programs that were measured were built for debugging.
pub fn write(results: &Results) -> anyhow::Result<()> {
    let path = Path::new(FILE);
    let name = "README.md";
    let mut samples =
        results.scenarios.iter().flat_map(|scenario| &scenario.samples);
    ensure!(
        samples.all(|sample| sample.outcome.machine.profile == "release"),
        "{name} is not written: the results are of a debug build; measure \
         with scripts/compare.sh"
    );
    let text = fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", Escaped(&path)))?;
    let text = with_block(&text, &block(results))
        .with_context(|| format!("{name} has no marks of --readme"))?;
    fs::write(path, text)
        .with_context(|| format!("{} cannot be written", Escaped(&path)))
}

/// The text with another block. None if it has no place for one.
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

/// One row. What was not measured, or was refused, is no gap.
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
    fn every_row_is_of_a_scenario_and_every_scenario_has_one() {
        let names: Vec<_> =
            scenarios::ALL.iter().map(|scenario| scenario.name).collect();
        for [scenario, ..] in ROWS {
            assert!(names.contains(&scenario), "{scenario}");
        }
        for name in names {
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
