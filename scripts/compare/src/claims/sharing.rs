//! Claims on what several write to: what it takes to lose nothing, and what
//! is lost otherwise.
//!
//! Whether updates *can* be lost is seen where they are made to: `forced` lets
//! all workers read one account before any of them writes. That confirms it,
//! or refutes it. `racy` runs freely and tells how often it happens; if it lost
//! nothing, that may be luck, and says nothing. That the other variants lose nothing is what their
//! programs hold against the serial reference, balance by balance; one that
//! did lose would be refused, and be no evidence.
//!
//! In CPython one script is for both sides. It names what it guards with where
//! that is made, and takes it where it is needed: there it is counted.

use std::fmt;

use common::{
    estimate::{self, Estimate},
    outcome::Model,
    units,
};
use serde_json::Value;

use crate::{
    claims::{
        Claim, Missing, Place, Ruling,
        evidence::{Evidence, Figure},
        ruling::exceeds,
    },
    counts::{Counts, Means},
    plan::count,
    scripts,
    verdict::{TIMES, interval, times},
};

pub static CLAIMS: [Claim; 5] = [
    Claim {
        id: "C05",
        statement: "separate memory needs little locking",
        place: place("src/owner.rs", "own"),
        rust: separate_memory_needs_little_locking,
        cpython: separate_memory_needs_little_locking,
    },
    Claim {
        id: "C18",
        statement: "with no queue: locks, fine or coarse",
        place: place("src/lock_per_account.rs", "make"),
        rust: without_a_queue_locks_are_chosen,
        cpython: without_a_queue_locks_are_chosen,
    },
    Claim {
        id: "C19",
        statement: "threaded code is harder to get right",
        place: place("src/racy.rs", "worker"),
        rust: threaded_code_is_harder,
        cpython: threaded_code_is_harder_in_python,
    },
    Claim {
        id: "C21",
        statement: "threads may write one memory at once",
        place: place("src/racy.rs", "update"),
        rust: threads_may_write_at_once,
        cpython: threads_may_write_at_once_in_python,
    },
    Claim {
        id: "C22",
        statement: "the GIL guards the program's data",
        place: place("src/lock.rs", "worker"),
        rust: the_gil_guards_the_data,
        cpython: the_gil_guards_the_data_in_python,
    },
];

const SCENARIO: &str = "shared-state";

/// The same for CPython.
const SCRIPT: &str = "shared_state.py";

/// The difference between a data race and one of logic.
const REFUSED: &str = "safe Rust refuses data races, and not races of logic";

const fn place(file: &'static str, function: &'static str) -> Place {
    Place { scenario: SCENARIO, file, function }
}

/// What would be rounded to no per cent at all.
const FEW: f64 = 1e-4;

/// By so much finer locks are faster, or slower, where the grain is a choice
/// that somebody has to make.
const MATTERS: f64 = 1.25;

fn separate_memory_needs_little_locking(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let mut loses = false;
    for model in [Model::Threads, Model::Processes] {
        for variant in ["lock", "owner", "partition"] {
            loses |= loses_updates(evidence, model, variant)?;
        }
    }
    let [threads, processes] = [Model::Threads, Model::Processes]
        .map(|model| Guards::of(evidence, model));
    Ok(little_locking(loses, threads?, processes?))
}

/// A lock is what can be forgotten, so little locking is none; atomics may
/// remain, as where a worker lays down its sum.
fn little_locking(loses: bool, threads: Guards, processes: Guards) -> Ruling {
    let figure = format!("threads {threads}; processes {processes}");
    if loses || !processes.spare_locks() {
        Ruling::does_not_hold(figure)
    } else if threads.spare_locks() {
        let correction = "messages or sharing decides that, on both sides";
        Ruling::reworded(correction, figure)
    } else {
        Ruling::holds(figure)
    }
}

/// What the sources of a side name to guard the ledger.
#[derive(Debug, Clone, Copy)]
struct Guards {
    /// Where it is shared.
    locks: usize,
    /// Where it is not.
    locks_apart: usize,
    /// Likewise.
    atomics_apart: usize,
}

impl Guards {
    fn of(evidence: &Evidence<'_>, model: Model) -> Result<Self, Missing> {
        match evidence.is_of_cpython() {
            true => Self::of_script(),
            false => Self::of_side(model),
        }
    }

