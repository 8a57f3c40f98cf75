//! A rank that dies takes all others with it, as a thread would, and leaves
//! nothing. It is killed at random moments of the work, in one machine and in
//! either of two; and while the ranks still meet, when all end as well, but
//! `mpirun` itself may hang (Open MPI 4.1.4 waits for a lock of its own).
//!
//! The machines are gone as well when their script ends, however it does.
//!
//! It says how long it took at worst until nothing was left, and holds no time
//! against the machine.
//!
//! One test, because children belong to the whole process.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(dead_code, reason = "not every test needs all of the support")]

#[path = "../../../../scripts/compare/tests/support/signals.rs"]
mod signals;
#[path = "ranks/support.rs"]
mod support;
#[path = "../../../../scripts/compare/tests/support/traces.rs"]
mod traces;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use common::input::Input;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signals::hear;
use support::{PROGRAM, on_two_machines, ranks, workspace};

const MOMENTS: usize = 20;
const RANKS: usize = 4;

/// The latest of them, after the first rank has begun to work. Where all are
/// done by then, they are started again and given half the time.
const LATEST: Duration = Duration::from_secs(1);

/// While the ranks meet.
const EARLY: usize = 5;
const LATEST_EARLY: Duration = Duration::from_millis(50);

/// Far beyond what any end takes, also on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// Work that takes longer.
const WORK: [&str; 2] = ["--rows=4800", "--columns=300"];

#[test]
fn a_rank_that_dies_ends_all_and_leaves_nothing() {
    traces::become_subreaper();
    generate_databases();
    let mut input = Input::new(2026, 0);
    let mut worst = Duration::ZERO;
    for _ in 0..MOMENTS {
        let rank = input.below(RANKS as u32) as usize;
        let moment = LATEST.mul_f64(input.uniform());
        worst = worst.max(killed(|| Some(ranks(RANKS)), rank, moment).unwrap());
    }
    println!("one machine: {MOMENTS} times, nothing left after {worst:?}");
    for _ in 0..EARLY {
        let moment = LATEST_EARLY.mul_f64(input.uniform());
        killed_early(moment);
    }
    let two = || on_two_machines(&["mpirun", "-n", "4", PROGRAM]);
    for rank in 0..RANKS {
        let moment = LATEST.mul_f64(input.uniform());
        let Some(took) = killed(two, rank, moment) else { return };
        println!("two machines: rank {rank}, nothing left after {took:?}");
    }
    hear(Signal::INT);
    hear(Signal::HUP);
    for signal in [Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP] {
        machines_end_with_their_script(signal);
    }
}

/// So that no victim has to.
fn generate_databases() {
    let done = ranks(1).args(WORK).stdout(Stdio::null()).status().unwrap();
    assert!(done.success());
}

/// Kills a rank at a moment of its life, the given one or an earlier one, and
/// says how long it took until nothing was left of all. None if they cannot be
/// started here.
fn killed(
    start: impl Fn() -> Option<Command>,
    rank: usize,
    latest: Duration,
) -> Option<Duration> {
    let mut moment = latest;
    loop {
        let home = tempfile::tempdir().unwrap();
        let mut command = start()?;
        command.args(WORK).env("TMPDIR", home.path()).process_group(0);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(took) = at(command.spawn().unwrap(), rank, moment) {
            let left: Vec<_> = fs::read_dir(home.path()).unwrap().collect();
            assert!(left.is_empty(), "{left:?}");
            return Some(took);
        }
        assert!(moment > Duration::ZERO, "they are done too soon");
        moment /= 2;
    }
}

/// The same at this very moment, or nothing if all was done before.
fn at(mut all: Child, rank: usize, moment: Duration) -> Option<Duration> {
    let victim = at_work(&mut all)?[rank];
    thread::sleep(moment);
    let end = Instant::now();
    // It may be gone already.
    let _ = kill_process(victim, Signal::KILL);
    let status = all.wait().unwrap();
    nothing_is_left(end + DEADLINE);
    assert_ne!(status.code(), Some(124), "they hang");
    (!status.success()).then(|| end.elapsed())
}

/// Kills a rank as soon as it meets the others, or soon after. `mpirun` is not
/// waited for.
fn killed_early(moment: Duration) {
    let home = tempfile::tempdir().unwrap();
    let mut command = ranks(RANKS);
    command.args(WORK).env("TMPDIR", home.path()).process_group(0);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut all = command.spawn().unwrap();
    let Some(found) = started(&mut all) else { return };
    let begin = Instant::now();
    while begin.elapsed() < moment {
        thread::sleep(Duration::from_millis(1));
    }
    let _ = kill_process(found[RANKS - 1], Signal::KILL);
    let deadline = Instant::now() + DEADLINE;
    while !running().is_empty() {
        assert!(Instant::now() < deadline, "a rank is left");
        thread::sleep(Duration::from_millis(1));
    }
    // It may be done already.
    let _ = kill_process_group(Pid::from_child(&all), Signal::KILL);
    all.wait().unwrap();
    nothing_is_left(deadline);
}

/// The ranks, as soon as one of them works: then all have met.
fn at_work(all: &mut Child) -> Option<Vec<Pid>> {
    let ranks = started(all)?;
    while !ranks.iter().any(reads_a_database) {
        if all.try_wait().unwrap().is_some() {
            return None;
        }
        thread::sleep(Duration::from_millis(1));
    }
    Some(ranks)
}

fn reads_a_database(rank: &Pid) -> bool {
    let files = fs::read_dir(format!("/proc/{}/fd", rank.as_raw_pid()));
    files.into_iter().flatten().flatten().any(|file| {
        let target = fs::read_link(file.path());
        target.is_ok_and(|it| it.extension().is_some_and(|it| it == "sqlite"))
    })
}

/// The ranks, in the order in which they were started, as soon as all are
/// there.
fn started(all: &mut Child) -> Option<Vec<Pid>> {
    loop {
        let ranks = running();
        if ranks.len() == RANKS {
            return Some(ranks);
        }
        if all.try_wait().unwrap().is_some() {
            return None;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn machines_end_with_their_script(signal: Signal) {
    let mut script = Command::new(workspace().join("scripts/machines.sh"));
    script.args(["sh", "-c", "echo ready; sleep infinity"]);
    let mut script = script.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let output = script.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    kill_process(Pid::from_child(&script), signal).unwrap();
    script.wait().unwrap();
    nothing_is_left(Instant::now() + DEADLINE);
}

/// All processes of the program on this machine, but not of another checkout.
fn running() -> Vec<Pid> {
    let ours = fs::canonicalize(PROGRAM).unwrap();
    let mut found: Vec<i32> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .filter(|id| {
            let program = fs::read_link(format!("/proc/{id}/exe"));
            program.is_ok_and(|program| program == ours)
        })
        .collect();
    found.sort_unstable();
    found.into_iter().filter_map(Pid::from_raw).collect()
}

/// Waits until no process is left. Ranks have no names in /dev/shm of ours.
fn nothing_is_left(deadline: Instant) {
    traces::nothing_is_left(&traces::orphaned_names(), deadline, "ranks");
    assert!(running().is_empty());
}
