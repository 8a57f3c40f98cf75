//! The pool with workers that hang, die and misbehave. After each test no
//! process may be left.
//!
//! `POOL_JOBS=10000 cargo test --release -p process-kit --test pool` runs the
//! full number of faults, `POOL_RESTARTS=1000` that of restarts, and
//! `POOL_SEED` chooses other faults.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;
#[path = "support/trouble.rs"]
mod trouble;

use std::{
    env, fs,
    hint::{black_box, spin_loop},
    io::{self, Read as _, Write as _},
    os::fd::BorrowedFd,
    panic::resume_unwind,
    process::{Command, ExitCode, Stdio, abort},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use common::{
    digest::Digest,
    input::Input,
    lifeline,
    supervision::{
        Ending, Failure, Finished, Intensity, JobId, StopMethod, Stopped,
        Supervision,
    },
};
use libtest_mimic::Trial;
use process_kit::{Pool, Role, Turn, chaos::Chaos, role};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, waitid,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use signal_hook::consts::SIGTERM;
use support::{DEADLINE, no_child_is_left};
use trouble::{Watchdog, kill_the_escaped};

/// Selects the role of this process, if it is not the test itself.
const PART: &str = "PART";

fn main() -> ExitCode {
    let part = env::var(PART).unwrap_or_default();
    match (role(), part.as_str()) {
        (Role::Worker(_), "late") => loop {
            thread::park();
        },
        (Role::Worker(_), "broken") => ExitCode::from(3),
        (Role::Worker(parent), _) => {
            assert!(parent.has_a_pool());
            parent.serve_each(worker)
        }
        (Role::Main, "late" | "broken") => never_ready(),
        (Role::Main, "victim") => victim(),
        (Role::Main, _) => support::run(tests()),
    }
}

/// What a worker is asked to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Job {
    Mix(u64),
    WhoAreYou,
    Attempt,
    Fail,
    Die,
    Panic,
    DieTwice,
    LoopUntilCancelled,
    AnswerWhenCancelled,
    Loop,
    Sleep,
    Stop,
    HearTerm,
    Length(Vec<u64>),
    Poison(Poison),
    /// Forks a child, which holds everything that the worker holds.
    Fork(Fork),
    StartAnother,
    LingerInExit,
    /// Sends these bytes to its supervisor, before its answer.
    Say(Vec<u8>),
}

/// What happens after the fork.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Fork {
    ThenDie,
    ThenLoop,
    /// The child leaves the worker's process group.
    AndEscapeThenDie,
}

/// Decoding it kills the worker.
#[derive(Debug, Clone)]
struct Poison;

impl Serialize for Poison {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Poison {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        abort()
    }
}

fn worker(job: Job, turn: &Turn) -> Result<u64> {
    match job {
        Job::Mix(seed) => return Ok(mix(seed)),
        Job::WhoAreYou => return Ok(std::process::id().into()),
        Job::Attempt => return Ok(turn.attempt as u64),
        Job::Fail => bail!("attempt {} failed", turn.attempt),
        Job::Die => abort(),
        Job::Panic => panic_silently(),
        Job::DieTwice if turn.attempt < 2 => abort(),
        Job::DieTwice => return Ok(2),
        Job::LoopUntilCancelled => {
            while !turn.is_cancelled() {
                spin_loop();
            }
            bail!("cancelled");
        }
        Job::AnswerWhenCancelled => {
            while !turn.is_cancelled() {
                spin_loop();
            }
            return Ok(7);
        }
        Job::Loop => loop {
            spin_loop();
        },
        Job::Sleep => thread::sleep(Duration::MAX),
        Job::Stop => kill_process(getpid(), Signal::STOP)?,
        Job::HearTerm => {
            let is_heard = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(SIGTERM, is_heard.clone())?;
            while !is_heard.load(SeqCst) {
                spin_loop();
            }
            bail!("terminated")
        }
        Job::Length(words) => return Ok(words.len() as u64),
        Job::Poison(Poison) => {}
        Job::Fork(fork) => {
            trouble::fork(matches!(fork, Fork::AndEscapeThenDie))?;
            match fork {
                Fork::ThenLoop => loop {
                    spin_loop();
                },
                Fork::ThenDie | Fork::AndEscapeThenDie => abort(),
            }
        }
        Job::StartAnother => {
            trouble::start_another()?;
            return Ok(7);
        }
        Job::LingerInExit => {
            trouble::linger_in_exit();
            return Ok(7);
        }
        Job::Say(bytes) => {
            say(&bytes)?;
            return Ok(0);
        }
    }
    bail!("it went on")
}

