//! Every rule can have each of its outcomes, and none by luck.
#![expect(clippy::expect_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};

use common::{
    estimate::Estimate,
    outcome::Model::{self, Processes, Threads},
    scenarios,
};

use super::{
    about::{
        code::{
            CARE, IN_COMMON, MORE_OF_KIT, SCRIPT_LINES, SHARED_LINES, effort,
        },
        confining::{BARE, CONFINED},
        cores::{GAIN, GAIN_IN_PYTHON},
        cost::{FORK, MESSAGES, MESSAGES_IN_PYTHON, OPERATIONS, START},
        memory::{COPIED, IDLE, MOVED, ROW},
        sharing::{GRAIN, TO_SEE, UNSAFE, forced, lost_by, raced},
        waiting::{ALONE, CPU, FROZEN_SHARE, HELPED, MEMORY, PYTHON, SHARE},
    },
    interpret::{Source, ruling},
    quantity::{
        Acting, Dying, Effort, Fact, Hanging, Quantity, Setting, by_processes,
        threads,
    },
    ruling::{
        Missing, Ruling,
        Standing::{
            self, DoesNotHold, Holds, NotMeasured, OnlyInCPython, Reworded,
        },
    },
    *,
};
use crate::{claims::sources, judge::planted::Planted, show::report::listing};

/// The most columns a statement may take.
const STATEMENT: usize = 36;

fn all() -> impl Iterator<Item = &'static Claim> {
    GROUPS.iter().flat_map(|group| &group.claims)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Rust,
    Python,
}

use Language::{Python, Rust};

fn rule_of(id: &str, language: Language) -> &'static Rule {
    let claim = all().find(|claim| claim.id == id).expect("it is a claim");
    match language {
        Rust => &claim.rust,
        Python => &claim.cpython,
    }
}

/// Invented quantities.
#[derive(Debug, Clone, Default)]
struct Invented(Vec<(Quantity, [f64; 2])>);

impl Source for Invented {
    fn estimate(&self, quantity: &Quantity) -> Result<Estimate, Missing> {
        let mut known = self.0.iter().rev();
        let found = known.find(|(one, _)| one == quantity);
        let missing = || Missing(format!("no {quantity:?}"));
        let [low, high] = found.map(|(_, it)| *it).ok_or_else(missing)?;
        Ok(Estimate { median: f64::midpoint(low, high), low, high })
    }
}

impl Invented {
    /// With all other quantities of the rule set to 1.
    fn standing(&self, rule: &Rule) -> Standing {
        ruling(rule, &Completed(self)).standing
    }
}

/// Quantities that are in no condition only fill gaps.
struct Completed<'all>(&'all Invented);

impl Source for Completed<'_> {
    fn estimate(&self, quantity: &Quantity) -> Result<Estimate, Missing> {
        let one = Estimate { median: 1.0, low: 1.0, high: 1.0 };
        let is_known = self.0.0.iter().any(|(it, _)| it == quantity);
        if is_known { self.0.estimate(quantity) } else { Ok(one) }
    }
}

/// Every quantity with its thresholds.
fn thresholds(rule: &Rule) -> Vec<(Quantity, Vec<f64>)> {
    let mut all: Vec<(Quantity, Vec<f64>)> = Vec::new();
    let cases = rule.cases.iter();
    for (quantity, at) in cases.flat_map(|case| case.when.thresholds()) {
        match all.iter_mut().find(|(known, _)| *known == quantity) {
            Some((_, known)) => known.push(at),
            None => all.push((quantity, vec![at])),
        }
    }
    all
}

/// Values on either side of each threshold.
fn settled(thresholds: &[f64]) -> Vec<[f64; 2]> {
    let sides = thresholds.iter().flat_map(|at| {
        let near = if *at == 0.0 { 1.0 } else { at * 1.01 };
        [*at, near].map(|value| [value, value])
    });
    let mut sides: Vec<_> = sides.collect();
    sides.dedup();
    sides
}

