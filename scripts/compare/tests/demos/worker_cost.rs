//! Workers that are started in every way, and workers that wait.

use common::{digest::Digest, input::Input, outcome::Model};

use crate::{
    crews::SEEDS,
    running::{figure, run},
    support::MODELS,
};

/// Both sides have a part for each.
pub const WAYS_TO_START: &str =
    "anew borrowed prepared served pool resident bare idle";

/// Claim C23: what grows with the parent is fork, and nothing else, whatever
/// `Command` calls it. Beside a large parent, no other way takes as long.
#[test]
fn only_fork_grows_with_the_parent() {
    let arguments = "--starts 9 --parent-memory 1GiB --variant";
    let took = |way: &str| {
        let arguments = format!("{arguments} {way}");
        let found = run("worker-cost", Model::Processes, &arguments);
        let figures = found.metrics.iter();
        let figures = figures.filter(|one| one.id.starts_with("finish."));
        let figures: Vec<_> = figures.map(|one| one.value.unwrap()).collect();
        let [small, large] = figures[..] else { panic!("{figures:?}") };
        (small, large)
    };
    let (small, fork) = took("borrowed");
    assert!(fork > 3.0 * small, "{fork} {small}");
    let (_, hidden) = took("prepared");
    assert!(hidden > fork / 3.0, "{hidden} {fork}");
    for way in ["anew", "served", "bare"] {
        let (_, large) = took(way);
        assert!(large < fork / 3.0, "{way}: {large} {fork}");
    }
}

/// Claims C10 and C11: a process that waits holds more than a thread does,
/// and of either, a crew holds no more for each than one alone. What a crew
/// reads in common is there once; what each copies is there for each.
#[test]
fn who_waits_holds_little_and_a_process_more() {
    let each = MODELS.map(|model| {
        let arguments = "--variant idle --table 16MiB --crew";
        [1, 20].map(|crew| {
            let arguments = format!("{arguments} {crew}");
            let found = run("worker-cost", model, &arguments);
            let idle = figure(&found, &format!("private.idle-{crew}"));
            let tables = format!("pss.idle-{crew}.with-tables");
            (idle, figure(&found, &tables) / f64::from(16 << 20))
        })
    });
    let [threads, processes] = each;
    for ((thread, with), (process, others)) in threads.iter().zip(&processes) {
        assert!(thread < process && *process < 400e3, "{each:?}");
        assert!((with / others - 1.0).abs() < 0.1, "{each:?}");
    }
    let [_, (thread, with_tables)] = threads;
    assert!(thread < 24e3, "{each:?}");
    assert!((with_tables / 1.05 - 1.0).abs() < 0.05, "{each:?}");
}

/// Every token is answered, whichever way it goes; and the tables are read.
#[test]
fn every_worker_answers_whoever_starts_it() {
    for seed in SEEDS {
        let arguments = format!(
            "--starts 4 --crew 3 --table 4KiB --parent-memory 4MiB --seed \
             {seed}"
        );
        let expected = answered(seed);
        for model in MODELS {
            let found = run("worker-cost", model, &arguments);
            assert_eq!(found.answer, expected, "{model}: {arguments}");
        }
    }
}

/// The answer by the plainest of ways.
fn answered(seed: u64) -> String {
    let mut digest = Digest::new();
    let ways = WAYS_TO_START.split(' ').enumerate();
    let ways: Vec<_> = ways.filter(|(_, way)| *way != "idle").collect();
    let starts = |digest: &mut Digest, beside: &str| {
        for (place, way) in &ways {
            let mut input = Input::new(seed, *place as u64);
            let mut word = || u64::from(input.below(u32::MAX));
            let answers = (0..4).map(|_| {
                let (first, second) = (word(), word());
                !(second << 32 | first)
            });
            let sum = answers.fold(0, u64::wrapping_add);
            digest.text(&format!("{way}{beside}")).count(4).count(sum);
        }
    };
    starts(&mut digest, "");
    digest.text("idle, 3").count(3).count(0);
    let first = u64::from(Input::new(seed, 3).below(u32::MAX));
    let squares = (first..first + 512).map(|word| word.wrapping_mul(word));
    let sum = squares.fold(0, u64::wrapping_add).wrapping_mul(3);
    digest.text("idle, 3, with tables").count(3).count(sum);
    starts(&mut digest, ", beside 4 MiB");
    digest.hex()
}