/// Output of these tests indicates a failure, so an expected panic prints
/// nothing.
fn panic_silently() -> ! {
    resume_unwind(Box::new("as asked"))
}

/// Writes to the first of its sockets; all of them lead to the supervisor.
fn say(bytes: &[u8]) -> Result<()> {
    for entry in fs::read_dir("/proc/self/fd")? {
        let path = entry?.path();
        if fs::read_link(&path)?.to_string_lossy().starts_with("socket:") {
            let number = path.file_name().context("no number")?;
            let number: i32 = number.to_string_lossy().parse()?;
            // SAFETY: it was open a moment ago, and nothing here closes it.
            let socket = unsafe { BorrowedFd::borrow_raw(number) };
            rustix::io::write(socket, bytes)?;
            break;
        }
    }
    Ok(())
}

/// A little work, whose amount depends on the seed.
fn mix(seed: u64) -> u64 {
    let mut input = Input::new(seed, 0);
    let turns = input.below(20_000);
    (0..turns).fold(seed, |sum, _| {
        black_box(sum.rotate_left(7) ^ u64::from(input.below(u32::MAX)))
    })
}

type Jobs = Pool<Job, u64>;

fn tests() -> Vec<Trial> {
    let trial = |name: &str, test: fn() -> Result<()>| {
        support::trial(name, move || {
            test()?;
            no_child_is_left(Duration::ZERO)
        })
    };
    vec![
        trial("results_belong_to_their_jobs", results_belong_to_their_jobs),
        trial("workers_serve_job_after_job", workers_serve_job_after_job),
        trial("an_error_is_an_answer", an_error_is_an_answer),
        trial("who_dies_is_replaced", who_dies_is_replaced),
        trial("three_deaths_are_enough", three_deaths_are_enough),
        trial("who_is_asked_may_stay", who_is_asked_may_stay),
        trial("a_late_answer_is_an_answer", a_late_answer_is_an_answer),
        trial("the_deaf_are_terminated", the_deaf_are_terminated),
        trial("who_hears_sigterm_ends", who_hears_the_signal_is_replaced),
        trial("the_stopped_are_killed", the_stopped_are_killed),
        trial("a_hungry_worker_holds_up_nobody", hold_up_nobody),
        trial("what_is_too_long_is_refused", what_is_too_long_is_refused),
        trial("deaths_without_end_are_an_error", deaths_without_end),
        trial("who_dies_idle_is_replaced", who_dies_idle_is_replaced),
        trial("a_job_that_nobody_took_is_innocent", nobody_took_it),
        trial("a_job_that_cannot_be_decoded_is_not", who_cannot_decode_it),
        trial("no_child_hides_a_death", no_child_hides_a_death),
        trial("what_a_job_started_dies_too", what_a_job_started_dies_too),
        trial("all_die_with_their_pool", all_die_with_their_pool),
        trial("who_lingers_in_exit_is_killed", who_lingers_in_exit_is_killed),
        trial("who_is_never_ready_is_replaced", who_is_never_ready),
        trial("who_dies_at_the_start_is_replaced", who_dies_at_the_start),
        trial("who_says_what_is_wrong_is_killed", who_says_what_is_wrong),
        trial("a_dropped_pool_is_gone", a_dropped_pool_is_gone),
        trial("a_pool_of_none_is_refused", a_pool_of_none_is_refused),
        trial("no_fault_loses_or_doubles_a_result", no_fault),
        trial("restarts_leave_nothing", restarts_leave_nothing),
    ]
}

fn without_deadline(workers: usize) -> Supervision {
    Supervision { workers, ..Supervision::default() }
}

/// With a deadline that is overrun by every job that these tests want to be
/// stopped, and plenty of time for a worker to stop.
fn impatient(workers: usize) -> Supervision {
    Supervision {
        deadline: Some(Duration::from_millis(20)),
        grace: DEADLINE,
        ..without_deadline(workers)
    }
}