/// Every combination, or as many as are feasible, in a fixed order.
fn combinations(rule: &Rule) -> Vec<Invented> {
    const MOST: usize = 3000;
    let all: Vec<_> = thresholds(rule)
        .into_iter()
        .map(|(quantity, at)| (quantity, settled(&at)))
        .collect();
    let number = all.iter().try_fold(1_usize, |product, (_, values)| {
        product.checked_mul(values.len()).filter(|it| *it <= MOST)
    });
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    let combination = |number: usize| {
        let mut rest = number;
        let value = |(quantity, values): &(Quantity, Vec<[f64; 2]>)| {
            let which = match number {
                usize::MAX => next(values.len()),
                _ => rest % values.len(),
            };
            rest /= values.len();
            (*quantity, values[which])
        };
        Invented(all.iter().map(value).collect())
    };
    match number {
        Some(number) => (0..number).map(combination).collect(),
        None => {
            std::iter::repeat_n(usize::MAX, MOST).map(combination).collect()
        }
    }
}

/// The possible outcomes if nothing is noisy or missing. The letters: holds,
/// rewording, only in CPython, does not hold, not measured.
const WAYS: [(&str, &str, &str); 33] = [
    ("C01", "HD", "HD"),
    ("C02", "HRD", "HRD"),
    ("C03", "HDN", "HDN"),
    ("C04", "HON", "HDN"),
    ("C05", "HRD", "RD"),
    ("C06", "HRDN", "HRDN"),
    ("C07", "HRD", "HD"),
    ("C08", "HON", "HRDN"),
    ("C09", "HRD", "HRD"),
    ("C10", "HD", "HD"),
    ("C11", "HD", "HD"),
    ("C12", "HRD", "HRD"),
    ("C13", "HDN", "HDN"),
    ("C14", "ODN", "HDN"),
    ("C15", "HRD", "HRD"),
    ("C16", "HON", "HDN"),
    ("C17", "HRDN", "HRDN"),
    ("C18", "HRDN", "HRDN"),
    ("C19", "HRN", "HRN"),
    ("C20", "HD", "HD"),
    ("C21", "HRN", "HN"),
    ("C22", "ODN", "DN"),
    ("C23", "HRD", "HRD"),
    ("C24", "HDN", "HDN"),
    ("C25", "HRDN", "HRDN"),
    ("C26", "HRD", "HRD"),
    ("C27", "HON", "HDN"),
    ("C28", "HRDN", "HRDN"),
    ("C29", "HRDN", "HRDN"),
    ("C30", "HRDN", "HRDN"),
    ("C31", "HD", "HD"),
    ("C32", "HRDN", "HRDN"),
    ("C33", "HDN", "HDN"),
];

fn letter(standing: Standing) -> char {
    match standing {
        Holds => 'H',
        Reworded => 'R',
        OnlyInCPython => 'O',
        DoesNotHold => 'D',
        NotMeasured => 'N',
    }
}

#[test]
fn each_rule_comes_out_each_way_it_can() {
    assert_eq!(all().count(), WAYS.len());
    for (id, rust, python) in WAYS {
        for (language, ways) in [(Rust, rust), (Python, python)] {
            let rule = rule_of(id, language);
            let found: BTreeSet<Standing> = combinations(rule)
                .iter()
                .map(|invented| invented.standing(rule))
                .collect();
            let found: String = found.into_iter().map(letter).collect();
            assert_eq!(found, ways, "{id} {language:?}");
        }
    }
}

/// A decision made although a figure is noisy or missing must be the one that
/// any known value would give.
#[test]
fn no_verdict_is_a_matter_of_luck() {
    for claim in all() {
        for rule in [&claim.rust, &claim.cpython] {
            let thresholds = thresholds(rule);
            for invented in combinations(rule).iter().step_by(7) {
                for (quantity, at) in &thresholds {
                    check_luck(claim.id, rule, invented, *quantity, at);
                }
            }
        }
    }
}

fn check_luck(
    id: &str,
    rule: &Rule,
    invented: &Invented,
    quantity: Quantity,
    thresholds: &[f64],
) {
    let with = |value| {
        let mut with = invented.clone();
        with.0.push((quantity, value));
        with.standing(rule)
    };
    let mut without = invented.clone();
    without.0.retain(|(known, _)| *known != quantity);
    let without = ruling(rule, &without).standing;
    for value in settled(thresholds) {
        let known = with(value);
        assert!([NotMeasured, known].contains(&without), "{id} {quantity:?}");
    }
    for at in thresholds {
        let torn = with([at - 0.005 * at.max(0.2), at * 1.005 + 1e-3]);
        for value in [at - 0.005 * at.max(0.2), at * 1.005 + 1e-3] {
            let known = with([value, value]);
            assert!([NotMeasured, known].contains(&torn), "{id} {quantity:?}");
        }
    }
}