    fn of_side(model: Model) -> Result<Self, Missing> {
        let shared = source("src/lock.rs", model)?;
        let owner = source("src/owner.rs", model)?;
        let partition = source("src/partition.rs", model)?;
        let apart =
            |means| owner.primitives_by(means) + partition.primitives_by(means);
        Ok(Guards {
            locks: shared.primitives_by(Means::Lock),
            locks_apart: apart(Means::Lock),
            atomics_apart: apart(Means::Atomic),
        })
    }

    /// Python has no atomics.
    fn of_script() -> Result<Self, Missing> {
        Ok(Guards {
            locks: locks_taken("lock")?,
            locks_apart: locks_taken("owner")? + locks_taken("partition")?,
            atomics_apart: 0,
        })
    }

    fn spare_locks(self) -> bool {
        self.locks > 0 && self.locks_apart == 0
    }
}

impl fmt::Display for Guards {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Guards { locks, locks_apart, atomics_apart } = self;
        let locks = count(*locks, "lock");
        let apart = count(*locks_apart, "lock");
        let atomics = count(*atomics_apart, "atomic");
        write!(formatter, "{locks}, apart {apart}, {atomics}")
    }
}

fn without_a_queue_locks_are_chosen(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let coarse = Figure::threads(SCENARIO, "transfers").of("lock");
    let fine = Figure::threads(SCENARIO, "transfers").of("lock-per-account");
    let grain = evidence.ratio(fine, coarse)?;
    let locks = Locks {
        needed: threads_lose(evidence)?,
        with_a_queue: !spares_locks(evidence, "owner")?,
        instead: what_spares_locks(evidence)?,
    };
    choice_of_locks(locks, grain)
}

/// What else than a queue does, in a sentence.
fn what_spares_locks(
    evidence: &Evidence<'_>,
) -> Result<Option<&'static str>, Missing> {
    let (others, words) = match evidence.is_of_cpython() {
        true => {
            (&["partition"][..], "locks, or a part for each; the grain counts")
        }
        false => (
            &["atomic", "partition"][..],
            "locks, or atomics, or a part for each; the grain counts",
        ),
    };
    for variant in others {
        if spares_locks(evidence, variant)? {
            return Ok(Some(words));
        }
    }
    Ok(None)
}

/// What else than a lock would do.
#[derive(Debug, Clone, Copy)]
struct Locks {
    /// Something is lost with nothing at all.
    needed: bool,
    /// A queue does not spare them.
    with_a_queue: bool,
    /// Without a queue, what else spares them: what to say then.
    instead: Option<&'static str>,
}

fn choice_of_locks(locks: Locks, grain: Estimate) -> Result<Ruling, Missing> {
    let matters =
        exceeds(grain, MATTERS)? || exceeds(grain.inverse(), MATTERS)?;
    let factor = times(grain.median) + TIMES;
    let figure = format!("threads: finer locks {factor} {}", interval(grain));
    Ok(match locks {
        Locks { needed: false, .. } | Locks { with_a_queue: true, .. } => {
            Ruling::does_not_hold(figure)
        }
        _ if !matters => Ruling::reworded(
            "locks, and it matters little how fine they are",
            figure,
        ),
        Locks { instead: Some(words), .. } => Ruling::reworded(words, figure),
        Locks { instead: None, .. } => Ruling::holds(figure),
    })
}

fn threaded_code_is_harder(evidence: &Evidence<'_>) -> Result<Ruling, Missing> {
    harder(evidence, unsafe_blocks_of_racy()?)
}

fn harder(
    evidence: &Evidence<'_>,
    unsafe_blocks: usize,
) -> Result<Ruling, Missing> {
    let threads = Race::by(evidence, Model::Threads)?;
    let processes = Race::by(evidence, Model::Processes)?;
    let figure = lost_by_both(evidence)?;
    Ok(match (threads.can_lose, processes.can_lose) {
        (false, _) => Ruling::does_not_hold(figure),
        (true, _) if unsafe_blocks > 0 => Ruling::holds(figure),
        (true, true) => Ruling::reworded(
            "shared memory is, of processes too; no data race compiles",
            figure,
        ),
        (true, false) => Ruling::reworded(REFUSED, figure),
    })
}