/// Tests with a short deadline and a short grace period. Both must expire for
/// some jobs and suffice for others. How long that takes depends on the
/// machine: a test that fails gets ten times as long, up to a time that
/// suffices on any machine.
fn with_enough_time(test: impl Fn(Supervision) -> Result<()>) -> Result<()> {
    let mut time = Duration::from_millis(20);
    loop {
        let rules = Supervision {
            deadline: Some(time),
            grace: time,
            ..without_deadline(1)
        };
        match test(rules) {
            Err(_) if time < DEADLINE / 3 => time *= 10,
            done => return done,
        }
    }
}

/// All finished jobs, and the number of restarts.
fn run(
    rules: Supervision,
    jobs: Vec<Job>,
) -> Result<(Vec<Finished<u64>>, usize)> {
    let mut pool = Jobs::start(rules)?;
    for job in jobs {
        pool.submit(job);
    }
    let mut all = Vec::new();
    while let Some(finished) = pool.join_next()? {
        all.push(finished);
    }
    all.sort_by_key(|finished| finished.id);
    let restarts = pool.restarts();
    ensure!(pool.join()?.is_empty(), "a job was given twice");
    Ok((all, restarts))
}

fn stopped(ending: &Ending) -> Result<Stopped> {
    match ending {
        Ending::Stopped(stopped) => Ok(*stopped),
        other => bail!("{other:?}"),
    }
}

fn results_belong_to_their_jobs() -> Result<()> {
    for workers in [1, 2, 5] {
        let jobs = (0..200).map(Job::Mix).collect();
        let (all, restarts) = run(without_deadline(workers), jobs)?;
        ensure!(all.len() == 200 && restarts == 0);
        for (seed, finished) in (0..).zip(all) {
            ensure!(finished.id == JobId(seed));
            ensure!(finished.result? == mix(seed));
        }
    }
    Ok(())
}

fn workers_serve_job_after_job() -> Result<()> {
    let mut pool = Jobs::start(without_deadline(2))?;
    pool.wait_for_all()?;
    let ids = pool.ids();
    for _ in 0..20 {
        pool.submit(Job::WhoAreYou);
    }
    for finished in pool.join()? {
        ensure!(ids.contains(&(finished.result? as u32)));
    }
    Ok(())
}

fn an_error_is_an_answer() -> Result<()> {
    let (all, restarts) = run(without_deadline(1), vec![Job::Fail])?;
    let failed = Failure::Failed("attempt 0 failed".into());
    ensure!(all[0].result == Err(failed) && all[0].endings.is_empty());
    ensure!(restarts == 0);
    Ok(())
}

fn who_dies_is_replaced() -> Result<()> {
    let jobs = vec![Job::DieTwice, Job::Mix(1)];
    let (all, restarts) = run(without_deadline(1), jobs)?;
    ensure!(all[0].result == Ok(2) && all[1].result == Ok(mix(1)));
    let death = Ending::Died("signal: 6 (SIGABRT) (core dumped)".into());
    let quiet = Ending::Died("signal: 6 (SIGABRT)".into());
    ensure!(all[0].endings.len() == 2 && restarts == 2, "{all:?}");
    ensure!(all[0].endings.iter().all(|one| *one == death || *one == quiet));
    Ok(())
}

fn three_deaths_are_enough() -> Result<()> {
    let mut jobs: Vec<_> = (0..50).map(Job::Mix).collect();
    jobs.insert(10, Job::Die);
    jobs.insert(20, Job::Panic);
    let (all, restarts) = run(without_deadline(2), jobs)?;
    ensure!(all.len() == 52 && restarts == 6, "{restarts} restarts");
    for Finished { id, result, endings } in all {
        match (id, result) {
            (JobId(10 | 20), Err(failure)) => {
                let text = failure.to_string();
                let named = format!("{id} is quarantined after 3 attempts");
                ensure!(endings.len() == 3 && text.starts_with(&named));
                ensure!(text.contains("SIGABRT") || text.contains("101"));
            }
            (_, result) => {
                result.with_context(|| id.to_string())?;
            }
        }
    }
    Ok(())
}