const fn hang(model: Model, what: Hanging) -> Quantity {
    Quantity::Seen(Fact::Hanging(model, what))
}

const fn death(what: Dying) -> Quantity {
    Quantity::Seen(Fact::Dying(Processes, what))
}

const fn thread(what: Acting) -> Quantity {
    Quantity::Seen(Fact::Acting(Threads, CONFINED, what))
}

const fn process(what: Acting) -> Quantity {
    Quantity::Seen(Fact::Acting(Processes, BARE, what))
}

/// Short names for the table below.
fn named(name: &str) -> Quantity {
    let fact = Quantity::Seen;
    match name {
        "threads-miss" => fact(Fact::Unseen(Threads)),
        "processes-see" => fact(Fact::Seen(Processes)),
        "goes-on" => hang(Processes, Hanging::GoesOn),
        "felled" => death(Dying::Felled),
        "untried" => death(Dying::Untried),
        "stalled" => death(Dying::Stalled),
        "bypassed" => thread(Acting::Bypassed),
        "held" => thread(Acting::Held),
        "harmful" => thread(Acting::Harmful),
        "not-all" => thread(Acting::Untried),
        "harmful-bare" => process(Acting::Harmful),
        "not-all-bare" => process(Acting::Untried),
        "lines" => effort(Effort::Lines, false),
        "concepts-of-kit" => effort(Effort::Concepts, true),
        "script-lines" => SCRIPT_LINES,
        "care" => CARE,
        "in-common" => IN_COMMON,
        "of-kit" => MORE_OF_KIT,
        "shared-lines" => SHARED_LINES,
        "cores" => Quantity::Setting(Setting::UsableCores),
        "idle" => Quantity::Setting(Setting::IdleCores),
        "no-core" => Quantity::Setting(Setting::JobsWithoutCore),
        "no-worker" => Quantity::Setting(Setting::JobsWithoutWorker),
        "efficiency" => Quantity::Efficiency(Processes, &[]),
        "threads" => Quantity::SpeedUp(Threads, &[]),
        "processes" => Quantity::SpeedUp(Processes, &[]),
        "pure" => Quantity::SpeedUp(Threads, &["work.pure"]),
        "pure-processes" => Quantity::SpeedUp(Processes, &["work.pure"]),
        "native" => Quantity::SpeedUp(Threads, &["work.native"]),
        "native-processes" => Quantity::SpeedUp(Processes, &["work.native"]),
        "loaded" => Quantity::SpeedUp(Threads, &["work.load", "work.pure"]),
        "busy" => Quantity::BusyCores(Threads),
        "busy-processes" => Quantity::BusyCores(Processes),
        "gain" => GAIN,
        "gain-pure" => GAIN_IN_PYTHON,
        "memory" => by_processes("worker-cost", IDLE),
        "each" => threads("worker-cost", IDLE).q(),
        "trip" => Quantity::Ratio(COPIED, MOVED),
        "row" => ROW,
        "query" => threads("responsive-ui", "query.no-worker").q(),
        "alone" => ALONE,
        "helped" => HELPED,
        "python" => PYTHON,
        "frozen" => FROZEN_SHARE,
        "ideal" => SHARE,
        "more-memory" => MEMORY,
        "more-cpu" => CPU,
        "start" => START,
        "fork" => FORK,
        "files" => OPERATIONS[10].1,
        _ => panic!("{name} is no quantity"),
    }
}

