//! The ways to die, and what the victim says first. All of it is Unix, and
//! [`leave_no_core`] is Linux.

use std::{
    hint::black_box,
    io::{self, Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    panic::resume_unwind,
    process::{self, ExitStatus},
    ptr,
    time::Duration,
};

use anyhow::{Context as _, Result};
use bytemuck::{Pod, Zeroable};
use clap::ValueEnum;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags, open},
    io::Errno,
    mm::{MapFlags, ProtFlags, mmap_anonymous},
    process::{
        DumpableBehavior, Resource, Rlimit, Signal, getrlimit,
        set_dumpable_behavior, setrlimit,
    },
    stdio::dup2_stderr,
};
use serde::{Deserialize, Serialize};

use super::{Doom, Hold, Plan};
use crate::laps::monotonic;

/// How a worker dies by itself.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum DeathCause {
    /// Panics, and unwinds
    Panic,
    /// Exits the program normally
    Exit,
    /// Aborts the program at once
    Abort,
    /// Reads memory that it may not read
    Segfault,
    /// Recurses until the stack is used up
    StackOverflow,
    /// Allocates memory until there is none left (RLIMIT_AS)
    MemoryLimit,
}

/// The exit status of [`DeathCause::Exit`], which nothing else uses.
const STATUS: i32 = 42;

/// The address space that [`DeathCause::MemoryLimit`] allows. A program with
/// many threads may have reserved more already: then nothing is left, which is
/// fatal too.
const ADDRESSES: u64 = 256 << 20;

/// Where the kernel lets a stack grow without limit,
/// [`DeathCause::StackOverflow`] would use up all memory before it ran out of
/// stack.
const STACK: u64 = 64 << 20;

impl DeathCause {
    /// Dies, and keeps Rust from printing anything about it: the message of a
    /// planned death would only hide those of others.
    ///
    /// # Panics
    ///
    /// Panics if that is the cause.
    pub fn die(self) -> ! {
        if self != DeathCause::Panic {
            // If the kernel refuses one of these, the death is the same.
            let _ = fall_silent();
            let _ = leave_no_core();
        }
        match self {
            // A panic like any other, but without the hook, whose backtrace
            // would take longer than all the rest.
            DeathCause::Panic => resume_unwind(Box::new("as was planned")),
            DeathCause::Exit => process::exit(STATUS),
            DeathCause::Abort => process::abort(),
            DeathCause::Segfault => read_no_memory(),
            DeathCause::StackOverflow => overflow_the_stack(),
            DeathCause::MemoryLimit => reach_the_memory_limit(),
        }
    }

    /// Whether a process that died of this exits with such a status.
    pub fn explains(self, status: ExitStatus) -> bool {
        let (code, signal) = (status.code(), status.signal());
        let is = |expected: Signal| signal == Some(expected.as_raw());
        match self {
            // An uncaught panic ends `main` with this status.
            DeathCause::Panic => code == Some(101),
            DeathCause::Exit => code == Some(STATUS),
            DeathCause::Abort | DeathCause::MemoryLimit => is(Signal::ABORT),
            DeathCause::Segfault => is(Signal::SEGV),
            // Rust knows the guard page below its stacks, reports the overflow
            // and aborts. It may not know the guard page of a stack that it did
            // not create.
            DeathCause::StackOverflow => is(Signal::ABORT) || is(Signal::SEGV),
        }
    }
}

fn fall_silent() -> io::Result<()> {
    let nowhere = open("/dev/null", OFlags::WRONLY, Mode::empty())?;
    dup2_stderr(nowhere)?;
    Ok(())
}

/// A limit on the size of core files would not be enough: it does not apply
/// when they are piped to a program (core(5)).
fn leave_no_core() -> io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// A real fault rather than a signal that is sent: the page exists, but nobody
/// may read it.
fn read_no_memory() -> ! {
    let (nowhere, none) = (ptr::null_mut(), ProtFlags::empty());
    // SAFETY: new memory, at an address of the kernel's choice.
    let page =
        unsafe { mmap_anonymous(nowhere, 4096, none, MapFlags::PRIVATE) };
    if let Ok(page) = page {
        // SAFETY: it is mapped and aligned, and is no part of anything. The
        // read is volatile, so it is made, and the kernel ends this process.
        let byte = unsafe { page.cast::<u8>().read_volatile() };
        black_box(byte);
    }
    unreachable!("unreadable memory was read")
}

fn overflow_the_stack() -> ! {
    let limit = getrlimit(Resource::Stack);
    if limit.current.is_none_or(|current| current > STACK) {
        let limit = Rlimit { current: Some(STACK), ..limit };
        let _ = setrlimit(Resource::Stack, limit);
    }
    unreachable!("the stack has room for {} calls", descend(0))
}

/// Each call keeps a page of stack, which it still needs after the next call.
fn descend(depth: u64) -> u64 {
    let page = black_box([depth; 512]);
    let deepest = if black_box(true) { descend(depth + 1) } else { depth };
    deepest + black_box(page)[0]
}

fn reach_the_memory_limit() -> ! {
    let limit = getrlimit(Resource::As);
    let limit = Rlimit { current: Some(ADDRESSES), ..limit };
    let _ = setrlimit(Resource::As, limit);
    let mut hoard = Vec::new();
    for _ in 0..=ADDRESSES >> 20 {
        hoard.push(black_box(Vec::<u8>::with_capacity(1 << 20)));
    }
    unreachable!("the limit is above {} MiB", hoard.len())
}

