//! The ring beside what others have: `cargo bench -p ipc-processes`.
//!
//! Two processes exchange the same messages by the ring, by iceoryx2, by
//! ipc-channel, and by the bare limits: a cache line, a futex, `memcpy`. What
//! is compared waits in the same way: who spins and who sleeps never share a
//! table.
//!
//! A machine's speed drifts from minute to minute. So each round measures all
//! of them, the next one in reverse, and a ratio is the median of the ratios
//! of the rounds. In each measurement both processes are new, and go through
//! the messages twice: once to warm up, with every message verified, and once
//! for the clock.

mod copied;
#[path = "../../src/duplex.rs"]
mod duplex;
mod end;
mod iceoryx2;
mod in_place;
mod interrupt;
mod ipc_channel;
mod job;
mod line;
mod memcpy;
mod ring;
mod table;
mod watchdog;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser as _, value_parser};
use common::{
    machine::Machine,
    placement::{self, Cores, Pin},
    progress::Progress,
};
use process_kit::{Parent, Role, role};

use crate::{
    interrupt::Interrupt,
    job::{FarEnd, Group, Job, Link, ROWS, Row},
    table::Samples,
    watchdog::Watchdog,
};

/// The ring beside what others have.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Rounds, after one that warms up
    #[arg(long, value_name = "N", default_value_t = 9,
          value_parser = value_parser!(u32).range(1..))]
    rounds: u32,

    /// A tenth of the messages, and three rounds at most
    #[arg(long)]
    quick: bool,

    /// Only this table
    #[arg(long, value_name = "NAME", value_enum)]
    only: Option<Group>,

    /// Cargo says that it measures. Otherwise this is a test run, which only
    /// wants to see that it works
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match role() {
        Role::Main => match run(&Options::parse()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        },
        Role::Worker(parent) => parent.serve(worker),
    }
}

fn run(options: &Options) -> Result<()> {
    // Before this thread is pinned: then it has one core.
    let machine = Machine::this();
    // Where it is left to the kernel, two that sleep share a core in one run
    // and not in the next.
    let cores = Cores::choose(Some(Pin::Different))?;
    placement::pin(cores.near)?;
    let samples = measure(options, cores)?;
    println!("{}", samples.report(&machine));
    Ok(())
}

fn measure(options: &Options, cores: Cores) -> Result<Samples> {
    let (rounds, divisor) = options.effort();
    let rows = options.rows();
    let interrupt = Interrupt::hold()?;
    let watchdog = Watchdog::start();
    let progress = Progress::new(rows.len() * (rounds + 1));
    let mut samples = Samples::new(&rows);
    for round in 0..=rounds {
        for row in in_turn(round, &rows) {
            interrupt.check()?;
            let name = row.name();
            watchdog.now(&name);
            progress.now(&name);
            let seconds = near(&Job::new(row, cores, divisor))
                .with_context(|| format!("no figure of {name}"))?;
            progress.step();
            // The first round finds caches and clocks cold.
            if round > 0 {
                samples.add(row, seconds);
            }
        }
    }
    Ok(samples)
}

impl Options {
    fn rows(&self) -> Vec<Row> {
        let rows = ROWS.into_iter();
        rows.filter(|row| self.only.is_none_or(|it| it == row.group)).collect()
    }

    /// Rounds, and by what the number of messages is divided.
    fn effort(&self) -> (usize, u32) {
        match (self.bench, self.quick) {
            (false, _) => (1, 100),
            (true, true) => (self.rounds.min(3) as usize, 10),
            (true, false) => (self.rounds as usize, 1),
        }
    }
}

/// There and back again.
fn in_turn(round: usize, rows: &[Row]) -> Vec<Row> {
    let mut rows = rows.to_vec();
    if !round.is_multiple_of(2) {
        rows.reverse();
    }
    rows
}

/// The near end: seconds for a round trip, or for a message of a stream.
fn near(job: &Job) -> Result<f64> {
    match job.row.link {
        Link::Ring => ring::run(job),
        Link::Line => line::run(job),
        Link::Memcpy => memcpy::run(job),
        Link::Iceoryx2 => iceoryx2::run(job),
        Link::IpcTyped => {
            ipc_channel::run::<ipc_channel::Typed>(job, FarEnd::IpcTyped)
        }
        Link::IpcBytes => {
            ipc_channel::run::<ipc_channel::Bytes>(job, FarEnd::IpcBytes)
        }
    }
}

/// The far end.
fn worker((job, far_end): (Job, FarEnd), parent: &mut Parent) -> Result<()> {
    let _held_back = Interrupt::hold()?;
    placement::pin(job.plan.cores.far)?;
    match far_end {
        FarEnd::Ring(duplex) => ring::worker(&job, &duplex, parent),
        FarEnd::Line(duplex) => line::worker(&job, &duplex, parent),
        FarEnd::Memcpy(duplex) => memcpy::worker(&job, &duplex, parent),
        FarEnd::Iceoryx2(let_go) => iceoryx2::worker(&job, let_go, parent),
        FarEnd::IpcTyped => {
            ipc_channel::worker::<ipc_channel::Typed>(&job, parent)
        }
        FarEnd::IpcBytes => {
            ipc_channel::worker::<ipc_channel::Bytes>(&job, parent)
        }
    }
}
