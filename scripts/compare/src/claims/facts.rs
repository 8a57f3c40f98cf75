//! What happened to workers and to what they wrote: counted over all slices,
//! from the results of the programs.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum as _;
use common::{
    outcome::Model,
    scenarios::{
        confine,
        crash::{self, Hold},
        kill_workers, shared_state,
    },
    supervision::StopMethod,
};

use crate::{
    claims::{
        evidence::Evidence,
        quantity::{Acting, Dying, Fact, Hanging},
        ruling::Missing,
    },
    run::tried::{Cell, Tried},
};

/// Counts it.
///
/// # Errors
///
/// It is missing if the scenario was not compared or was refused, or if its
/// programs have a different kind of result.
pub fn count(fact: Fact, evidence: &Evidence<'_>) -> Result<f64, Missing> {
    Ok(match fact {
        Fact::Seen(model) => sightings(evidence, model, true)? as f64,
        Fact::Unseen(model) => sightings(evidence, model, false)? as f64,
        Fact::Lost(model, variant) => lost(evidence, model, variant)?,
        Fact::Hanging(model, what) => Hangs::of(evidence, model)?.count(what),
        Fact::Dying(model, what) => {
            Deaths::of(evidence, model)?.count(what) as f64
        }
        Fact::Acting(model, variant, what) => {
            Acts::of(evidence, model, variant)?.count(what) as f64
        }
    })
}

fn ledgers(
    evidence: &Evidence<'_>,
    model: Model,
) -> Result<Vec<shared_state::Summary>, Missing> {
    evidence.summaries("shared-state", model)
}

fn sightings(
    evidence: &Evidence<'_>,
    model: Model,
    wanted: bool,
) -> Result<usize, Missing> {
    let rounds = ledgers(evidence, model)?;
    let seen = rounds.iter().map(|round| round.global_write_visible);
    Ok(seen.filter(|seen| *seen == wanted).count())
}

fn lost(
    evidence: &Evidence<'_>,
    model: Model,
    variant: &str,
) -> Result<f64, Missing> {
    let slices = ledgers(evidence, model)?.into_iter();
    let ledgers = slices.flat_map(|slice| slice.ledgers);
    let of_this = ledgers.filter(|ledger| ledger.variant == variant);
    let lost = of_this.map(|ledger| ledger.lost_updates as f64);
    lost.reduce(|all, one| all + one).ok_or_else(|| {
        let words =
            format!("shared-state: {model} have no ledger of {variant}");
        evidence.lacks("shared-state", words)
    })
}

/// The attempts on each kind of hang, slice by slice.
struct Hangs(BTreeMap<String, Vec<kill_workers::Ways>>);

impl Hangs {
    fn of(evidence: &Evidence<'_>, model: Model) -> Result<Self, Missing> {
        let rounds: Vec<kill_workers::Summary> =
            evidence.summaries("kill-workers", model)?;
        let mut kinds = BTreeMap::<_, Vec<_>>::new();
        for (kind, ways) in rounds.into_iter().flat_map(|round| round.kinds) {
            kinds.entry(kind).or_default().push(ways);
        }
        if kinds.is_empty() {
            let words = "kill-workers: no worker hung";
            Err(evidence.lacks("kill-workers", words.into()))
        } else {
            Ok(Hangs(kinds))
        }
    }

    fn count(&self, what: Hanging) -> f64 {
        if what == Hanging::Longest {
            let tried = self.0.values().flatten().flat_map(BTreeMap::values);
            return tried.map(|tried| tried.p99).fold(0.0, f64::max);
        }
        let kinds = self.0.values();
        kinds.filter(|rounds| is_true(what, rounds)).count() as f64
    }
}