/// A claim, its language, what else is given (the rest is 1), and the ladder of
/// one quantity: how the claim stands up to each threshold and above it.
const LADDERS: &str = "
C01 rust processes-see=0: threads-miss H 0 D
C01 python threads-miss=0: processes-see H 0 D
C02 rust: lines H 1.25 D
C02 rust: concepts-of-kit H 1.25 R
C02 python care=0: script-lines H 1.25 D
C02 python: care H 0 R
C03 rust cores=2 idle=0: efficiency D 0.75 H
C03 rust cores=2 efficiency=1: idle H 0 N
C03 rust idle=0 efficiency=1: cores N 1 H
C04 rust cores=2 processes=1.6: threads H 1.5 O
C04 rust cores=2: processes N 1.5 H
C04 python cores=2 pure-processes=1.6: pure H 1.5 D
C06 rust: goes-on N 0 D
C07 rust of-kit=0: in-common D 0.5 H
C07 rust in-common=0.6: of-kit H 0 R
C07 python: shared-lines D 0.9 H
C08 rust cores=2 threads=2: gain O 1.5 H
C08 rust cores=2 processes=1.6: threads H 1.5 O
C08 python cores=2 pure-processes=2 native-processes=2: native H 1.5 R
C08 python cores=2 pure=2 native=2: gain-pure D 1.5 R
C10 rust: memory D 1.25 H
C11 python: each H 65536 D
C12 rust threads-miss=0: trip R 1.25 H
C12 rust: threads-miss R 0 D
C13 rust query=1 alone=1: helped H 0.1 D
C13 python query=1 helped=0.01: alone D 0.1 H
C13 rust alone=1 helped=0.01: query N 0.1 H
C14 rust cores=2 processes=2: threads D 1.5 O
C14 python cores=2 native-processes=2: native D 1.5 H
C15 rust: ideal D 0.8 H
C15 rust: more-memory H 1.25 R
C15 python: more-cpu H 1.25 R
C16 rust cores=2 processes=2: threads H 1.5 O
C16 python cores=2 pure-processes=2: pure H 1.5 D
C20 rust: row D 1.25 H
C23 rust: start D 1.02 H 2 R
C23 python start=9: fork D 1.02 H 2 R
C24 rust: frozen D 0.9 H
C25 rust: helped H 0.016667 R 0.1 D
C25 python helped=0.01: python H 0.0083335 R
C25 python python=0.001: helped H 0.016667 R 0.1 D
C26 rust: row D 0.8 R 1.25 H
C27 rust cores=2 busy-processes=2: busy H 1.5 O
C28 rust cores=2 threads=2: gain D 1.25 R
C28 rust cores=2 processes=2: threads H 1.5 D
C28 python cores=2: loaded R 1.1 H 1.5 D
C29 rust no-core=0 no-worker=0: efficiency D 0.9 H
C29 rust no-worker=0: no-core H 0 R
C29 rust no-core=0: no-worker H 0 N
C30 rust untried=0 stalled=0: felled H 0 D
C30 rust felled=0 untried=0: stalled H 0 R
C30 python felled=0 stalled=0: untried H 0 N
C31 rust: files D 1.25 H
C32 rust: bypassed N 0 R
C32 rust bypassed=0: held H 0 N
C32 rust bypassed=0 not-all=0 held=0: harmful D 0 H
C32 python bypassed=0 harmful=0: not-all D 0 N
C33 rust: harmful-bare N 0 H
C33 rust not-all-bare=0: harmful-bare D 0 H
C33 python harmful-bare=0: not-all-bare D 0 N";

/// On either side of each threshold, and astride it.
#[test]
fn each_threshold_is_where_the_words_say() {
    for line in LADDERS.lines().skip(1) {
        let (given, ladder) = line.split_once(": ").expect(line);
        let mut given = given.split(' ');
        let id = given.next().expect(line);
        let rule = match given.next() {
            Some("rust") => rule_of(id, Rust),
            _ => rule_of(id, Python),
        };
        let mut invented = Invented::default();
        for (name, value) in given.filter_map(|it| it.split_once('=')) {
            let value = value.parse().expect(line);
            invented.0.push((named(name), [value, value]));
        }
        let mut ladder = ladder.split(' ');
        let quantity = named(ladder.next().expect(line));
        let steps: Vec<&str> = ladder.collect();
        for step in steps.windows(3).step_by(2) {
            let at: f64 = step[1].parse().expect(line);
            let (near, far) = (at * (1.0 - 1e-6), at * 1.000_001 + 1e-9);
            let torn = [at * 0.99 - 0.001, at * 1.001 + 0.001];
            for (value, expected) in
                [([near, near], step[0]), ([far, far], step[2]), (torn, "N")]
            {
                let mut invented = invented.clone();
                invented.0.push((quantity, value));
                let found = letter(invented.standing(rule)).to_string();
                assert_eq!(found, expected, "{line}: {value:?}");
            }
        }
    }
}

