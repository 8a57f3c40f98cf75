//! What supervision costs compared to bare system calls: `cargo bench -p
//! process-kit --bench pool`.
//!
//! - From SIGKILL to a busy worker until it is reaped. Baseline: a busy child
//!   that is killed through a pidfd and waited for, with nothing in between.
//! - From a worker's death until its replacement has done a job. Baseline: the
//!   same program started by `Command`, until its first byte arrives.
//! - An empty job to a warm worker and back. Baseline: a bare futex hand-over
//!   to a process and back.
//!
//! Each round measures both of a pair, in alternating order; the result is the
//! ratio per round.

use std::{
    env,
    hint::spin_loop,
    io::{self, Read as _, Write as _},
    os::{fd::AsFd as _, unix::process::CommandExt as _},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use common::{
    goals::{Bound, Goals},
    machine::Machine,
    ring::{
        Manner, Waiting,
        line::{Receiver, SIZE, Sender, WORDS},
    },
    supervision::{Ending, Intensity, StopMethod, Supervision},
};
use process_kit::{
    JoinHandle, Parent, Pool, Role, Scope, Shared, Turn, role, scope,
};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process, pidfd_open,
    pidfd_send_signal, waitid,
};
use serde::{Deserialize, Serialize};

/// The first argument of the bare children.
const BUSY: &str = "busy";
const ONCE: &str = "once";

fn main() -> ExitCode {
    let done = match (role(), env::args().nth(1).as_deref()) {
        (Role::Worker(parent), _) if parent.has_a_pool() => {
            return parent.serve_each(worker);
        }
        (Role::Worker(parent), _) => return parent.serve(echo),
        (Role::Main, Some(BUSY)) => busy(),
        (Role::Main, Some(ONCE)) => once(),
        (Role::Main, _) => run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    // Cargo passes `--bench` to measure. Without it this is a test run, which
    // only checks that everything works.
    let measures = env::args().any(|flag| flag == "--bench");
    let rounds = |usual| if measures { usual } else { 2 };
    let machine = Machine::this();
    let cpu = machine.processor();
    let Machine { cores, kernel, rustc, profile, .. } = &machine;
    println!("{cpu}, {cores} cores, {kernel}, {rustc}, {profile}\n");
    let mut goals = Goals::default();
    kill(rounds(60), &mut goals)?;
    restart(rounds(60), &mut goals)?;
    hand_over(rounds(40), &mut goals)?;
    print!("{goals}");
    Ok(())
}

/// What a worker of the pool is asked to do.
#[derive(Debug, Serialize, Deserialize)]
enum Job {
    Empty,
    Spin,
}

fn worker(job: Job, _turn: &Turn) -> Result<()> {
    match job {
        Job::Empty => Ok(()),
        Job::Spin => loop {
            spin_loop();
        },
    }
}

fn kill(rounds: usize, goals: &mut Goals) -> Result<()> {
    let rules = Supervision {
        workers: 1,
        deadline: Some(Duration::from_millis(2)),
        grace: Duration::from_millis(2),
        intensity: unbounded(),
        ..Supervision::default()
    };
    let mut pool = Pool::start(rules)?;
    pool.wait_for_all()?;
    goals.compare(
        "SIGKILL to reaped, busy worker",
        ["the pool", "a pidfd and wait"],
        (rounds, Some(Bound::AtMost(1.15))),
        || pooled_kill(&mut pool),
        bare_kill,
    )
}

/// The third attempt starts with SIGKILL.
fn pooled_kill(pool: &mut Pool<Job, ()>) -> Result<f64> {
    pool.submit(Job::Spin);
    let finished = pool.join_next()?.context("no job is done")?;
    match finished.endings.last() {
        Some(Ending::Stopped(stopped)) if stopped.by == StopMethod::Force => {
            pool.wait_for_all()?;
            Ok(stopped.after.as_secs_f64())
        }
        other => bail!("it ended differently: {other:?}"),
    }
}

fn bare_kill() -> Result<f64> {
    let child = ready(start(BUSY)?)?;
    let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    // As long as a job of the pool runs before it is stopped.
    thread::sleep(Duration::from_millis(2));
    let start = Instant::now();
    pidfd_send_signal(&pidfd, Signal::KILL)?;
    waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED)?;
    Ok(start.elapsed().as_secs_f64())
}

fn restart(rounds: usize, goals: &mut Goals) -> Result<()> {
    let rules = Supervision {
        workers: 1,
        attempts: usize::MAX,
        intensity: unbounded(),
        ..Supervision::default()
    };
    let mut pool = Pool::start(rules)?;
    pool.wait_for_all()?;
    goals.compare(
        "death to the replacement's first job",
        ["the pool", "a bare start"],
        (rounds, Some(Bound::AtMost(1.5))),
        || pooled_restart(&mut pool),
        bare_start,
    )
}