fn is_true(what: Hanging, rounds: &[kill_workers::Ways]) -> bool {
    let tried = || rounds.iter().flat_map(BTreeMap::values);
    let by =
        |way: StopMethod| rounds.iter().filter_map(move |ways| ways.get(&way));
    let goes_on = tried().any(|tried| tried.abandoned > 0);
    let ends = tried().any(|tried| tried.stopped > 0);
    let is_ended_by = |way| by(way).any(|tried| tried.stopped > 0);
    match what {
        Hanging::Kinds | Hanging::Longest => true,
        Hanging::GoesOn => goes_on,
        Hanging::EndsAlways => ends && !goes_on,
        Hanging::Open => !ends && !goes_on,
        Hanging::Interrupted => is_ended_by(StopMethod::Interrupt),
        Hanging::NotInterrupted => !is_ended_by(StopMethod::Interrupt),
        Hanging::Deaf => by(StopMethod::Interrupt)
            .any(|tried| tried.tried > 0 && tried.stopped == 0),
        Hanging::Killed => is_ended_by(StopMethod::Force),
        Hanging::NotKilled => !is_ended_by(StopMethod::Force),
    }
}

/// The deaths of all slices, by the way to die.
struct Deaths {
    ways: BTreeMap<String, Vec<crash::Death>>,
    others: usize,
}

/// What a victim may hold whose loss the others are told about.
const TOLD: [Hold; 3] = [Hold::Nothing, Hold::Lock, Hold::Message];

impl Deaths {
    fn of(evidence: &Evidence<'_>, model: Model) -> Result<Self, Missing> {
        let others = evidence.others("crash")?;
        let rounds: Vec<Vec<crash::Death>> =
            evidence.summaries("crash", model)?;
        let mut ways = BTreeMap::<_, Vec<_>>::new();
        for death in rounds.into_iter().flatten() {
            ways.entry(death.way.clone()).or_default().push(death);
        }
        if ways.is_empty() {
            let words = "crash: no worker died";
            Err(evidence.lacks("crash", words.into()))
        } else {
            Ok(Deaths { ways, others })
        }
    }

    fn count(&self, what: Dying) -> usize {
        let ways = self.ways.values();
        ways.filter(|deaths| self.is_true(what, deaths)).count()
    }

    fn is_true(&self, what: Dying, deaths: &[crash::Death]) -> bool {
        let felled = |is_told| {
            let mut of_this = deaths
                .iter()
                .filter(|death| TOLD.contains(&death.hold) == is_told);
            of_this.any(|death| death.survivors != self.others)
        };
        let held: BTreeSet<_> =
            deaths.iter().map(|death| death.hold.to_string()).collect();
        let is_tried = TOLD.iter().all(|hold| held.contains(&hold.to_string()));
        match what {
            Dying::Ways => true,
            Dying::Spared => is_tried && !felled(true),
            Dying::Felled => felled(true),
            Dying::Stalled => felled(false),
            Dying::Untried => !is_tried,
        }
    }
}

/// What came of each hostile act of one variant, slice by slice.
struct Acts(BTreeMap<String, Vec<Tried>>);

impl Acts {
    fn of(
        evidence: &Evidence<'_>,
        model: Model,
        variant: &str,
    ) -> Result<Self, Missing> {
        let slices: Vec<Vec<Tried>> = evidence.summaries("confine", model)?;
        let mut acts = BTreeMap::<_, Vec<_>>::new();
        let all = slices.into_iter().flatten();
        for tried in all.filter(|tried| tried.variant == variant) {
            acts.entry(tried.act.clone()).or_default().push(tried);
        }
        if acts.is_empty() {
            let words = format!("confine: {variant} {model} tried nothing");
            return Err(evidence.lacks("confine", words));
        }
        Ok(Acts(acts))
    }

    fn count(&self, what: Acting) -> usize {
        let of = |is: fn(&[Tried]) -> bool| {
            self.0.values().filter(|slices| is(slices)).count()
        };
        match what {
            Acting::Tried => self.0.len(),
            Acting::Untried => {
                let all = confine::Act::value_variants().iter();
                all.filter(|act| !self.0.contains_key(&act.to_string())).count()
            }
            Acting::Contained => of(are_contained),
            Acting::Harmful => of(|slices| !are_contained(slices)),
            Acting::Held => of(are_held),
            Acting::Bypassed => {
                of(|slices| are_held(slices) && !are_contained(slices))
            }
        }
    }
}

fn are_contained(slices: &[Tried]) -> bool {
    slices.iter().all(|tried| tried.cell == Cell::Contained)
}

fn are_held(slices: &[Tried]) -> bool {
    slices.iter().all(Tried::is_held)
}

#[cfg(test)]
mod tests {
    use common::outcome::Model::{Processes, Threads};
    use serde_json::{Value, json};

