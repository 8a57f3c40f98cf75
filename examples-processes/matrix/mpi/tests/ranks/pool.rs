//! The pool's next step: jobs as command lines, under GNU parallel.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    process::Command,
    sync::OnceLock,
};

use crate::support::{
    alone, built, not_run, on_two_machines, texts, workspace,
};
use common::scenarios::kill_workers::good_work;

/// Good jobs, by number.
const JOBS: u64 = 40;

/// Their results, by the place of the command line, and what else was said.
struct Done {
    results: BTreeMap<u64, (String, String)>,
    errors: String,
    is_success: bool,
}

#[test]
fn every_job_is_done_once_on_both_machines() {
    let _alone = alone();
    let Some(done) = pool(&good_jobs(), "scripts/machines.sh pool") else {
        return;
    };
    assert!(done.is_success, "{}", done.errors);
    assert_all_are_right(&done.results);
    for machine in ["one", "two"] {
        let did = done.results.values().any(|(host, _)| host == machine);
        assert!(did, "{machine} did nothing");
    }
}

/// The worker of job 7 is killed at its first attempt.
#[test]
fn the_job_of_a_killed_worker_is_done_once() {
    let _alone = alone();
    let mut jobs = good_jobs();
    let mark = "$TMPDIR/was-killed";
    let dies = format!("mkdir {mark} 2>/dev/null && kill -KILL $$; ");
    jobs[7].insert_str(0, &dies);
    let Some(done) = pool(&jobs, "scripts/machines.sh pool") else { return };
    assert!(done.is_success, "{}", done.errors);
    assert_all_are_right(&done.results);
}

/// Machine two is killed when it has done one job.
const KILLED: &str = "
    scripts/machines.sh pool <&0 &
    until grep -qs \"$(printf '\\ttwo\\t')\" $TMPDIR/*/log; do
        sleep 0.01
    done
    scripts/machines.sh kill
    wait $!";

#[test]
fn the_jobs_of_a_killed_machine_are_done_by_the_other() {
    let _alone = alone();
    // Its second job would never end there.
    let waits = "[ $(hostname) = one ] || mkdir $TMPDIR/first 2>/dev/null || \
                 sleep infinity; ";
    let mut jobs = good_jobs();
    jobs.iter_mut().for_each(|job| job.insert_str(0, waits));
    let Some(done) = pool(&jobs, KILLED) else { return };
    assert!(done.is_success, "{}", done.errors);
    assert_all_are_right(&done.results);
    let on_two = done.results.values().filter(|(host, _)| host == "two");
    assert_eq!(on_two.count(), 1);
}

/// It costs its deadline three times, and nobody else anything.
#[test]
fn a_stuck_job_is_given_up_and_named() {
    let _alone = alone();
    let mut jobs = good_jobs();
    jobs.push(format!("{} 99 stuck", one_job()));
    let Some(done) = pool(&jobs, "scripts/machines.sh pool") else { return };
    assert!(!done.is_success);
    assert_all_are_right(&done.results);
    let named = done.errors.contains("job 41 has no result after 3 attempts");
    assert!(named, "{}", done.errors);
}

fn assert_all_are_right(results: &BTreeMap<u64, (String, String)>) {
    assert_eq!(results.len() as u64, JOBS);
    for (number, (_, result)) in results {
        assert_eq!(*result, good_work(1, *number).to_string(), "job {number}");
    }
}

fn good_jobs() -> Vec<String> {
    (0..JOBS).map(|number| format!("{} {number}", one_job())).collect()
}

fn one_job() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| built("one_job"))
}

/// Does command lines by a script on two machines. None if there are none here.
fn pool(jobs: &[String], script: &str) -> Option<Done> {
    if Command::new("parallel").arg("--version").output().is_err() {
        not_run("the pool on two machines: apt-get install parallel");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("jobs");
    fs::write(&list, jobs.join("\n")).unwrap();
    let mut run = on_two_machines(&["bash", "-c", script])?;
    // As under cron: the machines are what gives a job its shell.
    run.env_remove("SHELL");
    let input = File::open(list).unwrap();
    let output = run.stdin(input).current_dir(workspace()).output().unwrap();
    let (out, errors) = texts(&output);
    let mut results = BTreeMap::new();
    for line in out.lines() {
        let [id, host, result] = line.split('\t').collect::<Vec<_>>()[..]
        else {
            panic!("{line}")
        };
        // GNU parallel counts from one.
        let number = id.parse::<u64>().unwrap() - 1;
        let before = results.insert(number, (host.into(), result.into()));
        assert!(before.is_none(), "job {number} was done twice");
    }
    Some(Done { results, errors, is_success: output.status.success() })
}