fn who_is_asked_may_stay() -> Result<()> {
    let rules = Supervision { attempts: 1, ..impatient(1) };
    let jobs = vec![Job::LoopUntilCancelled, Job::LoopUntilCancelled];
    let (all, restarts) = run(rules, jobs)?;
    for finished in all {
        // The second job would not have started if the flag were still raised.
        let ending = finished.endings.first().context("not stopped")?;
        ensure!(stopped(ending)?.by == StopMethod::Ask, "{ending:?}");
        ensure!(finished.result.is_err());
    }
    ensure!(restarts == 0);
    Ok(())
}

fn a_late_answer_is_an_answer() -> Result<()> {
    let (all, restarts) = run(impatient(1), vec![Job::AnswerWhenCancelled])?;
    ensure!(all[0].result == Ok(7) && all[0].endings.is_empty());
    ensure!(restarts == 0);
    Ok(())
}

fn the_deaf_are_terminated() -> Result<()> {
    with_enough_time(|rules| {
        for job in [Job::Loop, Job::Sleep] {
            let (all, restarts) = run(rules, vec![job, Job::Attempt])?;
            let endings: Vec<_> =
                all[0].endings.iter().map(stopped).collect::<Result<_>>()?;
            let ways = endings.iter().map(|one| (one.first, one.by));
            ensure!(ways.eq([
                (StopMethod::Ask, StopMethod::Interrupt),
                (StopMethod::Interrupt, StopMethod::Interrupt),
                (StopMethod::Force, StopMethod::Force),
            ]));
            ensure!(all[1].result == Ok(0) && restarts == 3);
        }
        Ok(())
    })
}

/// It handles the signal and reports its job as finished. It must exit all the
/// same.
fn who_hears_the_signal_is_replaced() -> Result<()> {
    with_enough_time(|rules| {
        let mut pool = Jobs::start(Supervision { attempts: 1, ..rules })?;
        pool.wait_for_all()?;
        let before = pool.ids();
        pool.submit(Job::HearTerm);
        let finished = pool.join_next()?.context("no job is done")?;
        ensure!(stopped(&finished.endings[0])?.by == StopMethod::Interrupt);
        pool.wait_for_all()?;
        ensure!(pool.restarts() == 1 && pool.ids() != before);
        pool.join()?;
        Ok(())
    })
}

fn the_stopped_are_killed() -> Result<()> {
    with_enough_time(|rules| {
        let rules = Supervision { attempts: 1, ..rules };
        let (all, _) = run(rules, vec![Job::Stop, Job::Mix(1)])?;
        let ending = stopped(&all[0].endings[0])?;
        ensure!(ending.by == StopMethod::Force, "{ending:?}");
        ensure!(ending.in_all >= 2 * rules.grace, "{ending:?}");
        ensure!(all[1].result == Ok(mix(1)));
        Ok(())
    })
}

/// The first worker is stopped before it reads a job that is larger than its
/// socket buffer. The second worker continues meanwhile, and also does that job
/// when the first worker is dead.
fn hold_up_nobody() -> Result<()> {
    let mut pool =
        Jobs::start(Supervision { attempts: 1, ..without_deadline(2) })?;
    pool.wait_for_all()?;
    let asleep = Pid::from_raw(pool.ids()[0] as i32).context("no id")?;
    kill_process(asleep, Signal::STOP)?;
    pool.submit(Job::Length(vec![0; 1 << 24]));
    pool.submit(Job::Mix(1));
    let first = pool.join_next()?.context("no job is done")?;
    ensure!(first.id == JobId(1) && first.result == Ok(mix(1)));
    kill_process(asleep, Signal::KILL)?;
    let second = pool.join_next()?.context("no second job is done")?;
    ensure!(second.result == Ok(1 << 24), "{second:?}");
    ensure!(second.endings.is_empty(), "blamed, and never read: {second:?}");
    ensure!(pool.join()?.is_empty());
    Ok(())
}

fn what_is_too_long_is_refused() -> Result<()> {
    let jobs = vec![Job::Length(vec![u64::MAX; 7 << 20]), Job::Mix(1)];
    let (all, _) = run(without_deadline(1), jobs)?;
    let error = all[0].result.as_ref().unwrap_err().to_string();
    ensure!(error.contains("the maximum is"), "{error}");
    ensure!(all[1].result == Ok(mix(1)));
    Ok(())
}