    use super::*;
    use crate::judge::{planted::Planted, stopping::FEWEST};

    fn count(planted: &Planted, fact: Fact) -> Result<f64, String> {
        let results = planted.results();
        let count = super::count(fact, &Evidence::of_rust(&results));
        count.map_err(|Missing(words)| words)
    }

    /// One slice like `other`, and all others like `most`.
    fn all_but_one(most: Value, other: Value) -> Vec<Value> {
        let mut rounds = vec![most; FEWEST];
        rounds[3] = other;
        rounds
    }

    #[test]
    fn what_was_written_is_seen_and_what_was_lost_is_counted() {
        let round = |seen: bool, lost: u64| {
            json!({
                "transfers": 7, "global_write_visible": seen,
                "ledgers": [{
                    "variant": "lock", "transfers": 7, "total": 0,
                    "lost_updates": lost,
                }],
            })
        };
        let rounds = all_but_one(round(true, 0), round(false, 2));
        let planted = Planted::nothing();
        let planted = planted.results_by_round("shared-state", Threads, rounds);
        for (fact, number) in [
            (Fact::Seen(Threads), (FEWEST - 1) as f64),
            (Fact::Unseen(Threads), 1.0),
            (Fact::Lost(Threads, "lock"), 2.0),
        ] {
            assert_eq!(count(&planted, fact), Ok(number), "{fact:?}");
        }
        let words = "shared-state: threads have no ledger of owner".to_owned();
        assert_eq!(count(&planted, Fact::Lost(Threads, "owner")), Err(words));
    }

    /// One kind of hang, with the numbers of workers interrupted, killed and
    /// abandoned.
    fn hung([interrupted, killed, abandoned]: [usize; 3]) -> Value {
        let tried = |stopped, abandoned, p99| {
            json!({
                "tried": 1, "stopped": stopped, "abandoned": abandoned,
                "p50": 0.0, "p99": p99, "locks_poisoned": 0, "locks_held": 0,
            })
        };
        json!({
            "good_jobs": 1, "restarts": 1, "threads_left": 0, "cores_lost": 0.0,
            "kinds": { "loop": {
                "ask": tried(0, 0, 0.0),
                "interrupt": tried(interrupted, 0, 0.001),
                "force": tried(killed, abandoned, 0.002),
            }},
        })
    }

    #[test]
    fn a_kind_of_hang_is_what_any_round_shows() {
        use Hanging::{
            Deaf, EndsAlways, GoesOn, Interrupted, Killed, Longest,
            NotInterrupted, NotKilled, Open,
        };
        let (well, deaf) = (hung([1, 1, 0]), hung([0, 1, 0]));
        let (bad, open) = (hung([0, 0, 1]), hung([0, 0, 0]));
        for (most, other, is_so) in [
            (&well, &well, &[Interrupted, Killed, EndsAlways][..]),
            (&well, &deaf, &[Interrupted, Killed, EndsAlways, Deaf]),
            (&well, &bad, &[Interrupted, Killed, GoesOn, Deaf]),
            (&bad, &bad, &[NotInterrupted, NotKilled, GoesOn, Deaf]),
            (&open, &open, &[NotInterrupted, NotKilled, Open, Deaf]),
        ] {
            let rounds = all_but_one(most.clone(), other.clone());
            let planted = Planted::nothing();
            let planted =
                planted.results_by_round("kill-workers", Processes, rounds);
            for what in [
                Interrupted,
                NotInterrupted,
                Deaf,
                Killed,
                NotKilled,
                GoesOn,
                EndsAlways,
                Open,
            ] {
                let found = count(&planted, Fact::Hanging(Processes, what));
                let expected = f64::from(u8::from(is_so.contains(&what)));
                assert_eq!(
                    found,
                    Ok(expected),
                    "{what:?} {rounds}",
                    rounds = other
                );
            }
            let longest = count(&planted, Fact::Hanging(Processes, Longest));
            assert_eq!(longest, Ok(0.002));
        }
    }

