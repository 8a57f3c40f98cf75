//! What people say of threads and processes, judged by what was measured.
//!
//! A claim has a rule: which figures it rests on, what they are held against,
//! and which way. Verdicts come from rules alone, so that another machine may
//! have others. The rules follow from the statements: a threshold says what a
//! word of the statement is taken to mean.
//!
//! | module | holds |
//! |---|---|
//! | [`ruling`](mod@ruling) | how a claim can stand |
//! | [`evidence`] | the figures that rules ask for |
//! | [`memory`] | claims on memory, and on handing over what is in it |
//! | [`sharing`] | claims on what several write to |
//! | [`cores`] | claims on the use of cores, and on the GIL |
//! | [`waiting`] | claims on those who wait: users and clients |
//! | [`ending`] | claims on killing and dying |
//! | [`cost`] | claims on what messages, starts and system calls take |
//! | [`code`] | claims on the programs' text |

mod code;
mod cores;
mod cost;
mod ending;
mod evidence;
mod memory;
#[cfg(test)]
pub mod planted;
mod ruling;
mod sharing;
mod waiting;

use serde::Serialize;

use crate::{asked::Asked, results::Results};

use evidence::Evidence;
pub use ruling::{Missing, Ruling, Standing};

/// A statement on threads and processes, and how it is judged.
#[derive(Debug)]
pub struct Claim {
    /// `C17`.
    pub id: &'static str,
    /// In a few words, so that its figure stands beside it.
    pub statement: &'static str,
    /// Where a reader sees it.
    pub place: Place,
    /// What figures of the Rust pairs say of it.
    rust: Rule,
    /// What those of CPython say.
    cpython: Rule,
}

/// From figures to a verdict.
type Rule = fn(&Evidence<'_>) -> Result<Ruling, Missing>;

fn ruling(rule: Rule, evidence: &Evidence<'_>) -> Ruling {
    rule(evidence).unwrap_or_else(Ruling::from)
}

/// A function on both sides of a pair.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Place {
    /// The scenario's name.
    pub scenario: &'static str,
    /// The file of its package: `src/main.rs`.
    pub file: &'static str,
    /// The function of that file.
    pub function: &'static str,
}

/// Claims on one matter.
#[derive(Debug)]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// In the order in which they are shown.
    pub claims: &'static [Claim],
}

/// All claims.
pub static GROUPS: [Group; 7] = [
    Group { title: "Memory", claims: &memory::CLAIMS },
    Group { title: "What several write to", claims: &sharing::CLAIMS },
    Group { title: "Cores, and the GIL", claims: &cores::CLAIMS },
    Group { title: "Who waits", claims: &waiting::CLAIMS },
    Group { title: "Killing and dying", claims: &ending::CLAIMS },
    Group { title: "What it costs", claims: &cost::CLAIMS },
    Group { title: "The code", claims: &code::CLAIMS },
];

/// A claim, and how it stands here.
#[derive(Debug, Serialize)]
pub struct Judged {
    /// [`Claim::id`].
    pub id: &'static str,
    /// [`Group::title`].
    pub group: &'static str,
    /// [`Claim::statement`].
    pub statement: &'static str,
    /// [`Claim::place`].
    #[serde(flatten)]
    pub place: Place,
    /// How it stands in Rust.
    pub rust: Ruling,
    /// How it stands in CPython, by each of the interpreters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpython: Vec<Ruling>,
}

/// The ids of the figures that rules ask for, by language and scenario.
const ASKED: [(&str, &str, &[&str]); 13] = [
    (
        "rust",
        "shared-state",
        &[
            "transfers.lock",
            "transfers.lock-per-account",
            "lost-updates.racy",
            "lost-updates.forced",
        ],
    ),
    (
        "rust",
        "worker-cost",
        &["private.idle-*", "finish.anew", "finish.bare", "finish.borrowed"],
    ),
    (
        "rust",
        "ipc",
        &[
            "trip-64.ring.spin",
            "trip-1048576.ring.spin",
            "trip-1048576.condvar.block",
            "trip-1048576.ring.block",
            "stream-64-cpu.condvar.block",
            "stream-64-cpu.pipe.block",
            "stream-64-cpu.unix-stream.block",
            "stream-1048576-cpu.condvar.block",
            "stream-1048576-cpu.pipe.block",
            "stream-1048576-cpu.unix-stream.block",
        ],
    ),
    (
        "rust",
        "responsive-ui",
        &[
            "hand-over-row",
            "hand-over-mb",
            "input-to-frame-p99.no-worker",
            "input-to-frame-p99.worker",
            "query.no-worker",
            "query.worker",
            "longest-frame-gap.no-worker",
        ],
    ),
    ("rust", "matrix", &["databases"]),
    (
        "rust",
        "fetch",
        &["share-of-ideal.workers-*", "memory.workers-*", "cpu.workers-*"],
    ),
    (
        "rust",
        "address-space",
        &[
            "map-65536.speed-up",
            "map-1048576.speed-up",
            "map-134217728.speed-up",
            "touch-65536.speed-up",
            "touch-1048576.speed-up",
            "touch-134217728.speed-up",
            "allocate-65536.speed-up",
            "allocate-1048576.speed-up",
            "allocate-134217728.speed-up",
            "protect-65536.speed-up",
            "files.speed-up",
        ],
    ),
    (
        "cpython",
        "shared-state",
        &[
            "transfers.lock",
            "transfers.lock-per-account",
            "lost-updates.racy",
            "lost-updates.forced",
        ],
    ),
    (
        "cpython",
        "worker-cost",
        &["private.idle-*", "finish.anew", "finish.served", "finish.borrowed"],
    ),
    (
        "cpython",
        "ipc",
        &[
            "trip-65536.simple-queue.block",
            "trip-65536.shared-memory.block",
            "stream-64-cpu.queue.block",
            "stream-64-cpu.simple-queue.block",
            "stream-64-cpu.pipe.block",
            "stream-64-cpu.shared-memory.block",
            "stream-65536-cpu.queue.block",
            "stream-65536-cpu.simple-queue.block",
            "stream-65536-cpu.pipe.block",
            "stream-65536-cpu.shared-memory.block",
        ],
    ),
    (
        "cpython",
        "responsive-ui",
        &[
            "hand-over-row",
            "hand-over-mb",
            "input-to-frame-p99.no-worker",
            "input-to-frame-p99.worker",
            "input-to-frame-p99.worker-pure-python",
            "query.no-worker",
            "query.worker",
            "query.worker-pure-python",
            "longest-frame-gap.no-worker",
        ],
    ),
    (
        "cpython",
        "matrix",
        &["work.load", "work.pure", "work.native", "cpu.pure"],
    ),
    (
        "cpython",
        "fetch",
        &["share-of-ideal.workers-*", "memory.workers-*", "cpu.workers-*"],
    ),
];

