//! Jobs that are stuck, workers that are stopped, and no good job lost.

use common::{digest::Digest, outcome::Model, scenarios::kill_workers};

use crate::{
    crews::every_seed_and_crew,
    running::{run, scenario},
    support::{MODELS, demo},
};

#[test]
fn every_good_job_is_done_once_beside_the_stuck() {
    for (seed, workers) in every_seed_and_crew() {
        let expected = good_answer(300, seed);
        for model in MODELS {
            let arguments = format!(
                "--jobs 300 --variant loop --stuck 1 --workers {workers} \
                 --seed {seed} --deadline 20ms --grace 5s"
            );
            let found = run("kill-workers", model, &arguments);
            assert_eq!(found.answer, expected, "{model}: {arguments}");
        }
    }
}

/// The answer by the plainest of ways: one job after the other.
fn good_answer(jobs: u64, seed: u64) -> String {
    let mut digest = Digest::new();
    digest.count(jobs);
    for number in 0..jobs {
        digest.count(kill_workers::good_work(seed, number));
    }
    digest.hex()
}

/// Each way has so much time that a busy machine does not decide.
const PATIENT: &str = "--jobs 20 --stuck 1 --deadline 100ms --grace 1s";

#[test]
fn a_thread_stops_for_what_it_looks_at_and_for_nothing_else() {
    let found = run("kill-workers", Model::Threads, PATIENT).result;
    let stopped = |kind: &str, way: &str| {
        found["kinds"][kind][way]["stopped"].as_u64().unwrap_or(0)
    };
    assert_eq!((stopped("loop", "ask"), stopped("loop", "interrupt")), (1, 2));
    for kind in ["read", "query"] {
        assert_eq!(stopped(kind, "ask"), 0, "{kind}");
        assert_eq!(stopped(kind, "interrupt"), 3, "{kind}");
    }
    for kind in ["sleep", "lock", "native"] {
        let forced = &found["kinds"][kind]["force"];
        assert_eq!(forced["stopped"], 0, "{kind}");
        assert_eq!(
            (&forced["abandoned"], &forced["locks_held"]),
            (&1.into(), &1.into())
        );
    }
    assert_eq!(found["threads_left"], 3);
    // How much depends on what else runs.
    assert!(found["cores_lost"].as_f64().unwrap() > 0.0, "{found}");
}

#[test]
fn every_process_stops_and_leaves_a_lock_to_repair() {
    let found = run("kill-workers", Model::Processes, PATIENT).result;
    for kind in ["loop", "read", "query", "sleep", "lock", "native"] {
        let way = |way: &str, what: &str| {
            found["kinds"][kind][way][what].as_u64().unwrap_or(0)
        };
        let looks = u64::from(kind == "loop");
        assert_eq!(way("ask", "stopped"), looks, "{kind}");
        assert_eq!(way("ask", "locks_poisoned"), 0, "{kind}");
        assert_eq!(way("interrupt", "stopped"), 2 - looks, "{kind}");
        assert_eq!(way("interrupt", "locks_poisoned"), 2 - looks, "{kind}");
        assert_eq!(way("force", "stopped"), 1, "{kind}");
        assert_eq!(way("force", "locks_poisoned"), 1, "{kind}");
    }
    assert_eq!(found["threads_left"], 0);
    assert_eq!(found["restarts"], 17);
}

#[test]
fn chaos_changes_no_result() {
    let arguments = "--chaos 5 --jobs 2000 --stuck 0 --workers 4";
    let found = run("kill-workers", Model::Processes, arguments);
    assert_eq!(found.answer, good_answer(2000, 1));
    assert!(found.result["restarts"].as_u64().unwrap() > 150);
    let other = "--chaos 6 --soak 1 --stuck 0 --workers 4";
    let soaked = run("kill-workers", Model::Processes, other);
    let jobs = soaked.result["good_jobs"].as_u64().unwrap();
    assert_eq!(soaked.answer, good_answer(jobs, 1));
}

/// Of many pools one or the other has a worker that was to die at a job that
/// never comes: it is let go, and has nothing to complain of.
#[test]
fn who_was_to_die_later_says_nothing() {
    for seed in 0..60 {
        let arguments =
            format!("--chaos {seed} --jobs 30 --stuck 0 --workers 4");
        let found = run("kill-workers", Model::Processes, &arguments);
        assert_eq!(found.answer, good_answer(30, 1));
    }
}

#[test]
fn chaos_among_threads_is_bad_usage() {
    let scenario = scenario("kill-workers");
    for (model, arguments) in [
        (Model::Threads, "--chaos 1"),
        (Model::Processes, "--soak 1"),
        (Model::Processes, "--soak 1 --chaos 1 --jobs 5"),
    ] {
        let mut demo = demo(scenario, model);
        let output = demo.args(arguments.split(' ')).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{model}: {arguments}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(&scenario.program(model)), "{error}");
    }
}