fn deaths_without_end() -> Result<()> {
    let within = 10 * DEADLINE;
    let intensity = Intensity { restarts: 5, within };
    let rules = Supervision { intensity, attempts: 99, ..without_deadline(2) };
    let mut pool = Jobs::start(rules)?;
    pool.submit(Job::Die);
    let error = format!("{:#}", pool.join_next().unwrap_err());
    ensure!(error.contains("the pool gives up: 6 workers"), "{error}");
    Ok(())
}

fn who_dies_idle_is_replaced() -> Result<()> {
    let mut pool = Jobs::start(without_deadline(2))?;
    pool.wait_for_all()?;
    for id in pool.ids() {
        let id = Pid::from_raw(id as i32).context("no id")?;
        kill_process(id, Signal::KILL)?;
    }
    for _ in 0..4 {
        pool.submit(Job::Attempt);
    }
    let all = pool.join()?;
    ensure!(all.len() == 4);
    for finished in all {
        ensure!(finished.result? <= 1);
    }
    Ok(())
}

/// With one attempt for each job: a death that the job did not cause does not
/// cost it an attempt.
fn nobody_took_it() -> Result<()> {
    let rules = Supervision { attempts: 1, ..without_deadline(1) };
    let mut pool = Jobs::start(rules)?;
    for before_the_job in [true, false] {
        pool.wait_for_all()?;
        let worker = Pid::from_raw(pool.ids()[0] as i32).context("no id")?;
        if before_the_job {
            kill_process(worker, Signal::KILL)?;
            waitid(
                WaitId::Pid(worker),
                WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
            )?;
            pool.submit(Job::Attempt);
        } else {
            kill_process(worker, Signal::STOP)?;
            waitid(WaitId::Pid(worker), WaitIdOptions::STOPPED)?;
            pool.submit(Job::Attempt);
            kill_process(worker, Signal::KILL)?;
        }
        let finished = pool.join_next()?.context("no job is done")?;
        ensure!(finished.result == Ok(0), "{finished:?}");
        ensure!(finished.endings.is_empty(), "{finished:?}");
    }
    ensure!(pool.restarts() == 2);
    pool.join()?;
    Ok(())
}

/// Otherwise it would kill workers forever.
fn who_cannot_decode_it() -> Result<()> {
    let rules = Supervision { attempts: 2, ..without_deadline(1) };
    let (all, restarts) = run(rules, vec![Job::Poison(Poison), Job::Mix(1)])?;
    ensure!(all[0].endings.len() == 2 && restarts == 2, "{all:?}");
    ensure!(all[1].result == Ok(mix(1)));
    Ok(())
}

/// The child keeps its worker's socket open.
fn no_child_hides_a_death() -> Result<()> {
    let _watchdog = Watchdog::over("a pool whose worker forked and died");
    let rules = Supervision { attempts: 1, ..without_deadline(1) };
    for fork in [Fork::ThenDie, Fork::AndEscapeThenDie] {
        let (all, restarts) = run(rules, vec![Job::Fork(fork), Job::Mix(1)])?;
        ensure!(restarts == 1 && all[0].endings.len() == 1, "{all:?}");
        let ending = all[0].endings[0].to_string();
        ensure!(ending.contains("signal: 6"), "{ending}");
        ensure!(all[1].result == Ok(mix(1)));
    }
    kill_the_escaped()?;
    no_child_is_left(DEADLINE)
}

/// Whether its worker exits, dies, is stopped or is dropped.
fn what_a_job_started_dies_too() -> Result<()> {
    let rules = Supervision { attempts: 1, ..without_deadline(1) };
    run(rules, vec![Job::StartAnother])?;
    no_child_is_left(DEADLINE).context("left by one that ended")?;
    run(rules, vec![Job::Fork(Fork::ThenDie)])?;
    no_child_is_left(DEADLINE).context("left by one that died")?;
    let grace = Duration::from_millis(20);
    let rules = Supervision { attempts: 1, grace, ..impatient(1) };
    run(rules, vec![Job::Fork(Fork::ThenLoop)])?;
    no_child_is_left(DEADLINE).context("left by one that was stopped")?;
    let mut pool = Jobs::start(without_deadline(1))?;
    pool.submit(Job::StartAnother);
    pool.join_next()?.context("no job is done")?;
    drop(pool);
    no_child_is_left(DEADLINE).context("left by one that was dropped")
}