fn pooled_restart(pool: &mut Pool<Job, ()>) -> Result<f64> {
    let worker = Pid::from_raw(pool.ids()[0] as i32).context("no id")?;
    let start = Instant::now();
    kill_process(worker, Signal::KILL)?;
    pool.submit(Job::Empty);
    let finished = pool.join_next()?.context("no job is done")?;
    let seconds = start.elapsed().as_secs_f64();
    finished.result?;
    ensure!(pool.ids()[0] != worker.as_raw_nonzero().get() as u32);
    Ok(seconds)
}

fn bare_start() -> Result<f64> {
    let start_of_all = Instant::now();
    let mut child = ready(start(ONCE)?)?;
    let seconds = start_of_all.elapsed().as_secs_f64();
    child.wait()?;
    Ok(seconds)
}

/// Hand-overs in a row: for a single one, reading the clock would be part of
/// the cost.
const IN_A_ROW: u32 = 500;

fn hand_over(rounds: usize, goals: &mut Goals) -> Result<()> {
    let rules = Supervision { workers: 1, ..Supervision::default() };
    let mut pool = Pool::start(rules)?;
    pool.wait_for_all()?;
    scope(|scope| {
        let mut futex = Futex::start(scope)?;
        goals.compare(
            "an empty job there and back",
            ["the pool", "a futex"],
            (rounds, Some(Bound::AtMost(2.0))),
            || pooled_hand_over(&mut pool),
            || futex.hand_over(),
        )?;
        futex.stop()
    })
}

fn pooled_hand_over(pool: &mut Pool<Job, ()>) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..IN_A_ROW {
        pool.submit(Job::Empty);
        pool.join_next()?.context("no job is done")?.result?;
    }
    Ok(start.elapsed().as_secs_f64() / f64::from(IN_A_ROW))
}

/// A process at the other end of two cache lines of shared memory.
struct Futex<'scope> {
    child: JoinHandle<'scope, ()>,
    sender: Sender<Shared>,
    receiver: Receiver<Shared>,
    stamp: u64,
}

impl<'scope> Futex<'scope> {
    fn start(scope: &'scope Scope) -> Result<Self> {
        let (there, back) = (Shared::new(SIZE)?, Shared::new(SIZE)?);
        let child = scope.spawn(&(&there, &back))?;
        let sender = Sender::new(there, Manner::Block)?;
        let receiver = Receiver::new(back, Waiting::new(Manner::Block))?;
        Ok(Futex { child, sender, receiver, stamp: 0 })
    }

    fn hand_over(&mut self) -> Result<f64> {
        let start = Instant::now();
        for _ in 0..IN_A_ROW {
            self.stamp += 1;
            self.there_and_back(self.stamp)?;
        }
        Ok(start.elapsed().as_secs_f64() / f64::from(IN_A_ROW))
    }

    fn there_and_back(&mut self, stamp: u64) -> Result<()> {
        let mut words = [0; WORDS];
        self.sender.send(&[stamp]);
        self.receiver.receive(&mut words[..1])?;
        ensure!(words[0] == stamp, "{} came back for {stamp}", words[0]);
        Ok(())
    }

    fn stop(mut self) -> Result<()> {
        self.there_and_back(u64::MAX)?;
        self.child.join()
    }
}

/// Sends back each stamp, until the last one.
fn echo(lines: (Shared, Shared), _parent: &mut Parent) -> Result<()> {
    let (there, back) = lines;
    let mut receiver = Receiver::new(there, Waiting::new(Manner::Block))?;
    let mut sender = Sender::new(back, Manner::Block)?;
    let mut words = [0];
    while words[0] != u64::MAX {
        receiver.receive(&mut words)?;
        sender.send(&words);
    }
    Ok(())
}

/// Reports that it runs, and keeps its core busy.
fn busy() -> Result<()> {
    once()?;
    loop {
        spin_loop();
    }
}

/// Reports that it runs.
fn once() -> Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(b"!")?;
    Ok(stdout.flush()?)
}

fn start(role: &str) -> Result<Child> {
    let mut command = Command::new("/proc/self/exe");
    let name = env::args_os().next().unwrap_or_default();
    command.arg0(name).arg(role).stdin(Stdio::null()).stdout(Stdio::piped());
    Ok(command.spawn()?)
}

/// Waits until a child reports that it runs.
fn ready(mut child: Child) -> Result<Child> {
    let mut said = [0];
    let stdout = child.stdout.as_mut().context("no pipe from the child")?;
    stdout.read_exact(&mut said)?;
    Ok(child)
}

fn unbounded() -> Intensity {
    Intensity { restarts: usize::MAX, ..Intensity::default() }
}