    /// Survivors of two ways to die, with one other worker: while the victim
    /// holds nothing, a lock, a plain lock, a message.
    fn deaths(survivors: [[usize; 4]; 2]) -> Value {
        let holds = ["nothing", "lock", "plain-lock", "message"];
        let of_way = |(way, survivors): (&str, [usize; 4])| {
            let death = move |(hold, survivors): (&str, usize)| {
                json!({
                    "way": way, "hold": hold, "survivors": survivors,
                    "death": null, "hung": false, "lost": 0, "repairs": 0,
                    "transfers": 1, "total": 0,
                })
            };
            holds.into_iter().zip(survivors).map(death).collect::<Vec<_>>()
        };
        let ways = ["panic", "abort"].into_iter().zip(survivors);
        json!(ways.flat_map(of_way).collect::<Vec<_>>())
    }

    #[test]
    fn a_way_to_die_spares_others_in_all_rounds_or_not() {
        let all = deaths([[1; 4]; 2]);
        for (other, [spared, felled, stalled]) in [
            ([[1; 4]; 2], [2.0, 0.0, 0.0]),
            ([[1, 1, 0, 1], [1; 4]], [2.0, 0.0, 1.0]),
            ([[1; 4], [1, 0, 1, 1]], [1.0, 1.0, 0.0]),
            ([[0; 4]; 2], [0.0, 2.0, 2.0]),
        ] {
            let rounds = all_but_one(all.clone(), deaths(other));
            let planted = Planted::nothing();
            let planted = planted.results_by_round("crash", Processes, rounds);
            for (what, number) in [
                (Dying::Ways, 2.0),
                (Dying::Spared, spared),
                (Dying::Felled, felled),
                (Dying::Stalled, stalled),
                (Dying::Untried, 0.0),
            ] {
                let found = count(&planted, Fact::Dying(Processes, what));
                assert_eq!(found, Ok(number), "{what:?} {other:?}");
            }
        }
        let mut less = all;
        less.as_array_mut().map(Vec::pop);
        let planted = Planted::nothing().result("crash", Processes, less);
        let untried = count(&planted, Fact::Dying(Processes, Dying::Untried));
        assert_eq!(untried, Ok(1.0));
    }

    /// Hostile acts: their names, what came of them, and before a sibling was
    /// asked.
    fn acts(all: &[(&str, &str, Option<&str>)]) -> Value {
        let act = |(act, cell, alone): &(&str, &str, Option<&str>)| {
            json!({
                "variant": "confined", "act": act, "cell": cell, "how": "so",
                "alone": alone, "lacking": [],
            })
        };
        json!(all.iter().map(act).collect::<Vec<_>>())
    }

    #[test]
    fn an_act_is_contained_in_all_rounds_or_not_at_all() {
        use Acting::{Bypassed, Contained, Harmful, Held, Tried, Untried};
        let (fine, held) = ("contained", Some("contained"));
        let most = acts(&[
            ("read", fine, None),
            ("peek", "harmed", Some("harmed")),
            ("signal", "dead", held),
        ]);
        let other = |read, alone| acts(&[("read", read, alone)]);
        for (other, [contained, harmful, is_held, bypassed]) in [
            (json!([]), [1, 2, 2, 1]),
            (other(fine, held), [1, 2, 2, 1]),
            (other("harmed", None), [0, 3, 1, 1]),
            (other("dead", Some("harmed")), [0, 3, 1, 1]),
            (other("harmed", held), [0, 3, 2, 2]),
        ] {
            let rounds = all_but_one(most.clone(), other.clone());
            let planted = Planted::nothing();
            let planted = planted.results_by_round("confine", Threads, rounds);
            for (what, number) in [
                (Tried, 3),
                (Untried, 12),
                (Contained, contained),
                (Harmful, harmful),
                (Held, is_held),
                (Bypassed, bypassed),
            ] {
                let fact = Fact::Acting(Threads, "confined", what);
                let found = count(&planted, fact);
                assert_eq!(found, Ok(f64::from(number)), "{what:?} {other}");
            }
        }
    }

    #[test]
    fn who_tried_nothing_is_named() {
        let read = acts(&[("read", "harmed", None)]);
        let planted = Planted::nothing().result("confine", Processes, read);
        let bare = Fact::Acting(Processes, "bare", Acting::Tried);
        let words = "confine: bare processes tried nothing".to_owned();
        assert_eq!(count(&planted, bare), Err(words));
    }
}
