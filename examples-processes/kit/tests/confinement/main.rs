//! Confinement, means by means: an act that a worker can do without, and cannot
//! do with it. After each test no process may be left.
//!
//! | module | contains |
//! |---|---|
//! | this | the roles, and the list of the tests |
//! | `life` | a confined worker lives and dies like any other |
//! | `means` | the means, one by one |
//! | `job` | a worker that confines itself, and what comes of it |
//! | `act` | what a worker tries |
//! | `stake` | what it tries that on |

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod act;
mod job;
mod life;
mod means;
#[path = "../../../../scripts/compare/tests/support/not_run.rs"]
mod not_run;
mod stake;
#[path = "../support/mod.rs"]
mod support;

use std::{env, process::ExitCode};

use anyhow::Result;
use libtest_mimic::Trial;
use process_kit::{Role, role};
use support::{DEADLINE, no_child_is_left};

use act::Act;
use job::{work_in_pool, worker};
use not_run::not_run;
use stake::Stake;

/// The first argument of a parent that a test looks at.
const VICTIM: &str = "victim";

/// A variable that no worker should see.
const VARIABLE: &str = "CONFINEMENT_SECRET";

fn main() -> ExitCode {
    match role() {
        Role::Worker(parent) if parent.has_a_pool() => {
            let mut held = None;
            return parent.serve_each(|job, _| work_in_pool(job, &mut held));
        }
        Role::Worker(parent) => return parent.serve(worker),
        Role::Main if env::args().nth(1).as_deref() == Some(VICTIM) => {
            return victim();
        }
        Role::Main => {}
    }
    // SAFETY: this process has one thread.
    unsafe { env::set_var(VARIABLE, "secret") };
    match what_is_lacking() {
        Some(lacking) => {
            not_run(&format!("confinement: {lacking}"));
            ExitCode::SUCCESS
        }
        None => support::run(tests()),
    }
}

/// What this kernel lacks of all means, in words. The tests need all of them.
fn what_is_lacking() -> Option<String> {
    let stake = Stake::new().ok()?;
    let act = Act::Work(stake.folder());
    // If it fails, so do the tests, and say why.
    let (held, _) = job::answer(&job::strict(&stake), act).ok()?;
    Some(held.complete().err()?.to_string())
}

type Test = fn() -> Result<()>;

fn tests() -> Vec<Trial> {
    let tests: [(&str, Test); _] = [
        ("a_worker_still_works", life::a_worker_still_works),
        ("a_worker_still_dies_as_it_should", life::a_worker_still_dies),
        ("a_panic_has_its_message", life::a_panic_has_its_message),
        ("a_pool_of_them_works", life::a_pool_of_them_works),
        ("they_end_with_their_parent", life::they_end_with_their_parent),
        ("a_lifeline_can_be_closed", life::a_lifeline_can_be_closed),
        ("each_is_needed", means::each_is_needed),
        ("root_without_capabilities", means::root_without_capabilities),
        ("files", means::files_are_confined),
        ("descriptors_that_are_open", means::descriptors_stay_open),
        ("what_no_path_protects", means::what_no_path_protects),
        ("tcp", means::tcp_is_confined),
        ("tcp_by_other_ways", means::tcp_by_other_ways),
        ("signals", means::signals_are_confined),
        ("unix_sockets", means::unix_sockets_are_confined),
        ("the_parents_memory", means::the_parents_memory_is_hidden),
        (
            "a_parent_that_hides_its_memory",
            means::a_parent_that_hides_its_memory,
        ),
        ("calls", means::calls_are_confined),
        ("processes", means::processes_are_confined),
        ("memory", means::memory_is_limited),
        ("time", means::time_is_limited),
        ("limits", means::limits_hold),
        ("limits_of_root", means::limits_of_root_hold),
        ("leftover_descriptors", means::leftover_descriptors_are_disabled),
        ("variables", means::variables_are_erased),
        ("cores", means::no_core_is_dumped),
        ("two_threads_are_refused", means::two_threads_are_refused),
        ("a_thread_is_confined_alone", means::a_thread_is_confined_alone),
        ("a_thread_has_no_limits", means::a_thread_has_no_limits),
        ("what_the_kernel_lacks", means::what_the_kernel_lacks_is_said),
        ("what_cannot_be_had", means::what_cannot_be_had_is_refused),
    ];
    let trial = |(name, test): (&str, Test)| {
        support::trial(name, move || {
            test()?;
            no_child_is_left(DEADLINE)
        })
    };
    tests.into_iter().map(trial).collect()
}

/// A parent for tests to look at, and to kill.
fn victim() -> ExitCode {
    let done = match env::args().nth(2).as_deref() {
        Some("panic") => life::panic_in_a_worker(),
        Some(case) => life::wait_with_worker(case),
        None => panic!("no case"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