/// This includes processes that a job started, even with nothing left to kill
/// them.
fn all_die_with_their_pool() -> Result<()> {
    let mut victim = Command::new(env::current_exe()?)
        .env(PART, "victim")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdout = victim.stdout.take().context("no stdout")?;
    stdout.read_exact(&mut [0; 6])?;
    victim.kill()?;
    victim.wait()?;
    no_child_is_left(DEADLINE)
}

fn victim() -> ExitCode {
    // If this test fails, nothing else kills this process.
    lifeline::hold(io::stdin(), Signal::KILL).unwrap();
    let mut pool = Jobs::start(without_deadline(2)).unwrap();
    for _ in 0..2 {
        pool.submit(Job::StartAnother);
    }
    for _ in 0..2 {
        pool.join_next().unwrap();
    }
    println!("ready");
    io::stdout().flush().unwrap();
    loop {
        thread::park();
    }
}

/// In an exit handler of the program.
fn who_lingers_in_exit_is_killed() -> Result<()> {
    let _watchdog = Watchdog::over("a pool whose workers linger in exit");
    let jobs = vec![Job::LingerInExit; 4];
    let (all, _) = run(without_deadline(3), jobs)?;
    ensure!(all.iter().all(|finished| finished.result == Ok(7)));
    Ok(())
}

fn who_is_never_ready() -> Result<()> {
    for (part, how) in [("late", "signal: 9"), ("broken", "exit status: 3")] {
        let mut program = Command::new(env::current_exe()?);
        let output = program.env(PART, part).output()?;
        let error = String::from_utf8(output.stderr)?;
        ensure!(error.contains("the pool gives up: 4 workers"), "{error}");
        ensure!(error.contains(how), "{error}");
    }
    Ok(())
}

fn never_ready() -> ExitCode {
    let within = 10 * DEADLINE;
    let rules = Supervision {
        start: Duration::from_millis(50),
        intensity: Intensity { restarts: 3, within },
        ..without_deadline(2)
    };
    let waited = Jobs::start(rules).and_then(|mut pool| pool.wait_for_all());
    eprintln!("{:#}", waited.unwrap_err());
    ExitCode::FAILURE
}

/// Before it gets its setup, and before it reports that it is ready.
fn who_dies_at_the_start() -> Result<()> {
    let intensity = Intensity { restarts: 1000, within: DEADLINE };
    let rules = Supervision { attempts: 1, intensity, ..without_deadline(2) };
    let mut restarts = 0;
    for seed in 0..20 {
        let chaos = Some(Chaos { seed, life: 1000 });
        let mut pool = Jobs::start_with(rules, chaos)?;
        pool.wait_for_all()?;
        pool.submit(Job::Attempt);
        restarts += pool.restarts();
        let finished = pool.join_next()?.context("no job is done")?;
        ensure!(finished.result == Ok(0), "{finished:?}");
        pool.join()?;
    }
    ensure!(restarts > 0, "nobody died");
    Ok(())
}

/// Garbage, half a frame, and the answer to a job that it does not have.
fn who_says_what_is_wrong() -> Result<()> {
    for (bytes, error) in [
        (vec![0; 30], "checksum"),
        (vec![1, 0, 0, 0, 9, 9], "checksum"),
        (vec![255; 30], "the maximum is"),
        (frame(&[1, 9, 0, 7]), "out of turn"),
        (frame(&[0]), "out of turn"),
    ] {
        let jobs = vec![Job::Say(bytes), Job::Mix(1)];
        let (all, restarts) = run(without_deadline(1), jobs)?;
        ensure!(all[0].endings.len() == 3 && restarts == 3, "{all:?}");
        for ending in &all[0].endings {
            let ending = ending.to_string();
            ensure!(ending.contains("signal: 9"), "{ending}");
            ensure!(ending.contains(error), "{ending}");
        }
        ensure!(all[1].result == Ok(mix(1)), "{:?}", all[1]);
    }
    Ok(())
}

