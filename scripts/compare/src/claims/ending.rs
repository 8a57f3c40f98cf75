//! Claims on killing and dying. What became of whom is a fact and no sample:
//! so the rounds are not estimated from, and all of them must agree.

use std::collections::{BTreeMap, BTreeSet};

use common::{
    outcome::Model, scenarios::crash::Hold, supervision::Way, units::human,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::claims::{Claim, Missing, Place, Ruling, evidence::Evidence};

pub static CLAIMS: [Claim; 3] = [
    Claim {
        id: "C06",
        statement: "processes can be interrupted/killed",
        place: Place {
            scenario: KILL,
            file: "src/main.rs",
            function: "spawn_and_join",
        },
        rust: processes_can_be_interrupted,
        cpython: processes_can_be_interrupted,
    },
    Claim {
        id: "C17",
        statement: "threads cannot be interrupted/killed",
        place: Place { scenario: KILL, file: "src/stuck.rs", function: "hang" },
        rust: threads_cannot_be_interrupted,
        cpython: threads_cannot_be_interrupted,
    },
    Claim {
        id: "C30",
        statement: "a process's crash spares the others",
        place: Place {
            scenario: CRASH,
            file: "src/supervisor.rs",
            function: "replace",
        },
        rust: a_crash_spares_the_others,
        cpython: a_crash_spares_the_others,
    },
];

const KILL: &str = "kill-workers";

const CRASH: &str = "crash";

/// What a victim may hold of which others learn when it is gone.
const TOLD: [Hold; 3] = [Hold::Nothing, Hold::Lock, Hold::Message];

/// What it may hold that others wait for without a word.
const UNTOLD: [Hold; 1] = [Hold::PlainLock];

/// "Can be": of each kind of hang, somebody was in every round.
fn processes_can_be_interrupted(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let stuck = Stuck::of(evidence, Model::Processes)?;
    let [interrupted, killed] =
        [Way::Interrupt, Way::Force].map(|way| stuck.stopped_by(way));
    let all = stuck.kinds();
    let within = human(stuck.longest(), "s");
    Ok(match (interrupted == all, killed == all) {
        (true, true) => Ruling::holds(format!(
            "{all} of {all} kinds of hang, within {within}"
        )),
        (false, true) => Ruling::reworded(
            "killed in any case, but not interrupted",
            format!("{interrupted} of {all} kinds interrupted"),
        ),
        (_, false) => Ruling::does_not_hold(format!(
            "{killed} of {all} kinds of hang killed"
        )),
    })
}

/// "Cannot be": who went on in one round can go on.
fn threads_cannot_be_interrupted(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let stuck = Stuck::of(evidence, Model::Threads)?;
    let (on, all) = (stuck.that_go_on(), stuck.kinds());
    let figure = format!("{on} of {all} kinds of hang go on");
    Ok(if on == 0 {
        Ruling::does_not_hold(figure)
    } else if on < all {
        Ruling::reworded("except where a thread itself provides for it", figure)
    } else {
        Ruling::holds(figure)
    })
}

/// A lock that tells nobody when its holder is dead is shared by processes as
/// well as by threads, if they share memory; then nobody gets any further.
fn a_crash_spares_the_others(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let [threads, processes] = [Model::Threads, Model::Processes]
        .map(|model| Deaths::of(evidence, model));
    let (threads, processes) = (threads?, processes?);
    let (all, spared) = (processes.ways(), processes.spare(&TOLD));
    let figure = format!(
        "processes {spared} of {all} ways to die, threads {}",
        threads.spare(&TOLD)
    );
    Ok(if spared < all {
        Ruling::does_not_hold(figure)
    } else if processes.spare(&UNTOLD) < all {
        Ruling::reworded("unless it dies with a lock that tells nobody", figure)
    } else {
        Ruling::holds(figure)
    })
}

/// Kinds of hang, and what was tried against each, round by round.
struct Stuck(BTreeMap<String, Vec<Ways>>);

type Ways = BTreeMap<Way, Tried>;

/// What came of trying to stop workers in one way.
#[derive(Deserialize)]
struct Tried {
    stopped: u32,
    abandoned: u32,
    p99: f64,
}

impl Stuck {
    fn of(evidence: &Evidence<'_>, model: Model) -> Result<Self, Missing> {
        let rounds: Vec<BTreeMap<String, Ways>> =
            read(evidence, KILL, model, "/kinds")?;
        let mut kinds = BTreeMap::<String, Vec<Ways>>::new();
        for (kind, ways) in rounds.into_iter().flatten() {
            kinds.entry(kind).or_default().push(ways);
        }
        match kinds.is_empty() {
            true => Err(Missing(format!("{KILL}: nobody was stuck"))),
            false => Ok(Stuck(kinds)),
        }
    }

    fn kinds(&self) -> usize {
        self.0.len()
    }

    /// How many kinds.
    fn stopped_by(&self, way: Way) -> usize {
        let has_stopped =
            |ways: &Ways| ways.get(&way).is_some_and(|tried| tried.stopped > 0);
        let kinds = self.0.values();
        kinds.filter(|rounds| rounds.iter().all(has_stopped)).count()
    }

    /// How many kinds.
    fn that_go_on(&self) -> usize {
        let goes_on =
            |ways: &Ways| ways.values().any(|tried| tried.abandoned > 0);
        let kinds = self.0.values();
        kinds.filter(|rounds| rounds.iter().any(goes_on)).count()
    }

    /// How long it took to stop whom it took longest, in seconds.
    fn longest(&self) -> f64 {
        let tried = self.0.values().flatten().flat_map(BTreeMap::values);
        tried.map(|tried| tried.p99).fold(0.0, f64::max)
    }
}

/// Who died, and how, round by round.
struct Deaths {
    rounds: Vec<Vec<Death>>,
    others: usize,
}

#[derive(Deserialize)]
struct Death {
    way: String,
    hold: Hold,
    survivors: usize,
}

impl Deaths {
    fn of(evidence: &Evidence<'_>, model: Model) -> Result<Self, Missing> {
        let [workers, _] = evidence.workers_and_cores(CRASH)?;
        if workers < 2 {
            return Err(Missing(format!("{CRASH}: needs two workers")));
        }
        let rounds = read(evidence, CRASH, model, "")?;
        Ok(Deaths { rounds, others: workers - 1 })
    }

    fn all(&self) -> impl Iterator<Item = &Death> {
        self.rounds.iter().flatten()
    }

    /// How many ways to die there are.
    fn ways(&self) -> usize {
        let ways = self.all().map(|death| &death.way);
        ways.collect::<BTreeSet<_>>().len()
    }

    /// How many ways to die nobody else ever died of, while the victim held
    /// one of these.
    fn spare(&self, holds: &[Hold]) -> usize {
        let mut spares = BTreeMap::new();
        for death in self.all().filter(|death| holds.contains(&death.hold)) {
            let spares = spares.entry(&death.way).or_insert(true);
            *spares &= death.survivors == self.others;
        }
        spares.values().filter(|spares| **spares).count()
    }
}

/// What a side called its result, in each round.
fn read<T: DeserializeOwned>(
    evidence: &Evidence<'_>,
    scenario: &'static str,
    model: Model,
    pointer: &str,
) -> Result<Vec<T>, Missing> {
    let results = evidence.results(scenario, model, pointer)?;
    let read = |result: &Value| T::deserialize(result);
    let read: Result<_, _> = results.into_iter().map(read).collect();
    read.map_err(|error| {
        Missing(format!("{scenario}: {model} have another result: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::claims::{Standing, planted::Planted};

    const THREADS: Model = Model::Threads;
    const PROCESSES: Model = Model::Processes;

    fn said(planted: &Planted, id: &str) -> (Standing, String) {
        let ruling = planted.ruling(id);
        (ruling.standing, ruling.figure)
    }

    /// One kind of hang, of which so many were interrupted, killed, and
    /// abandoned.
    fn kind([interrupted, killed, abandoned]: [u32; 3]) -> Value {
        let tried = |stopped, abandoned, p99| {
            let mut tried = json!({ "stopped": stopped, "p99": p99 });
            tried["abandoned"] = json!(abandoned);
            tried
        };
        json!({
            "ask": tried(0, 0, 0.0),
            "interrupt": tried(interrupted, 0, 0.001),
            "force": tried(killed, abandoned, 0.002),
        })
    }

    fn stuck(model: Model, kinds: &[[u32; 3]]) -> Planted {
        let planted = Planted::nothing();
        planted.results_by_round(KILL, model, vec![round(kinds); 6])
    }

    fn round(kinds: &[[u32; 3]]) -> Value {
        let kinds = kinds.iter().map(|counts| kind(*counts)).enumerate();
        let kinds =
            kinds.map(|(number, kind)| (format!("kind {number}"), kind));
        json!({ "kinds": kinds.collect::<Map<_, _>>() })
    }

    /// One round like `other`, and all others like `most`.
    fn all_but_one(most: Value, other: Value) -> Vec<Value> {
        let mut rounds = vec![most; 6];
        rounds[3] = other;
        rounds
    }

    #[test]
    fn processes_are_interrupted_and_killed_or_one_or_none() {
        for (kinds, standing, words) in [
            (
                [[1, 1, 0], [2, 1, 0]],
                Standing::Holds,
                "2 of 2 kinds of hang, within 2.00 ms",
            ),
            (
                [[1, 1, 0], [0, 1, 0]],
                Standing::Reworded,
                "1 of 2 kinds interrupted",
            ),
            (
                [[1, 1, 0], [1, 0, 1]],
                Standing::DoesNotHold,
                "1 of 2 kinds of hang killed",
            ),
            (
                [[0, 0, 1], [0, 0, 1]],
                Standing::DoesNotHold,
                "0 of 2 kinds of hang killed",
            ),
        ] {
            let planted = stuck(PROCESSES, &kinds);
            assert_eq!(said(&planted, "C06"), (standing, words.into()));
        }
    }

    #[test]
    fn threads_go_on_or_not() {
        for (kinds, standing, words) in [
            (
                [[0, 0, 1], [0, 0, 1]],
                Standing::Holds,
                "2 of 2 kinds of hang go on",
            ),
            (
                [[3, 0, 0], [0, 0, 1]],
                Standing::Reworded,
                "1 of 2 kinds of hang go on",
            ),
            (
                [[3, 0, 0], [1, 1, 0]],
                Standing::DoesNotHold,
                "0 of 2 kinds of hang go on",
            ),
        ] {
            let planted = stuck(THREADS, &kinds);
            assert_eq!(said(&planted, "C17"), (standing, words.into()));
        }
    }

    #[test]
    fn one_round_is_enough_to_disprove() {
        let rounds = |model, rounds| {
            Planted::nothing().results_by_round(KILL, model, rounds)
        };
        let (well, badly) = (round(&[[1, 1, 0]]), round(&[[1, 0, 1]]));
        let processes = rounds(PROCESSES, all_but_one(well.clone(), badly));
        assert_eq!(processes.ruling("C06").standing, Standing::DoesNotHold);
        let deaf = round(&[[0, 1, 0]]);
        let processes = rounds(PROCESSES, all_but_one(well, deaf));
        assert_eq!(processes.ruling("C06").standing, Standing::Reworded);
        let (ends, goes_on) = (round(&[[1, 0, 0]]), round(&[[0, 0, 1]]));
        let threads = rounds(THREADS, all_but_one(ends, goes_on));
        assert_eq!(threads.ruling("C17").standing, Standing::Holds);
    }

    #[test]
    fn where_nobody_was_stuck_nothing_is_learnt() {
        for (id, model) in [("C06", PROCESSES), ("C17", THREADS)] {
            let words = "kill-workers: nobody was stuck".to_owned();
            let found = said(&stuck(model, &[]), id);
            assert_eq!(found, (Standing::NotMeasured, words));
            let other = Planted::nothing().result(KILL, model, json!({}));
            let (standing, _) = said(&other, id);
            assert_eq!(standing, Standing::NotMeasured);
        }
    }

    /// Who survives two ways to die: while nothing is held, a lock, a plain
    /// lock, a message.
    fn deaths(survivors: [[usize; 4]; 2]) -> Value {
        let holds = ["nothing", "lock", "plain-lock", "message"];
        let mut deaths = Vec::new();
        for (way, survivors) in ["panic", "abort"].iter().zip(survivors) {
            for (hold, survivors) in holds.iter().zip(survivors) {
                deaths.push(json!({
                    "way": way, "hold": hold, "survivors": survivors,
                }));
            }
        }
        json!(deaths)
    }

    const NOBODY: [usize; 4] = [0; 4];

    fn crash(processes: [[usize; 4]; 2]) -> Planted {
        let threads = deaths([[1, 1, 0, 1], NOBODY]);
        let planted = Planted::nothing().result(CRASH, THREADS, threads);
        planted.result(CRASH, PROCESSES, deaths(processes))
    }

    #[test]
    fn a_crash_spares_the_others_or_not() {
        let words = |spared: usize| {
            format!("processes {spared} of 2 ways to die, threads 1")
        };
        for (survivors, standing, spared) in [
            ([[1; 4], [1; 4]], Standing::Holds, 2),
            ([[1, 1, 0, 1], [1; 4]], Standing::Reworded, 2),
            ([[1, 1, 0, 1], [1, 1, 0, 1]], Standing::Reworded, 2),
            ([[1; 4], [0, 1, 1, 1]], Standing::DoesNotHold, 1),
            ([[1; 4], [1, 0, 1, 1]], Standing::DoesNotHold, 1),
            ([[1; 4], [1, 1, 1, 0]], Standing::DoesNotHold, 1),
            ([NOBODY, NOBODY], Standing::DoesNotHold, 0),
        ] {
            let found = said(&crash(survivors), "C30");
            assert_eq!(found, (standing, words(spared)), "{survivors:?}");
        }
    }

    #[test]
    fn deaths_are_judged_in_python_as_in_rust() {
        let ends = stuck(PROCESSES, &[[1, 1, 0]]);
        assert_eq!(ends.ruling_in_cpython("C06").standing, Standing::Holds);
        let hangs = stuck(PROCESSES, &[[1, 0, 1]]);
        let ruling = hangs.ruling_in_cpython("C06");
        assert_eq!(ruling.standing, Standing::DoesNotHold);
        let hangs = stuck(THREADS, &[[0, 0, 1]]);
        assert_eq!(hangs.ruling_in_cpython("C17").standing, Standing::Holds);
        let crash = crash([[1, 1, 0, 1]; 2]);
        let ruling = crash.ruling_in_cpython("C30");
        assert_eq!(ruling.standing, Standing::Reworded);
    }

    #[test]
    fn all_others_must_survive_in_all_rounds() {
        let three = crash([[1; 4], [1; 4]]).on(4, 4);
        assert_eq!(three.ruling("C30").standing, Standing::DoesNotHold);
        let (all, none) = ([[1; 4]; 2], [[1; 4], NOBODY]);
        let rounds = all_but_one(deaths(all), deaths(none));
        let once = crash(all).results_by_round(CRASH, PROCESSES, rounds);
        assert_eq!(once.ruling("C30").standing, Standing::DoesNotHold);
    }

    #[test]
    fn without_others_nobody_is_spared() {
        let planted = crash([[1; 4], [1; 4]]).on(1, 2);
        let words = "crash: needs two workers".to_owned();
        assert_eq!(said(&planted, "C30"), (Standing::NotMeasured, words));
        let other = crash([[1; 4]; 2]).result(CRASH, THREADS, json!([{}]));
        let (standing, words) = said(&other, "C30");
        assert_eq!(standing, Standing::NotMeasured);
        assert!(words.contains("threads have another result"), "{words}");
    }
}