fn threaded_code_is_harder_in_python(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let figure = lost_by_both(evidence)?;
    if !threads_lose(evidence)? {
        return Ok(Ruling::does_not_hold(figure));
    }
    Ok(match Race::by(evidence, Model::Processes)?.can_lose {
        true => Ruling::reworded("shared memory is, of processes too", figure),
        false => Ruling::holds(figure),
    })
}

fn lost_by_both(evidence: &Evidence<'_>) -> Result<String, Missing> {
    let threads = Race::by(evidence, Model::Threads)?;
    let processes = Race::by(evidence, Model::Processes)?;
    Ok(format!("lost: threads {threads}, processes {processes}"))
}

fn threads_may_write_at_once(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    at_once(evidence, unsafe_blocks_of_racy()?)
}

fn at_once(
    evidence: &Evidence<'_>,
    unsafe_blocks: usize,
) -> Result<Ruling, Missing> {
    let threads = Race::by(evidence, Model::Threads)?;
    let blocks = count(unsafe_blocks, "unsafe block");
    let figure = format!("threads lose {threads} in {blocks}");
    Ok(match (threads.can_lose, unsafe_blocks) {
        (false, _) => Ruling::does_not_hold(figure),
        (true, 0) => Ruling::reworded(
            "in safe Rust only to atomics, of which each write is whole",
            figure,
        ),
        (true, _) => Ruling::holds(figure),
    })
}

fn threads_may_write_at_once_in_python(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let figure = lost_by_both(evidence)?;
    Ok(match threads_lose(evidence)? {
        true => Ruling::holds(figure),
        false => Ruling::does_not_hold(figure),
    })
}

/// Where there is no GIL, what guards the data is seen by taking it away.
fn the_gil_guards_the_data(evidence: &Evidence<'_>) -> Result<Ruling, Missing> {
    let unguarded = Race::by(evidence, Model::Threads)?;
    let lock_loses = loses_updates(evidence, Model::Threads, "lock")?;
    Ok(match (unguarded.can_lose, lock_loses) {
        (false, _) => Ruling::holds("threads lose nothing unguarded"),
        (true, false) => Ruling::only_in_cpython(format!(
            "threads lose {unguarded}, and nothing with a lock"
        )),
        (true, true) => Ruling::does_not_hold(format!(
            "threads lose {unguarded}, and with a lock too"
        )),
    })
}

/// What the GIL guards is the interpreter's own data.
fn the_gil_guards_the_data_in_python(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    if !evidence.has_gil() {
        return Err(Missing("there is no GIL in this build".into()));
    }
    let threads = Race::by(evidence, Model::Threads)?;
    let figure = format!("threads lose {threads} under the GIL");
    Ok(match threads.can_lose {
        true => Ruling::does_not_hold(figure),
        false => Ruling::holds(figure),
    })
}

/// Whether threads can lose anything.
fn threads_lose(evidence: &Evidence<'_>) -> Result<bool, Missing> {
    Ok(Race::by(evidence, Model::Threads)?.can_lose)
}

/// What comes of load and store apart, and nothing to guard them.
#[derive(Debug)]
struct Race {
    /// Whether `forced` lost anything.
    can_lose: bool,
    /// The share of updates that `racy` lost, pair by pair.
    lost: Vec<f64>,
}

impl Race {
    fn by(evidence: &Evidence<'_>, model: Model) -> Result<Self, Missing> {
        let of = |variant| {
            let lost = Figure::threads(SCENARIO, "lost-updates").of(variant);
            evidence.rounds(lost.by(model))
        };
        let forced = of("forced").map_err(|_| {
            Missing(format!(
                "{SCENARIO}: nobody was made to lose anything; to see it: \
                 --variant forced, or a comparison without --quick"
            ))
        })?;
        let can_lose = forced.iter().any(|lost| *lost > 0.0);
        Ok(Race { can_lose, lost: of("racy")? })
    }
}

impl fmt::Display for Race {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let median = estimate::median(&self.lost).unwrap_or_default();
        let most = self.lost.iter().copied().fold(0.0, f64::max);
        let share = if median > 0.0 { median } else { most };
        match share {
            0.0 if self.can_lose => formatter.write_str("some, if forced to"),
            few if 0.0 < few && few < FEW => {
                write!(formatter, "{:.1} of a million", 1e6 * few)
            }
            _ => formatter.write_str(&units::human(share, "share")),
        }
    }
}