/// No locks elsewhere, and updates that can be lost.
#[test]
fn locks_are_chosen_if_nothing_else_will_do() {
    let rule = rule_of("C18", Rust);
    let none = thresholds(rule).into_iter().map(|(it, _)| (it, [0.0, 0.0]));
    let none: Vec<_> = none.collect();
    let of = |given: &[(Quantity, f64)]| {
        let given = given.iter().map(|(it, at)| (*it, [*at, *at]));
        let invented = none.iter().copied().chain(given).collect();
        Invented(invented).standing(rule)
    };
    let lost = |variant| (lost_by(Threads, variant), 1.0);
    let (forced, raced) = ((forced(Threads), 0.5), (raced(Threads), 0.1));
    for (grain, chosen) in
        [(1.26, Holds), (1.24, Reworded), (0.81, Reworded), (0.79, Holds)]
    {
        let grain = (GRAIN, grain);
        assert_eq!(of(&[forced, grain]), Reworded);
        assert_eq!(of(&[raced, grain, lost("atomic")]), Reworded);
        let both = [forced, grain, lost("atomic"), lost("partition")];
        assert_eq!(of(&both), chosen);
        assert_eq!(of(&[grain, lost("atomic")]), NotMeasured);
        assert_eq!(of(&[forced, grain, lost("owner")]), DoesNotHold);
    }
}

#[test]
fn messages_cost_more_if_all_do() {
    let (rust, python) = (rule_of("C09", Rust), rule_of("C09", Python));
    let all =
        |mechanisms: &[Quantity], but: usize, [usual, other]: [f64; 2]| {
            let one = |(place, it): (usize, &Quantity)| {
                let value = if place == but { other } else { usual };
                (*it, [value, value])
            };
            Invented(mechanisms.iter().enumerate().map(one).collect())
        };
    for (rule, mechanisms) in
        [(rust, &MESSAGES[..]), (python, &MESSAGES_IN_PYTHON[..])]
    {
        assert_eq!(all(mechanisms, 99, [1.26, 0.0]).standing(rule), Holds);
        let none = all(mechanisms, 99, [1.25, 0.0]);
        assert_eq!(none.standing(rule), DoesNotHold);
        for one in 0..mechanisms.len() {
            let but_one = all(mechanisms, one, [9.0, 1.2]);
            assert_eq!(but_one.standing(rule), Reworded, "{one}");
            let mut noisy = all(mechanisms, 99, [9.0, 0.0]);
            noisy.0.push((mechanisms[one], [1.0, 1.5]));
            assert_eq!(noisy.standing(rule), NotMeasured, "{one}");
            // It no longer matters if others differ.
            let other = (one + 1) % mechanisms.len();
            noisy.0.push((mechanisms[other], [0.5, 0.5]));
            assert_eq!(noisy.standing(rule), Reworded, "{one}");
        }
    }
}

#[test]
fn one_operation_is_enough_and_the_clearest_is_named() {
    let rule = rule_of("C31", Rust);
    let mut gains: Vec<_> =
        OPERATIONS.iter().map(|(_, gain)| (*gain, [1.2, 1.2])).collect();
    gains[0].1 = [1.1, 60.0];
    assert_eq!(Invented(gains.clone()).standing(rule), NotMeasured);
    gains[10].1 = [9.0, 9.0];
    let found = ruling(rule, &Invented(gains));
    assert_eq!(found.standing, Holds);
    let words = "processes gain most from address spaces of their own at: \
                 files 9.0× [9.0, 9.0]";
    assert_eq!(found.figure, words);
}

/// If no update is lost, whether forced or by chance, the verdict explains how
/// to see it; one lost update is enough.
#[test]
fn what_did_not_show_neither_confirms_nor_refutes() {
    let (held, none) = ([0.02, 0.02], [0.0, 0.0]);
    for (id, language, both, alone) in [
        ("C19", Rust, Reworded, Reworded),
        ("C19", Python, Reworded, Holds),
        ("C21", Rust, Reworded, Reworded),
        ("C21", Python, Holds, Holds),
        ("C22", Rust, OnlyInCPython, OnlyInCPython),
        ("C22", Python, DoesNotHold, DoesNotHold),
    ] {
        let rule = rule_of(id, language);
        for (by_force, by_luck, at_processes, standing) in [
            (held, none, held, both),
            (none, held, held, both),
            (held, held, none, alone),
            (none, none, held, NotMeasured),
            (none, none, none, NotMeasured),
        ] {
            let invented = Invented(vec![
                (forced(Threads), by_force),
                (raced(Threads), by_luck),
                (forced(Processes), at_processes),
                (raced(Processes), none),
                (UNSAFE, none),
                (lost_by(Threads, "lock"), none),
                (Quantity::Gil, [1.0, 1.0]),
            ]);
            let found = ruling(rule, &invented);
            assert_eq!(found.standing, standing, "{id} {language:?}");
            if standing == NotMeasured {
                assert_eq!(found.figure, TO_SEE);
            }
        }
    }
    let free = Invented(vec![(Quantity::Gil, none)]);
    let free = ruling(rule_of("C22", Python), &free);
    assert_eq!(free.figure, "this build has no GIL");
}

