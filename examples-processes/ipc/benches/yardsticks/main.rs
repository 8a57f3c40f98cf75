//! The ring compared with other libraries: `cargo bench -p ipc-processes`.
//!
//! Two processes exchange the same messages through the ring, iceoryx2 and
//! ipc-channel, and through the bare minimum: a cache line, a futex, `memcpy`.
//! A table of round trips compares only links that wait in the same way: all of
//! them spin, or all of them sleep. In a stream, a link that sleeps is marked.
//!
//! A machine's speed drifts from minute to minute. So each round measures all
//! links, every other round in reverse order, and a ratio is the median of the
//! rounds' ratios. Each measurement creates both ends anew and goes through the
//! messages twice: once to warm up, with every message verified, and once
//! against the clock.

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

/// Compare the ring with other libraries.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Rounds, after a warm-up
    #[arg(long, value_name = "N", default_value_t = 9,
          value_parser = value_parser!(u32).range(1..))]
    rounds: u32,

    /// Use a tenth of the messages, and at most three rounds
    #[arg(long)]
    quick: bool,

    /// Measure only this table
    #[arg(long, value_name = "NAME", value_enum)]
    only: Option<Group>,

    /// Passed by cargo when it measures. Without it this is a test run, which
    /// only checks that the bench works
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
    // Before this thread is pinned: after that it has one core.
    let machine = Machine::this();
    // If it is left to the kernel, two ends that sleep share a core in one run
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
                .with_context(|| format!("cannot measure {name}"))?;
            progress.step();
            // Caches and clocks are cold in the first round.
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

    /// Rounds, and the divisor for the number of messages.
    fn effort(&self) -> (usize, u32) {
        match (self.bench, self.quick) {
            (false, _) => (1, 100),
            (true, true) => (self.rounds.min(3) as usize, 10),
            (true, false) => (self.rounds as usize, 1),
        }
    }
}

/// The rows of a round: every other round reverses them.
fn in_turn(round: usize, rows: &[Row]) -> Vec<Row> {
    let mut rows = rows.to_vec();
    if !round.is_multiple_of(2) {
        rows.reverse();
    }
    rows
}

/// The near end: seconds per round trip, or per message of a stream.
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
        FarEnd::Iceoryx2(release) => iceoryx2::worker(&job, release, parent),
        FarEnd::IpcTyped => {
            ipc_channel::worker::<ipc_channel::Typed>(&job, parent)
        }
        FarEnd::IpcBytes => {
            ipc_channel::worker::<ipc_channel::Bytes>(&job, parent)
        }
    }
}
