//! A scope whose workers misbehave: they die with their sockets left open, stop
//! in the middle of an answer, hang during exit, and leave processes behind.
//! After each test no process may be left.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;
#[path = "support/trouble.rs"]
mod trouble;

use std::{
    env, fs,
    hint::spin_loop,
    io::{self, Read as _, Write as _},
    os::{fd::BorrowedFd, unix::process::ExitStatusExt as _},
    process::{Command, ExitCode, Stdio, abort},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use common::lifeline;
use libtest_mimic::Trial;
use process_kit::{
    JoinHandle, JoinSet, News, Parent, Role, Supervisor, first_ready, role,
    scope,
};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, waitid,
};
use serde::{Deserialize, Serialize};
use support::{DEADLINE, no_child_is_left};
use trouble::{Watchdog, kill_the_escaped};

/// Selects the role of this process, if it is not the test itself.
const PART: &str = "PART";

fn main() -> ExitCode {
    let part = env::var(PART).unwrap_or_default();
    match (role(), part.as_str()) {
        (Role::Worker(_), "broken") => ExitCode::from(3),
        (Role::Worker(parent), _) => parent.serve(worker),
        (Role::Main, "broken") => with_a_broken_worker(),
        (Role::Main, "victim") => victim(),
        (Role::Main, _) => support::run(tests()),
    }
}

/// What a worker is asked to do.
#[derive(Debug, Serialize, Deserialize)]
enum Job {
    Square(u64),
    Die,
    StartAnother,
    ForkThenLoop,
    ForkThenDie,
    ForkEscapeThenDie,
    ForkThenArrive,
    /// Sends half of these bytes, stops, and sends the rest if it is continued.
    SayInHalves(Vec<u8>),
    SayHalfThenDie(Vec<u8>),
    HangUp,
    LingerInExit,
    TakeAll(Vec<u8>),
}

fn worker(job: Job, parent: &mut Parent) -> Result<u64> {
    match job {
        Job::Square(number) => return Ok(number * number),
        Job::Die => abort(),
        Job::StartAnother => trouble::start_another()?,
        Job::ForkThenLoop => {
            trouble::fork(false)?;
            parent.gate.wait()?;
            loop {
                spin_loop();
            }
        }
        Job::ForkThenDie => {
            trouble::fork(false)?;
            abort();
        }
        Job::ForkEscapeThenDie => {
            trouble::fork(true)?;
            abort();
        }
        Job::ForkThenArrive => {
            trouble::fork(false)?;
            parent.gate.wait()?;
        }
        Job::SayInHalves(bytes) => {
            let (first, rest) = bytes.split_at(bytes.len() / 2);
            say(first)?;
            kill_process(getpid(), Signal::STOP)?;
            say(rest)?;
            loop {
                thread::park();
            }
        }
        Job::SayHalfThenDie(bytes) => {
            say(&bytes[..bytes.len() / 2])?;
            abort();
        }
        Job::HangUp => {
            let socket = socket()?;
            rustix::net::shutdown(socket, rustix::net::Shutdown::Both)?;
            loop {
                thread::park();
            }
        }
        Job::LingerInExit => trouble::linger_in_exit(),
        Job::TakeAll(_) => {}
    }
    Ok(0)
}

fn say(bytes: &[u8]) -> Result<()> {
    let written = rustix::io::write(socket()?, bytes)?;
    ensure!(written == bytes.len());
    Ok(())
}

/// The only socket of a worker, which leads to its parent.
fn socket() -> Result<BorrowedFd<'static>> {
    for entry in fs::read_dir("/proc/self/fd")? {
        let path = entry?.path();
        if fs::read_link(&path)?.to_string_lossy().starts_with("socket:") {
            let number = path.file_name().context("no number")?;
            let number = number.to_string_lossy().parse()?;
            // SAFETY: it is open as long as the worker runs its job.
            return Ok(unsafe { BorrowedFd::borrow_raw(number) });
        }
    }
    anyhow::bail!("no socket is open")
}

/// An answer in a frame as the kit encodes it: the first kind of reply, and a
/// number below 128.
fn answer_in_a_frame(number: u8) -> Vec<u8> {
    let payload = [0, number];
    let length = (payload.len() as u32).to_le_bytes();
    let checksum = crc32fast::hash(&[&length[..], &payload].concat());
    [&length, &checksum.to_le_bytes()[..], &payload].concat()
}

type Test = fn() -> Result<()>;

