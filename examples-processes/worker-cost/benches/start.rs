//! What a worker process costs, compared with the bare minimum:
//! `cargo bench -p worker-cost-processes --bench start`.
//!
//! - This program again, empty and reaped, against a bare posix_spawn(3) of an
//!   empty static C program: from a small parent, and from one of 1 GiB.
//! - The same for a child of the fork server, and for a child that we fork.
//! - A token handed to a resident worker process and back, against two bare
//!   words in shared memory and the futex calls.
//! - The private memory of a waiting worker: of a process, and of a thread.
//!
//! `LINK=dynamic cargo bench …` shows what static linking saves.
//!
//! What std does before `main` is most of what this program takes longer than
//! the C program: it opens /proc/self/maps to find the end of the main thread's
//! stack, and prepares a second stack for the handler of an overflow. The
//! ratio was 1.37; with fewer segments (`--no-rosegment`) 1.32; with those and
//! without std's start (`#![no_main]`) 1.14 (AMD EPYC, 2026-11-30). Neither
//! was kept: the first gains little, and without the second nobody reports a
//! stack overflow, while your own workers would still have it. A worker that
//! neither allocates nor changes how signals are handled starts no sooner.
//!
//! Each round measures both of a pair, in alternating order, and yields one
//! ratio.

use std::{
    env,
    ffi::{CStr, CString, c_char},
    io,
    process::{Command, ExitCode},
    ptr,
    sync::atomic::{
        AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use anyhow::{Context as _, Result, ensure};
use common::{
    goals::{Bound, Goal, Goals},
    laps::Laps,
    machine::Machine,
    scenarios::worker_cost::{
        Ballast, Keeping, Plan, Stamp, StartMethod, Starts, measure,
    },
};
use process_kit::{Role, role};
use rustix::{
    io::retry_on_intr,
    mm::{MapFlags, ProtFlags, mmap_anonymous, munmap},
    process::{Pid, WaitOptions, waitpid},
    thread::futex,
};

#[path = "../src/anew.rs"]
mod anew;
#[path = "../src/borrowed.rs"]
mod borrowed;
#[path = "../src/forked.rs"]
mod forked;
#[path = "../src/idle.rs"]
mod idle;
#[path = "../src/job.rs"]
mod job;
#[path = "../src/program.rs"]
mod program;
#[path = "../src/resident.rs"]
mod resident;
#[path = "../src/served.rs"]
mod served;
#[path = "../src/table.rs"]
mod table;

fn main() -> ExitCode {
    let done = match (role(), program::token()) {
        (Role::Main, Some(token)) => return program::play(token),
        (Role::Worker(parent), _) => return parent.serve(job::worker),
        (Role::Main, None) => run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The same as in the demo.
fn worker(token: u64) -> Stamp {
    Stamp::now(token)
}

fn run() -> Result<()> {
    // Cargo passes `--bench` when it measures. Without it this is a test run,
    // which only checks that the bench works.
    let measures = env::args().any(|flag| flag == "--bench");
    let rounds = if measures { 40 } else { 2 };
    let machine = Machine::this();
    let cpu = machine.processor();
    let Machine { cores, kernel, rustc, profile, .. } = &machine;
    println!("{cpu}, {cores} cores, {kernel}, {rustc}, {profile}\n");
    let program = static_program()?;
    let mut goals = Goals::default();
    starts("a small parent", rounds, &program, &mut goals)?;
    hand_over(rounds, &mut goals)?;
    memory(&mut goals)?;
    let _large = Ballast::of(if measures { 1 << 30 } else { 1 << 20 })?;
    starts("a parent of 1 GiB", rounds, &program, &mut goals)?;
    print!("{goals}");
    Ok(())
}

fn starts(
    parent: &str,
    rounds: usize,
    program: &CStr,
    goals: &mut Goals,
) -> Result<()> {
    let mut bare = || p50(&measure(&plan(20), |token| spawn(program, token))?);
    goals.compare(
        &format!("a worker process, empty and reaped, from {parent}"),
        ["this program again", "a static C program"],
        (rounds, Some(Bound::AtMost(1.25))),
        || p50(&anew::run(&plan(20), &mut Laps::begin())?),
        &mut bare,
    )?;
    goals.compare(
        &format!("a child of the fork server, from {parent}"),
        ["a request", "a static C program"],
        (rounds, None),
        || p50(&served::run(&plan(20), &mut Laps::begin())?),
        &mut bare,
    )?;
    goals.compare(
        &format!("a forked child, from {parent}"),
        ["fork", "a static C program"],
        (rounds, None),
        || p50(&borrowed::run(&plan(3), &mut Laps::begin())?),
        &mut bare,
    )
}

fn plan(count: u32) -> Plan {
    Plan {
        method: StartMethod::Anew,
        parent_memory: 0,
        count,
        table: 0,
        seed: 1,
    }
}

fn p50(starts: &Starts) -> Result<f64> {
    Ok(starts.finish.p50)
}

/// An empty C program: `cc -static -O2`.
fn static_program() -> Result<CString> {
    let folder = env!("CARGO_TARGET_TMPDIR");
    let (source, program) =
        (format!("{folder}/empty.c"), format!("{folder}/empty"));
    std::fs::write(&source, "int main(void) { return 0; }\n")?;
    let mut compiler = Command::new("cc");
    let arguments = ["-static", "-O2", "-o", &program, &source];
    let status = compiler.args(arguments).status();
    let status = status.context("cannot start a C compiler")?;
    ensure!(status.success(), "cannot build a static C program: {status}");
    Ok(CString::new(program)?)
}

unsafe extern "C" {
    /// The environment of this process, as execve(2) takes it.
    static environ: *const *mut c_char;
}

/// The bare call, and the wait. The program makes no stamp, so this makes one
/// for it. It gets the same environment as a worker, because the C library
/// looks at each variable, which takes about a microsecond each.
fn spawn(program: &CStr, token: u64) -> Result<Stamp> {
    let stamp = Stamp::now(token);
    let (mut id, none) = (0, ptr::null_mut());
    let arguments = [program.as_ptr().cast_mut(), none];
    // SAFETY: the strings end with a zero, the lists end with a null, and all
    // outlive the call; there are no attributes and no file actions. This
    // program never changes its environment.
    let error = unsafe {
        libc::posix_spawn(
            &raw mut id,
            program.as_ptr(),
            ptr::null(),
            ptr::null(),
            arguments.as_ptr(),
            environ,
        )
    };
    ensure!(error == 0, "{}", io::Error::from_raw_os_error(error));
    let wait = || waitpid(Pid::from_raw(id), WaitOptions::empty());
    let ended = retry_on_intr(wait)?.context("no child exited")?;
    ensure!(ended.1.exit_status() == Some(0), "a child died: {ended:?}");
    Ok(stamp)
}

fn hand_over(rounds: usize, goals: &mut Goals) -> Result<()> {
    goals.compare(
        "a token handed to a resident worker and back",
        ["the demo's way", "two bare futexes"],
        (rounds, Some(Bound::AtMost(1.2))),
        || p50(&resident::run(&plan(1000), &mut Laps::begin())?),
        || bare_hand_over(&plan(1000)),
    )
}

/// Two words in memory that a forked child shares with us. The child echoes.
#[repr(C, align(128))]
struct Words {
    there: AtomicU32,
    _apart: [u8; 124],
    back: AtomicU32,
    began: AtomicU64,
    answer: AtomicU64,
}

const END: u32 = u32::MAX;

fn bare_hand_over(plan: &Plan) -> Result<f64> {
    let writable = ProtFlags::READ | ProtFlags::WRITE;
    let (size, none) = (size_of::<Words>(), ptr::null_mut());
    // SAFETY: the kernel chooses the address, so no mapping is replaced.
    let memory =
        unsafe { mmap_anonymous(none, size, writable, MapFlags::SHARED)? };
    // SAFETY: a mapping starts at a page, has this size, and all its bytes are
    // zero, which atomics may be. It is unmapped below, after the last use.
    let words = unsafe { &*memory.cast::<Words>() };
    // SAFETY: the child makes only the calls of the clock, the futex, and
    // _exit: signal-safety(7).
    let child = match unsafe { libc::fork() } {
        0 => echo(words),
        id => Pid::from_raw(id.max(0)).context("cannot fork a child")?,
    };
    let mut count = 0;
    let starts = measure(plan, |token| {
        count += 1;
        words.answer.store(token, Relaxed);
        hand(&words.there, count);
        wait_for(&words.back, count);
        let (began, answer) = (&words.began, &words.answer);
        Ok(Stamp { began: began.load(Relaxed), answer: answer.load(Relaxed) })
    });
    hand(&words.there, END);
    waitpid(Some(child), WaitOptions::empty())?;
    // SAFETY: it was mapped above, and nothing refers to it any more.
    unsafe { munmap(memory, size)? };
    p50(&starts?)
}

fn echo(words: &Words) -> ! {
    for count in 1.. {
        if wait_for(&words.there, count) == END {
            break;
        }
        let stamp = Stamp::now(words.answer.load(Relaxed));
        words.began.store(stamp.began, Relaxed);
        words.answer.store(stamp.answer, Relaxed);
        hand(&words.back, count);
    }
    // SAFETY: it terminates this process and does nothing else.
    unsafe { libc::_exit(0) }
}

fn hand(word: &AtomicU32, value: u32) {
    word.store(value, Release);
    let _nobody_may_sleep = futex::wake(word, futex::Flags::empty(), 1);
}

/// Sleeps until the word has changed to this value, or to `END`.
fn wait_for(word: &AtomicU32, value: u32) -> u32 {
    loop {
        let found = word.load(Acquire);
        if found == value || found == END {
            return found;
        }
        let flags = futex::Flags::empty();
        let _look_again = futex::wait(word, flags, found, None);
    }
}

/// The size of the crews.
const CREW: u32 = 64;

fn memory(goals: &mut Goals) -> Result<()> {
    let plan = Plan { method: StartMethod::Idle, ..plan(CREW) };
    let process = idle::run(&plan, &mut Laps::begin())?.each;
    goals.add(private("process", process.private, 102.4e3));
    goals.add(private("thread", private_of_a_thread()?, 8192.0));
    Ok(())
}

fn private(what: &str, bytes: Option<f64>, most: f64) -> Goal {
    Goal {
        what: format!("private memory of an idle {what}"),
        figure: bytes.unwrap_or(f64::NAN),
        unit: "B",
        asked: Bound::AtMost(most),
    }
}

fn private_of_a_thread() -> Result<Option<f64>> {
    let keeping = Keeping::begin()?;
    thread_kit::scope(|scope| {
        let mut crew = Vec::new();
        for _ in 0..CREW {
            crew.push(scope.spawn(|parent| parent.gate.wait())?);
        }
        scope.wait_for_all()?;
        Ok(keeping.each(CREW, &[])?.private)
    })
}