/// Encodes a frame as the kit does.
fn frame(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_le_bytes();
    let checksum = crc32fast::hash(&[&length, payload].concat());
    [&length, &checksum.to_le_bytes()[..], payload].concat()
}

fn a_dropped_pool_is_gone() -> Result<()> {
    let mut pool = Jobs::start(without_deadline(3))?;
    pool.wait_for_all()?;
    for _ in 0..3 {
        pool.submit(Job::Loop);
    }
    drop(pool);
    Ok(())
}

fn a_pool_of_none_is_refused() -> Result<()> {
    let error = Jobs::start(without_deadline(0)).unwrap_err().to_string();
    ensure!(error.contains("no workers"), "{error}");
    Ok(())
}

/// SIGKILLs at the worst moments, with one attempt for each job: the result
/// must have the digest of a serial run.
fn no_fault() -> Result<()> {
    let (jobs, seed) = (number("POOL_JOBS", 1000)?, number("POOL_SEED", 1)?);
    let within = Duration::from_secs(1);
    let intensity = Intensity { restarts: usize::MAX, within };
    let rules = Supervision { intensity, attempts: 1, ..without_deadline(4) };
    let chaos = Some(Chaos { seed, life: 9 });
    let start = Instant::now();
    let deadline = start + hang(jobs);
    let mut pool = Jobs::start_with(rules, chaos)?;
    for job in 0..jobs {
        pool.submit(Job::Mix(job));
    }
    let mut all = Vec::new();
    while let Some(finished) = pool.join_next()? {
        ensure!(Instant::now() < deadline, "it hangs");
        all.push(finished);
    }
    let kills = pool.restarts();
    pool.join()?;
    all.sort_by_key(|finished| finished.id);
    let blamed = all.iter().find(|finished| !finished.endings.is_empty());
    ensure!(blamed.is_none(), "an innocent is blamed: {blamed:?}");
    let results = all.into_iter().map(|finished| finished.result);
    let results: Vec<_> = results.collect::<Result<_, _>>()?;
    ensure!(digest(results) == digest((0..jobs).map(mix)));
    ensure!(kills as u64 >= jobs / 10, "only {kills} kills");
    println!(
        "\n{kills} SIGKILLs over {jobs} jobs in {:.1?}: every result once",
        start.elapsed()
    );
    Ok(())
}

fn hang(jobs: u64) -> Duration {
    DEADLINE + jobs as u32 * Duration::from_millis(10)
}

fn digest(results: impl IntoIterator<Item = u64>) -> String {
    let mut digest = Digest::new();
    for result in results {
        digest.count(result);
    }
    digest.hex()
}

/// Each restart follows a death in the middle of a job, so the pool keeps
/// working.
fn restarts_leave_nothing() -> Result<()> {
    let asked = number("POOL_RESTARTS", 100)? as usize;
    let within = Duration::from_secs(1);
    let intensity = Intensity { restarts: usize::MAX, within };
    let rules =
        Supervision { intensity, attempts: asked, ..without_deadline(2) };
    let mut pool = Jobs::start(rules)?;
    pool.wait_for_all()?;
    let before = descriptors()?;
    pool.submit(Job::Die);
    let finished = pool.join_next()?.context("no job is done")?;
    ensure!(finished.endings.len() == asked);
    pool.wait_for_all()?;
    let after = descriptors()?;
    let (restarts, workers) = (pool.restarts(), pool.ids().len());
    ensure!(restarts == asked, "{restarts} restarts");
    let children = children()?;
    ensure!(children == workers, "{children} children, {workers} workers");
    ensure!(after == before, "{before} descriptors before, {after} after");
    pool.join()?;
    println!(
        "\n{restarts} restarts: {before} descriptors before, {after} after"
    );
    Ok(())
}

fn descriptors() -> Result<usize> {
    Ok(fs::read_dir("/proc/self/fd")?.count())
}

/// Counts zombies, too.
fn children() -> Result<usize> {
    let list = fs::read_to_string("/proc/thread-self/children")?;
    Ok(list.split_whitespace().count())
}

fn number(variable: &str, usual: u64) -> Result<u64> {
    match env::var(variable) {
        Err(env::VarError::NotPresent) => Ok(usual),
        value => {
            value?.parse().with_context(|| format!("{variable} is no number"))
        }
    }
}