/// By what was tried, and with what result.
#[test]
fn a_hang_that_was_not_tried_says_nothing() {
    let of = |model, all: &[(Hanging, f64)]| {
        let one = |(what, number): &(Hanging, f64)| {
            (hang(model, *what), [*number, *number])
        };
        Invented(all.iter().map(one).collect())
    };
    use Hanging::{Deaf, EndsAlways, GoesOn, NotInterrupted, NotKilled, Open};
    for ([goes_on, deaf, not_killed, not_interrupted], standing) in [
        ([0.0, 0.0, 0.0, 0.0], Holds),
        ([0.0, 1.0, 0.0, 1.0], Reworded),
        ([0.0, 0.0, 0.0, 1.0], NotMeasured),
        ([0.0, 0.0, 1.0, 0.0], NotMeasured),
        ([1.0, 0.0, 0.0, 0.0], DoesNotHold),
    ] {
        let found = of(
            Processes,
            &[
                (GoesOn, goes_on),
                (Deaf, deaf),
                (NotKilled, not_killed),
                (NotInterrupted, not_interrupted),
            ],
        );
        assert_eq!(found.standing(rule_of("C06", Rust)), standing);
    }
    for ([goes_on, ends, open], standing) in [
        ([2.0, 0.0, 0.0], Holds),
        ([1.0, 1.0, 0.0], Reworded),
        ([0.0, 2.0, 0.0], DoesNotHold),
        ([0.0, 1.0, 1.0], NotMeasured),
        ([1.0, 0.0, 1.0], NotMeasured),
    ] {
        let all = [(GoesOn, goes_on), (EndsAlways, ends), (Open, open)];
        let found = of(Threads, &all);
        assert_eq!(found.standing(rule_of("C17", Python)), standing);
    }
}

#[test]
fn every_claim_is_there_once() {
    let ids: BTreeMap<&str, usize> =
        all().fold(BTreeMap::new(), |mut ids, claim| {
            *ids.entry(claim.id).or_default() += 1;
            ids
        });
    let known: Vec<String> =
        (1..=33).map(|number| format!("C{number:02}")).collect();
    assert!(ids.keys().copied().eq(known.iter().map(String::as_str)));
    assert!(ids.values().all(|number| *number == 1));
}

#[test]
fn every_claim_has_its_place_on_both_sides() {
    for Claim { id, place, .. } in all() {
        let scenario = scenarios::ALL
            .iter()
            .find(|scenario| scenario.name == place.scenario);
        let pairs = sources::pairs(scenario.expect("it is a scenario"));
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

/// Claims about the sources alone are judged by them, whatever was compared.
#[test]
fn without_evidence_nothing_is_said() {
    for claim in judge(&Planted::nothing().results()) {
        let Ruling { standing, figure, .. } = claim.rust;
        if ["C02", "C07"].contains(&claim.id) {
            assert_ne!(standing, NotMeasured, "{figure}");
        } else {
            assert_eq!(standing, NotMeasured);
            let words = "not compared";
            assert!(figure.contains(words), "{}: {figure}", claim.id);
        }
    }
}

#[test]
fn a_refused_scenario_is_no_evidence() {
    for scenario in scenarios::ALL {
        let planted = Planted::nothing().refused(scenario.name, Processes);
        for claim in judge(&planted.results()) {
            let words = &claim.rust.figure;
            let refused = words.contains("was refused");
            let here = words.contains(scenario.name);
            assert_eq!(refused, refused && here, "{}: {words}", claim.id);
        }
    }
}