/// Of either side: their `racy` does the same in the same words.
fn unsafe_blocks_of_racy() -> Result<usize, Missing> {
    let threads = source("src/racy.rs", Model::Threads)?;
    let processes = source("src/racy.rs", Model::Processes)?;
    Ok(threads.unsafe_blocks + processes.unsafe_blocks)
}

/// Whether a variant of threads lost nothing in any round, and its source
/// names no lock.
fn spares_locks(
    evidence: &Evidence<'_>,
    variant: &str,
) -> Result<bool, Missing> {
    let loses = loses_updates(evidence, Model::Threads, variant)?;
    let locks = match evidence.is_of_cpython() {
        true => locks_taken(variant)?,
        false => source(&format!("src/{variant}.rs"), Model::Threads)?
            .primitives_by(Means::Lock),
    };
    Ok(!loses && locks == 0)
}

/// How often a variant takes a lock in the script. The owner is a function of
/// its own.
fn locks_taken(variant: &str) -> Result<usize, Missing> {
    let functions = match variant {
        "owner" => &["owner", "own"][..],
        _ => &[variant],
    };
    let locks = functions.iter().map(|function| {
        scripts::locks_taken(SCRIPT, function).ok_or_else(|| {
            Missing(format!("{SCRIPT} has no function {function}"))
        })
    });
    locks.sum()
}

/// Whether a variant lost an update, in any round.
fn loses_updates(
    evidence: &Evidence<'_>,
    model: Model,
    variant: &str,
) -> Result<bool, Missing> {
    let rounds = evidence.results(SCENARIO, model, "/ledgers")?;
    is_lost_by(variant, rounds).ok_or_else(|| {
        Missing(format!("{SCENARIO}: {model} have no ledger of {variant}"))
    })
}

/// None if no ledger is of this variant.
fn is_lost_by<'all>(
    variant: &str,
    slices: impl IntoIterator<Item = &'all Value>,
) -> Option<bool> {
    let mut is_lost = None;
    let ledgers = slices.into_iter().filter_map(Value::as_array).flatten();
    for ledger in ledgers.filter(|ledger| ledger["variant"] == variant) {
        let lost = ledger["lost_updates"].as_u64()? > 0;
        is_lost = Some(lost || is_lost == Some(true));
    }
    is_lost
}