/// The same, one by one.
pub fn asked() -> impl Iterator<Item = Asked> {
    ASKED.into_iter().flat_map(|(language, scenario, ids)| {
        ids.iter().map(move |id| (language, scenario, (*id).to_owned()))
    })
}

/// All claims, by group, as these results have them stand.
pub fn judge(results: &Results) -> Vec<Judged> {
    let rust = Evidence::of_rust(results);
    let interpreters = 0..results.heading.interpreters.len();
    let judged = |group: &Group, claim: &Claim| Judged {
        id: claim.id,
        group: group.title,
        statement: claim.statement,
        place: claim.place,
        rust: ruling(claim.rust, &rust),
        cpython: interpreters
            .clone()
            .map(|number| Evidence::of_cpython(results, number))
            .map(|evidence| ruling(claim.cpython, &evidence))
            .collect(),
    };
    GROUPS
        .iter()
        .flat_map(|group| {
            group.claims.iter().map(move |claim| judged(group, claim))
        })
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::collections::BTreeSet;

    use common::{outcome::Model, scenarios};

    use super::*;
    use crate::{claims::planted::Planted, report::listing, sources};

    /// How many columns a statement may take.
    const STATEMENT: usize = 36;

    fn all() -> impl Iterator<Item = &'static Claim> {
        GROUPS.iter().flat_map(|group| group.claims)
    }

    #[test]
    fn every_claim_is_there_once() {
        let ids: BTreeSet<&str> = all().map(|claim| claim.id).collect();
        let known: BTreeSet<String> =
            (1..=31).map(|number| format!("C{number:02}")).collect();
        assert_eq!(ids.len(), all().count());
        assert!(ids.iter().copied().eq(known.iter().map(String::as_str)));
    }

    #[test]
    fn every_claim_has_its_place_on_both_sides() {
        for Claim { id, place, .. } in all() {
            let scenario = scenarios::ALL
                .iter()
                .find(|scenario| scenario.name == place.scenario);
            let pairs = sources::pairs(scenario.unwrap());
            let pair = pairs
                .iter()
                .find(|pair| pair.threads.name() == place.file)
                .unwrap_or_else(|| panic!("{id}: no file {}", place.file));
            for source in [&pair.threads, &pair.processes] {
                let line = listing::line_of(source, place.function);
                assert!(line.is_some(), "{id}: no fn {}", place.function);
            }
        }
    }

    #[test]
    fn a_statement_fits_its_column() {
        for Claim { id, statement, .. } in all() {
            let columns = statement.chars().count();
            assert!(columns <= STATEMENT, "{id}: {columns} columns");
        }
    }

    #[test]
    fn without_evidence_nothing_is_said() {
        let judged = judge(&Planted::nothing().results());
        for claim in judged {
            if ["C02", "C07"].contains(&claim.id) {
                continue;
            }
            assert_eq!(claim.rust.standing, Standing::NotMeasured);
            let words = &claim.rust.figure;
            assert!(words.contains("not compared"), "{}: {words}", claim.id);
        }
    }

    #[test]
    fn a_refused_scenario_is_no_evidence() {
        for scenario in scenarios::ALL {
            let planted =
                Planted::nothing().refused(scenario.name, Model::Processes);
            for claim in judge(&planted.results()) {
                let words = &claim.rust.figure;
                let refused = words.contains("was refused");
                let here = words.contains(scenario.name);
                assert_eq!(refused, refused && here, "{}: {words}", claim.id);
            }
        }
    }
}