/// What a worker that is about to die tells its supervisor, through a pipe:
/// nothing else survives every kind of death.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct LastWords {
    /// The time, in nanoseconds of the clock that all processes share.
    at: u64,
    /// Transfers made so far, by all workers.
    made: u64,
}

impl LastWords {
    /// The last words of a worker that knows of `made` transfers.
    pub fn now(made: u64) -> Self {
        LastWords { at: monotonic().as_nanos() as u64, made }
    }

    /// When the victim said them.
    pub fn at(&self) -> Duration {
        Duration::from_nanos(self.at)
    }

    /// Transfers that the ledger had by then.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Waits for them.
    ///
    /// # Errors
    ///
    /// Fails if every worker that could have said them is gone.
    pub fn hear(mut pipe: io::PipeReader) -> Result<Self> {
        let mut words = LastWords::default();
        pipe.read_exact(bytemuck::bytes_of_mut(&mut words))
            .context("the victim exited without a word")?;
        Ok(words)
    }
}

/// What a worker knows of the planned death: whether it is the victim itself,
/// or has to wait for the victim's death. An heir does neither.
#[derive(Debug, Default)]
pub struct Victim(Option<Doomed>);

#[derive(Debug)]
struct Doomed {
    plan: Plan,
    doom: Doom,
    is_this_worker: bool,
    pipe: io::PipeWriter,
}

impl Victim {
    /// The plan's victim, as this worker knows it. `last_words` is the pipe for
    /// the victim's last words. Every worker has it except an heir, which is
    /// started after the death.
    pub fn new(
        plan: &Plan,
        worker: usize,
        last_words: Option<io::PipeWriter>,
    ) -> Self {
        let doom = plan.doom();
        let is_this_worker = doom.worker == worker;
        let doomed = |pipe| Doomed { plan: *plan, doom, is_this_worker, pipe };
        Victim(last_words.map(doomed))
    }

    /// Dies, if the plan says so: at the worker's transfer with this number,
    /// while it holds `hold`. `last_words` has returned by then, so a lock that
    /// only it takes is not held at the death.
    ///
    /// # Panics
    ///
    /// Panics if the plan says that the worker panics.
    pub fn die_at(
        &mut self,
        number: u32,
        hold: Hold,
        last_words: impl FnOnce() -> LastWords,
    ) {
        if let Some(Doomed { plan, doom, is_this_worker: true, pipe }) =
            &mut self.0
            && (doom.number, plan.hold) == (number, hold)
        {
            let words = last_words();
            // Without a reader there is no supervisor left to tell.
            let _ = pipe.write_all(bytemuck::bytes_of(&words));
            plan.cause.die();
        }
    }

    /// Keeps a survivor from starting the second half of its transfers before
    /// the victim is dead. So all are at work when it dies, even on few or busy
    /// cores.
    pub fn outlive_at(&mut self, number: u32) {
        if let Some(Doomed { plan, is_this_worker: false, .. }) = self.0
            && number == plan.transfers / 2
            && let Some(doomed) = self.0.take()
        {
            wait_until_heard(&doomed.pipe);
        }
    }
}

/// A victim that is silent for this long is lost. Then its survivors close the
/// pipe, so that the supervisor finds out.
const LOST: Duration = Duration::from_secs(60);

/// Waits until the supervisor has heard the last words: it closes its end of
/// the pipe, which is an error at this end (poll(2)).
fn wait_until_heard(pipe: &io::PipeWriter) {
    let deadline = monotonic() + LOST;
    loop {
        let left = deadline.saturating_sub(monotonic());
        let left = Timespec::try_from(left).ok();
        let mut ends = [PollFd::new(pipe, PollFlags::empty())];
        if poll(&mut ends, left.as_ref()) != Err(Errno::INTR) {
            return;
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    /// A worker of two, and the supervisor's end of the pipe.
    fn worker(is_victim: bool) -> (Victim, io::PipeReader, Plan) {
        let (cause, hold, death) = (DeathCause::Abort, Hold::Nothing, 0);
        let (transfers, workers, seed) = (9, 2, 1);
        let plan = Plan { cause, hold, death, transfers, workers, seed };
        let doomed = plan.doom().worker;
        let worker = if is_victim { doomed } else { 1 - doomed };
        let (reader, writer) = io::pipe().unwrap();
        (Victim::new(&plan, worker, Some(writer)), reader, plan)
    }

    #[test]
    fn a_survivor_waits_at_its_half_until_the_victim_was_heard() {
        let (mut survivor, reader, plan) = worker(false);
        let half = plan.transfers / 2;
        for number in 0..half {
            survivor.outlive_at(number);
        }
        let (sender, past_its_half) = mpsc::channel();
        thread::spawn(move || {
            survivor.outlive_at(half);
            sender.send(()).unwrap();
        });
        let moment = Duration::from_millis(100);
        assert!(past_its_half.recv_timeout(moment).is_err(), "it went on");
        drop(reader);
        past_its_half.recv_timeout(LOST / 2).unwrap();
    }

    #[test]
    fn the_victim_and_its_heir_wait_for_nobody() {
        let (mut victim, _reader, plan) = worker(true);
        let mut heir = Victim::default();
        for number in 0..plan.transfers {
            victim.outlive_at(number);
            heir.outlive_at(number);
        }
    }
}