fn source(file: &str, model: Model) -> Result<Counts, Missing> {
    Ok(Counts::of_file(SCENARIO, model, file)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        claims::{Standing, planted::Planted},
        sources,
    };

    const BOTH: [Model; 2] = [Model::Threads, Model::Processes];

    const LOST: (&str, Option<&str>) = ("lost-updates", Some("racy"));

    const FORCED: (&str, Option<&str>) = ("lost-updates", Some("forced"));

    /// All variants lost nothing, but for one, of one side.
    fn ledgers(loser: Option<(Model, &str)>) -> Planted {
        BOTH.into_iter().fold(Planted::nothing(), |planted, model| {
            let variants = ["lock", "owner", "partition", "atomic"];
            let ledgers = variants.map(|variant| {
                let loses = loser == Some((model, variant));
                json!({"variant": variant, "lost_updates": u64::from(loses)})
            });
            planted.result(SCENARIO, model, json!({ "ledgers": ledgers }))
        })
    }

    /// Shares that `racy` lost, of threads and of processes; and each lost some
    /// when it was made to, if it lost any.
    fn raced(shares: [f64; 2]) -> Planted {
        let forced = shares.map(|lost| if lost > 0.0 { 0.5 } else { 0.0 });
        let planted = ledgers(None).both(SCENARIO, LOST, shares);
        planted.both(SCENARIO, FORCED, forced)
    }

    fn transfers(planted: Planted, variant: &str, rounds: &[f64]) -> Planted {
        let name = ("transfers", Some(variant));
        planted.rounds(SCENARIO, Model::Threads, name, rounds)
    }

    /// Transfers by locks of which the finer ones are so many times faster,
    /// round by round.
    fn finer(planted: Planted, factors: [f64; 6]) -> Planted {
        let planted = transfers(planted, "lock", &[1e7; 6]);
        let fine = factors.map(|factor| 1e7 * factor);
        transfers(planted, "lock-per-account", &fine)
    }

    fn guards(locks: usize, locks_apart: usize) -> Guards {
        Guards { locks, locks_apart, atomics_apart: 1 }
    }

    #[test]
    fn little_locking_is_none_where_nothing_is_shared() {
        let standing = |threads, processes| {
            little_locking(false, threads, processes).standing
        };
        let (spared, needed) = (guards(1, 0), guards(1, 1));
        let none = guards(0, 0);
        assert_eq!(standing(spared, spared), Standing::Reworded);
        assert_eq!(standing(needed, spared), Standing::Holds);
        assert_eq!(standing(none, spared), Standing::Holds);
        assert_eq!(standing(spared, needed), Standing::DoesNotHold);
        assert_eq!(standing(spared, none), Standing::DoesNotHold);
        assert_eq!(standing(needed, needed), Standing::DoesNotHold);
        let ruling = little_locking(true, spared, spared);
        assert_eq!(ruling.standing, Standing::DoesNotHold);
        assert_eq!(
            ruling.figure,
            "threads 1 lock, apart 0 locks, 1 atomic; \
             processes 1 lock, apart 0 locks, 1 atomic"
        );
    }

    #[test]
    fn whoever_loses_needed_more_than_that() {
        let ruling = ledgers(None).ruling("C05");
        assert_eq!(ruling.standing, Standing::Reworded);
        for model in BOTH {
            for variant in ["lock", "owner", "partition"] {
                let planted = ledgers(Some((model, variant)));
                let standing = planted.ruling("C05").standing;
                assert_eq!(standing, Standing::DoesNotHold, "{variant}");
            }
        }
        let elsewhere = ledgers(Some((Model::Threads, "atomic")));
        assert_eq!(elsewhere.ruling("C05").standing, Standing::Reworded);
    }

    #[test]
    fn a_ledger_that_is_not_there_is_no_evidence() {
        for model in BOTH {
            let planted = ledgers(None);
            let none = json!({"ledgers": [{"variant": "racy"}]});
            let ruling = planted.result(SCENARIO, model, none).ruling("C05");
            assert_eq!(ruling.standing, Standing::NotMeasured);
            let words = format!("shared-state: {model} have no ledger of lock");
            assert_eq!(ruling.figure, words);
        }
    }

    /// Needed without a queue and spared by one, and nothing else spares them.
    const CHOSEN: Locks =
        Locks { needed: true, with_a_queue: false, instead: None };

    fn choice(locks: Locks, [low, median, high]: [f64; 3]) -> Standing {
        let ruling = choice_of_locks(locks, Estimate { low, median, high });
        ruling.unwrap_or_else(Ruling::from).standing
    }

    #[test]
    fn locks_are_needed_and_how_fine_they_are_matters() {
        let faster = [1.3, 2.0, 3.0];
        let slower = [0.3, 0.5, 0.7];
        let alike = [0.9, 1.0, 1.2];
        assert_eq!(choice(CHOSEN, faster), Standing::Holds);
        assert_eq!(choice(CHOSEN, slower), Standing::Holds);
        assert_eq!(choice(CHOSEN, alike), Standing::Reworded);
        assert_eq!(choice(CHOSEN, [1.2, 2.0, 3.0]), Standing::NotMeasured);
        assert_eq!(choice(CHOSEN, [0.3, 0.5, 0.9]), Standing::NotMeasured);
        let others = Locks { instead: Some("or not"), ..CHOSEN };
        assert_eq!(choice(others, faster), Standing::Reworded);
        for void in [
            Locks { needed: false, ..CHOSEN },
            Locks { with_a_queue: true, ..CHOSEN },
        ] {
            assert_eq!(choice(void, faster), Standing::DoesNotHold);
        }
    }

    #[test]
    fn the_grain_is_of_threads_and_judged_in_rounds() {
        let ruling = finer(raced([0.02, 0.03]), [2.5; 6]).ruling("C18");
        assert_eq!(ruling.standing, Standing::Reworded);
        assert_eq!(ruling.figure, "threads: finer locks 2.5× [2.5, 2.5]");
        let words = ruling.correction.unwrap_or_default();
        assert!(words.contains("atomics"), "{words}");
        let noise = [0.9, 1.6, 1.0, 1.1, 1.3, 1.2];
        let ruling = finer(raced([0.02, 0.03]), noise).ruling("C18");
        assert_eq!(ruling.standing, Standing::NotMeasured);
        assert!(ruling.figure.starts_with("too noisy"), "{}", ruling.figure);
        let ruling = finer(raced([0.0, 0.03]), [2.5; 6]).ruling("C18");
        assert_eq!(ruling.standing, Standing::DoesNotHold);
    }

    #[test]
    fn what_loses_updates_spares_no_lock() {
        let standing = |losers: &[&str]| {
            let ledgers = ["owner", "atomic", "partition"].map(|variant| {
                let lost = u64::from(losers.contains(&variant));
                json!({"variant": variant, "lost_updates": lost})
            });
            let result = json!({ "ledgers": ledgers });
            finer(raced([0.02, 0.03]), [2.5; 6])
                .result(SCENARIO, Model::Threads, result)
                .ruling("C18")
                .standing
        };
        assert_eq!(standing(&[]), Standing::Reworded);
        assert_eq!(standing(&["atomic"]), Standing::Reworded);
        assert_eq!(standing(&["partition"]), Standing::Reworded);
        assert_eq!(standing(&["atomic", "partition"]), Standing::Holds);
        assert_eq!(standing(&["owner"]), Standing::DoesNotHold);
    }

    #[test]
    fn whoever_shares_memory_has_races_of_logic() {
        let ruling = |shares, unsafe_blocks| {
            let results = raced(shares).results();
            harder(&Evidence::of_rust(&results), unsafe_blocks)
                .unwrap_or_else(Ruling::from)
        };
        let both = ruling([0.02, 0.03], 0);
        let threads = ruling([0.02, 0.0], 0);
        assert_eq!(both.standing, Standing::Reworded);
        assert_eq!(threads.standing, Standing::Reworded);
        assert_ne!(both.correction, threads.correction);
        assert_eq!(both.figure, "lost: threads 2.00 %, processes 3.00 %");
        assert_eq!(ruling([0.02, 0.03], 1).standing, Standing::Holds);
        assert_eq!(ruling([0.02, 0.0], 1).standing, Standing::Holds);
        assert_eq!(ruling([0.0, 0.03], 0).standing, Standing::DoesNotHold);
    }

    #[test]
    fn threads_write_at_once_if_they_are_let() {
        let ruling = |shares, unsafe_blocks| {
            let results = raced(shares).results();
            at_once(&Evidence::of_rust(&results), unsafe_blocks)
                .unwrap_or_else(Ruling::from)
        };
        let safe = ruling([0.02, 0.0], 0);
        assert_eq!(safe.standing, Standing::Reworded);
        assert_eq!(safe.figure, "threads lose 2.00 % in 0 unsafe blocks");
        assert_eq!(ruling([0.02, 0.0], 1).standing, Standing::Holds);
        assert_eq!(ruling([0.0, 0.03], 0).standing, Standing::DoesNotHold);
    }

    /// As the sources are: the compiler let them.
    #[test]
    fn racy_has_no_unsafe_block() {
        assert_eq!(unsafe_blocks_of_racy(), Ok(0));
        for id in ["C19", "C21"] {
            let ruling = raced([0.02, 0.03]).ruling(id);
            assert_eq!(ruling.standing, Standing::Reworded);
        }
    }

    #[test]
    fn the_programs_lock_guards_the_programs_data() {
        let lock = |model| {
            let planted = ledgers(Some((model, "lock")));
            let planted = planted.both(SCENARIO, LOST, [0.02, 0.03]);
            planted.both(SCENARIO, FORCED, [0.5; 2]).ruling("C22").standing
        };
        let standing = |shares| raced(shares).ruling("C22").standing;
        assert_eq!(standing([0.02, 0.0]), Standing::OnlyInCPython);
        assert_eq!(standing([0.0, 0.03]), Standing::Holds);
        assert_eq!(lock(Model::Threads), Standing::DoesNotHold);
        assert_eq!(lock(Model::Processes), Standing::OnlyInCPython);
    }

    #[test]
    fn what_threads_of_python_lose_is_a_fact() {
        use Standing::{DoesNotHold, Holds, Reworded};
        for (id, both, threads, none) in [
            ("C19", Reworded, Holds, DoesNotHold),
            ("C21", Holds, Holds, DoesNotHold),
            ("C22", DoesNotHold, DoesNotHold, Holds),
        ] {
            for (shares, standing) in [
                ([0.02, 0.03], both),
                ([0.02, 0.0], threads),
                ([0.0, 0.03], none),
                ([0.0, 0.0], none),
            ] {
                let found = raced(shares).ruling_in_cpython(id).standing;
                assert_eq!(found, standing, "{id} {shares:?}");
            }
        }
        let words = |shares| raced(shares).ruling_in_cpython("C22").figure;
        assert_eq!(words([0.02, 0.0]), "threads lose 2.00 % under the GIL");
        let few = "threads lose 7.5 of a million under the GIL";
        assert_eq!(words([7.5e-6, 0.0]), few);
    }

    /// Whatever a free run happened to lose, in all pairs, in some, or in none:
    /// a claim stands as it does, or is not measured.
    #[test]
    fn luck_changes_no_verdict() {
        let rulings = |lost: &[f64], forced: Option<f64>| {
            let planted = finer(ledgers(None), [2.5; 6]);
            let planted = BOTH.into_iter().fold(planted, |planted, model| {
                let planted = planted.rounds(SCENARIO, model, LOST, lost);
                match forced {
                    Some(share) => {
                        planted.steady(SCENARIO, model, FORCED, share)
                    }
                    None => planted,
                }
            });
            ["C18", "C19", "C21", "C22"].map(|id| {
                let python = planted.ruling_in_cpython(id).standing;
                (planted.ruling(id).standing, python)
            })
        };
        let (all, some, none) = ([0.1], [0.0, 0.0, 1e-7], [0.0]);
        let seen = rulings(&all, Some(0.5));
        assert_eq!(seen, rulings(&some, Some(0.5)));
        assert_eq!(seen, rulings(&none, Some(0.5)));
        let unknown = [(Standing::NotMeasured, Standing::NotMeasured); 4];
        for lost in [&all[..], &some, &none] {
            assert_eq!(rulings(lost, None), unknown);
        }
    }

    #[test]
    fn without_a_gil_nothing_is_said_of_it() {
        let ruling = raced([0.02, 0.03]).without_gil().ruling_in_cpython("C22");
        assert_eq!(ruling.standing, Standing::NotMeasured);
        assert_eq!(ruling.figure, "there is no GIL in this build");
    }

    /// Held against the script as it is, if there is one.
    #[test]
    fn the_script_takes_locks_where_its_variant_says_so() {
        let is_there = sources::scripts().any(|file| file.name() == SCRIPT);
        let planted = finer(raced([0.02, 0.03]), [2.5; 6]);
        for id in ["C05", "C18"] {
            let ruling = planted.ruling_in_cpython(id);
            let expected = match is_there {
                true => Standing::Reworded,
                false => Standing::NotMeasured,
            };
            assert_eq!(ruling.standing, expected, "{}", ruling.figure);
        }
    }

    #[test]
    fn one_ledger_that_lost_an_update_is_enough() {
        let ledger = |lost| json!([{"variant": "lock", "lost_updates": lost}]);
        let (kept, lost, none) = (ledger(0), ledger(1), json!([]));
        assert_eq!(is_lost_by("lock", [&kept, &kept]), Some(false));
        assert_eq!(is_lost_by("lock", [&kept, &lost]), Some(true));
        assert_eq!(is_lost_by("lock", [&lost, &kept]), Some(true));
        assert_eq!(is_lost_by("lock", [&lost, &none]), Some(true));
        assert_eq!(is_lost_by("lock", [&none, &none]), None);
    }

    /// Held against the sources as they are.
    #[test]
    fn a_variant_spares_locks_if_it_names_none() {
        let results = ledgers(None).results();
        let spares =
            |variant| spares_locks(&Evidence::of_rust(&results), variant);
        assert_eq!(spares("lock"), Ok(false));
        assert_eq!(spares("owner"), Ok(true));
        assert_eq!(spares("partition"), Ok(true));
        assert_eq!(spares("atomic"), Ok(true));
    }
}