fn tests() -> Vec<Trial> {
    let tests: [(&str, Test); _] = [
        ("no_child_hides_a_death", no_child_hides_a_death),
        ("no_child_hides_a_death_from_a_set", nor_from_a_set),
        ("no_child_holds_the_gate", no_child_holds_the_gate),
        ("half_an_answer_is_none", half_an_answer_is_none),
        ("a_death_in_an_answer_is_a_death", a_death_in_an_answer),
        ("any_patience_will_do", any_patience_will_do),
        ("who_hangs_up_is_killed", who_hangs_up_is_killed),
        ("who_lingers_in_exit_is_killed", who_lingers_in_exit_is_killed),
        ("what_a_job_started_dies_too", what_a_job_started_dies_too),
        ("all_die_with_their_parent", all_die_with_their_parent),
        ("a_death_at_the_start_is_a_death", a_death_at_the_start),
        ("who_dies_or_hangs_has_an_heir", who_dies_or_hangs_has_an_heir),
    ];
    let trial = |(name, test): (&'static str, Test)| {
        support::trial(name, move || {
            let _watchdog = Watchdog::over(name);
            test()?;
            no_child_is_left(DEADLINE)
        })
    };
    tests.into_iter().map(trial).collect()
}

/// The child keeps its parent's socket open.
fn no_child_hides_a_death() -> Result<()> {
    for job in [Job::ForkThenDie, Job::ForkEscapeThenDie] {
        scope(|scope| {
            let mut handle = scope.spawn::<_, u64>(&job)?;
            let how = handle.wait_for_answer_or_death()?.context("it lives")?;
            ensure!(how.signal() == Some(6), "{how}");
            Ok(())
        })?;
    }
    kill_the_escaped()
}

fn nor_from_a_set() -> Result<()> {
    scope(|scope| {
        let jobs = vec![Job::ForkEscapeThenDie, Job::Square(3)];
        let mut set = JoinSet::<_, u64>::spawn(scope, 1, jobs)?;
        let error = set.join_next().unwrap_err().to_string();
        ensure!(error.contains("signal: 6"), "{error}");
        Ok(())
    })?;
    kill_the_escaped()
}

/// Neither a child whose parent died on the way, nor one whose parent is alive.
fn no_child_holds_the_gate() -> Result<()> {
    for jobs in [
        [Job::ForkEscapeThenDie, Job::ForkThenArrive],
        [Job::ForkThenArrive, Job::Square(3)],
        [Job::Die, Job::Square(3)],
    ] {
        scope(|scope| {
            let spawn = |job| scope.spawn::<_, u64>(job);
            let handles: Vec<_> =
                jobs.iter().map(spawn).collect::<Result<_>>()?;
            scope.wait_for_all()?;
            scope.open_gate();
            for mut handle in handles {
                if handle.wait_for_answer_or_death()?.is_none() {
                    handle.join()?;
                }
            }
            Ok(())
        })?;
    }
    kill_the_escaped()
}

fn half_an_answer_is_none() -> Result<()> {
    scope(|scope| {
        let job = Job::SayInHalves(answer_in_a_frame(7));
        let mut handle = scope.spawn::<_, u64>(&job)?;
        let id = is_stopped(&handle)?;
        let soon = Some(Duration::from_millis(50));
        for _ in 0..2 {
            ensure!(first_ready([&handle], soon)?.is_none());
        }
        kill_process(id, Signal::CONT)?;
        ensure!(first_ready([&handle], Some(DEADLINE))? == Some(0));
        ensure!(handle.wait_for_answer_or_death()?.is_none());
        Ok(())
    })
}

fn is_stopped(handle: &JoinHandle<'_, u64>) -> Result<Pid> {
    let id = Pid::from_raw(handle.id() as i32).context("no id")?;
    waitid(WaitId::Pid(id), WaitIdOptions::STOPPED)?;
    Ok(id)
}

fn a_death_in_an_answer() -> Result<()> {
    scope(|scope| {
        let job = Job::SayHalfThenDie(answer_in_a_frame(7));
        let mut handle = scope.spawn::<_, u64>(&job)?;
        let how = handle.wait_for_answer_or_death()?.context("it lives")?;
        ensure!(how.signal() == Some(6), "{how}");
        Ok(())
    })
}

fn any_patience_will_do() -> Result<()> {
    scope(|scope| {
        let handle = scope.spawn::<_, u64>(&Job::Square(3))?;
        for patience in [Some(Duration::MAX), None, Some(Duration::ZERO)] {
            ensure!(first_ready([&handle], patience)? == Some(0));
        }
        ensure!(handle.join()? == 9);
        Ok(())
    })
}

fn who_hangs_up_is_killed() -> Result<()> {
    scope(|scope| {
        let mut handle = scope.spawn::<_, u64>(&Job::HangUp)?;
        let how = handle.wait_for_answer_or_death()?.context("it lives")?;
        ensure!(how.signal() == Some(9), "{how}");
        Ok(())
    })
}

