//! Claims on killing and dying. What became of whom is a fact and no sample:
//! so the rounds are not estimated from, and all of them must agree.

use std::collections::{BTreeMap, BTreeSet};

use common::{outcome::Model, units::human};
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
    },
    Claim {
        id: "C17",
        statement: "threads cannot be interrupted/killed",
        place: Place { scenario: KILL, file: "src/stuck.rs", function: "hang" },
        rust: threads_cannot_be_interrupted,
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
    },
];

const KILL: &str = "kill-workers";

/// What interrupts: SIGTERM, or closing what a thread waits on.
const INTERRUPT: &str = "interrupt";

/// What kills: SIGKILL. Threads know none.
const FORCE: &str = "force";

const CRASH: &str = "crash";

/// What a victim may hold of which others learn when it is gone.
const TOLD: [&str; 3] = ["nothing", "lock", "message"];

/// What it may hold that others wait for without a word.
const UNTOLD: [&str; 1] = ["plain-lock"];

/// "Can be": of each kind of hang, somebody was in every round.
fn processes_can_be_interrupted(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let stuck = Stuck::of(evidence, Model::Processes)?;
    let [interrupted, killed] =
        [INTERRUPT, FORCE].map(|way| stuck.stopped_by(way));
    let all = stuck.kinds().len();
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
    let (on, all) = (stuck.that_go_on(), stuck.kinds().len());
    let figure = format!("{on} of {all} kinds of hang go on");
    Ok(if on == 0 {
        Ruling::does_not_hold(figure)
    } else if on < all {
        Ruling::reworded(
            "only those that provide for it, each in its own way",
            figure,
        )
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

/// Kinds of hang, and how each was tried to be stopped, round by round.
struct Stuck(Vec<BTreeMap<String, BTreeMap<String, Tried>>>);

/// What came of trying to stop workers in one way.
#[derive(Deserialize)]
struct Tried {
    stopped: u32,
    abandoned: u32,
    p99: f64,
}

impl Stuck {
    fn of(evidence: &Evidence<'_>, model: Model) -> Result<Self, Missing> {
        let stuck = Stuck(read(evidence, KILL, model, "/kinds")?);
        match stuck.kinds().is_empty() {
            true => Err(Missing(format!("{KILL}: nobody was stuck"))),
            false => Ok(stuck),
        }
    }

    fn kinds(&self) -> BTreeSet<&str> {
        let kinds = self.0.iter().flat_map(BTreeMap::keys);
        kinds.map(String::as_str).collect()
    }

    /// How many kinds.
    fn stopped_by(&self, way: &str) -> usize {
        let stopped = |kind: &&&str| {
            let mut rounds = self.0.iter();
            rounds.all(|round| {
                let tried = round.get(**kind).and_then(|ways| ways.get(way));
                tried.is_some_and(|tried| tried.stopped > 0)
            })
        };
        self.kinds().iter().filter(stopped).count()
    }

    /// How many kinds.
    fn that_go_on(&self) -> usize {
        let goes_on = |kind: &&&str| {
            let ways = self.0.iter().filter_map(|round| round.get(**kind));
            let mut tried = ways.flat_map(BTreeMap::values);
            tried.any(|tried| tried.abandoned > 0)
        };
        self.kinds().iter().filter(goes_on).count()
    }

    /// How long it took to stop whom it took longest, in seconds.
    fn longest(&self) -> f64 {
        let ways = self.0.iter().flat_map(BTreeMap::values);
        let tried = ways.flat_map(BTreeMap::values);
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
    hold: String,
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

    /// How many ways to die nobody else ever died of, if the victim held one
    /// of these.
    fn spare(&self, holds: &[&str]) -> usize {
        let fatal: BTreeSet<&String> = self
            .all()
            .filter(|death| holds.contains(&death.hold.as_str()))
            .filter(|death| death.survivors < self.others)
            .map(|death| &death.way)
            .collect();
        self.ways() - fatal.len()
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