/// In an exit handler of the program.
fn who_lingers_in_exit_is_killed() -> Result<()> {
    scope(|scope| {
        let handle = scope.spawn::<_, u64>(&Job::LingerInExit)?;
        let error = handle.join().unwrap_err().to_string();
        ensure!(error.contains("exited badly: signal: 9"), "{error}");
        let jobs = vec![Job::LingerInExit, Job::Square(3), Job::Square(4)];
        let mut set = JoinSet::<_, u64>::spawn(scope, 1, jobs)?;
        for answer in [0, 9, 16] {
            let next = set.join_next()?.context("no answer")?;
            ensure!(next.value == answer, "{}", next.value);
        }
        let error = set.join_all().unwrap_err().to_string();
        ensure!(error.contains("exited badly: signal: 9"), "{error}");
        Ok(())
    })
}

/// Whether its worker exits, is killed, or is dropped.
fn what_a_job_started_dies_too() -> Result<()> {
    scope(|scope| {
        scope.spawn::<_, u64>(&Job::StartAnother)?.join()?;
        no_child_is_left(DEADLINE).context("left by one that ended")?;
        let killed = scope.spawn::<_, u64>(&Job::ForkThenLoop)?;
        scope.wait_for_all()?;
        killed.kill()?;
        no_child_is_left(DEADLINE).context("left by one that was killed")
    })?;
    scope(|scope| {
        let _dropped = scope.spawn::<_, u64>(&Job::ForkThenLoop)?;
        scope.wait_for_all()
    })?;
    no_child_is_left(DEADLINE).context("left by one that was dropped")
}

/// This includes processes that a job started, even with nothing left to kill
/// them.
fn all_die_with_their_parent() -> Result<()> {
    for signal in [Signal::KILL, Signal::TERM] {
        let mut victim = Command::new(env::current_exe()?)
            .env(PART, "victim")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdout = victim.stdout.take().context("no stdout")?;
        stdout.read_exact(&mut [0; 6])?;
        kill_process(Pid::from_child(&victim), signal)?;
        victim.wait()?;
        no_child_is_left(DEADLINE)?;
    }
    Ok(())
}

fn victim() -> ExitCode {
    // If this test fails, nothing else kills this process.
    lifeline::hold(io::stdin(), Signal::KILL).unwrap();
    let waited = scope(|scope| {
        let _worker = scope.spawn::<_, u64>(&Job::ForkThenLoop)?;
        scope.wait_for_all()?;
        println!("ready");
        io::stdout().flush()?;
        loop {
            thread::park();
        }
    });
    waited.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// Whatever its job is: this one is larger than its socket buffer.
fn a_death_at_the_start() -> Result<()> {
    let mut program = Command::new(env::current_exe()?);
    let output = program.env(PART, "broken").output()?;
    let error = String::from_utf8(output.stderr)?;
    ensure!(
        error.contains("died before it answered: exit status: 3"),
        "{error}"
    );
    Ok(())
}

fn with_a_broken_worker() -> ExitCode {
    let job = Job::TakeAll(vec![0; 4 << 20]);
    let answer = scope(|scope| scope.spawn::<_, u64>(&job)?.join());
    eprintln!("{:#}", answer.unwrap_err());
    ExitCode::FAILURE
}

/// A worker that hangs also takes down those that have answered.
fn who_dies_or_hangs_has_an_heir() -> Result<()> {
    scope(|scope| {
        let mut workers = Supervisor::new(scope, |_| Job::Square(3));
        workers.spawn(Job::Die)?;
        let Some(News::Died { heir, how }) = workers.next_news(DEADLINE)?
        else {
            bail!("it lives");
        };
        ensure!(how.signal() == Some(6), "{how}");
        workers.spawn(heir)?;
        ensure!(has_answered(&mut workers)?);
        workers.spawn(Job::SayInHalves(Vec::new()))?;
        let soon = Duration::from_millis(50);
        let Some(News::Hung { heirs }) = workers.next_news(soon)? else {
            bail!("it goes on");
        };
        ensure!(heirs.len() == 2 && workers.ids().is_empty());
        heirs.into_iter().try_for_each(|heir| workers.spawn(heir))?;
        ensure!(has_answered(&mut workers)? && has_answered(&mut workers)?);
        ensure!(workers.next_news(DEADLINE)?.is_none());
        ensure!(workers.ids().len() == 2);
        ensure!(workers.join_all()? == [9, 9]);
        Ok(())
    })
}

fn has_answered(workers: &mut Supervisor<'_, Job, u64>) -> Result<bool> {
    Ok(matches!(workers.next_news(DEADLINE)?, Some(News::Answered)))
}
