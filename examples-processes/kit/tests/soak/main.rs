//! Soak test: one end of a channel is stopped (SIGSTOP) and continued again and
//! again, at random moments, while messages flow; then it is killed while it is
//! stopped. No message may be lost, duplicated or torn, nothing may hang, and
//! the other end must learn that its peer is gone.
//!
//! One end belongs to this test, the other to a worker. In every other round
//! the worker sends, otherwise it receives; with an outbox it always receives.
//! It is hit at arbitrary points: in the middle of a copy, asleep in the
//! kernel, at a full or an empty channel. In half of the rounds our end is hit,
//! too, by signals that interrupt its waits (signal(7)).
//!
//! The messages, and the pauses of each end, follow from a seed; the scheduling
//! does not. In CI this takes a few seconds. For an hour:
//!
//! ```text
//! SOAK_SEED=$RANDOM SOAK_SECONDS=3600 \
//!     cargo test --release -p process-kit --test soak
//! ```
//!
//! | module | contains |
//! |---|---|
//! | this | the trials, and the worker |
//! | `round` | stopping, continuing and killing |
//! | `play` | what each end does |
//! | `ends` | sending and receiving over each transport |
//! | `message` | the messages |
//! | `meter`, `tally` | the counts |

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod ends;
mod message;
mod meter;
mod play;
mod round;
#[path = "../../src/guard/signal.rs"]
mod signal;
#[path = "../support/mod.rs"]
mod support;
mod tally;

use std::{
    env,
    process::ExitCode,
    str::FromStr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use common::ring::Manner;
use process_kit::{Parent, Role, role};
use serde::{Deserialize, Serialize};

use ends::{Access, Transport, Unused};
use message::Flow;
use meter::Meter;
use support::{DEADLINE, no_child_is_left, run, trial};
use tally::Tally;

/// For all transports together; more, if rounds of all kinds need more time to
/// meet everything they should.
const SECONDS: f64 = 6.0;

/// This many rounds with consecutive seeds cover all kinds.
const KINDS: u64 = 4;

const TRANSPORTS: [(&str, Transport); 8] = [
    ("pipe", Transport::Pipe),
    ("outbox", Transport::Outbox),
    ("spin_copied", Transport::RawRing(Manner::Spin, Access::Copied)),
    ("spin_in_place", Transport::RawRing(Manner::Spin, Access::InPlace)),
    ("park_copied", Transport::RawRing(Manner::SpinThenPark, Access::Copied)),
    (
        "park_in_place",
        Transport::RawRing(Manner::SpinThenPark, Access::InPlace),
    ),
    ("block_copied", Transport::RawRing(Manner::Block, Access::Copied)),
    ("block_in_place", Transport::RawRing(Manner::Block, Access::InPlace)),
];

fn main() -> ExitCode {
    if let Role::Worker(parent) = role() {
        return parent.serve(worker);
    }
    let trials = TRANSPORTS.map(|(name, transport)| {
        trial(format!("soak_{name}"), move || soak(name, transport))
    });
    run(trials.into())
}

/// What the worker of a round does.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Part {
    transport: Transport,
    seed: u64,
    sends: bool,
}

impl Part {
    /// The lowest bits of the seed determine the kind of the round.
    fn new(transport: Transport, seed: u64) -> Self {
        let sends = seed & 1 == 0 && transport != Transport::Outbox;
        Part { transport, seed, sends }
    }

    fn is_ours_interrupted(&self) -> bool {
        self.seed & 2 != 0
    }

    fn flow(&self) -> Flow {
        Flow { seed: self.seed, longest: self.transport.longest() }
    }
}

type Job = (Part, Meter, Unused);

fn worker((part, meter, end): Job, _parent: &mut Parent) -> Result<()> {
    let end = end.into_end(part.sends)?;
    play::play(end, part.flow(), &meter).map(|_| ())
}

/// Runs at least one round of each kind, as many rounds as there is time for,
/// and, within reason, as many as it takes to meet everything that should be
/// met.
fn soak(name: &str, transport: Transport) -> Result<()> {
    let first: u64 = variable("SOAK_SEED")?.unwrap_or_default();
    let seconds: Option<f64> = variable("SOAK_SECONDS")?;
    let share = seconds.unwrap_or(SECONDS) / TRANSPORTS.len() as f64;
    let tally = rounds(transport, first, share)?;
    if seconds.is_some() {
        eprintln!("{name}: {tally}");
    }
    tally.check(transport).with_context(|| format!("SOAK_SEED={first}"))?;
    no_child_is_left(Duration::ZERO)
}

fn rounds(transport: Transport, first: u64, seconds: f64) -> Result<Tally> {
    let (start, mut tally) = (Instant::now(), Tally::default());
    for seed in (0..).map(|round| first.wrapping_add(round)) {
        let is_kind_missing = seed.wrapping_sub(first) < KINDS;
        let is_over = start.elapsed().as_secs_f64() >= seconds;
        let is_met = tally.check(transport).is_ok();
        if !is_kind_missing
            && is_over
            && (is_met || start.elapsed() >= DEADLINE)
        {
            break;
        }
        tally += round::round(transport, seed).with_context(|| {
            format!("SOAK_SEED={seed} begins with the round that failed")
        })?;
    }
    Ok(tally)
}

/// The value of an environment variable, if it is set.
fn variable<T: FromStr>(name: &str) -> Result<Option<T>> {
    let Some(text) = env::var_os(name) else { return Ok(None) };
    let text = text.to_string_lossy();
    let value = text.parse().ok();
    value.with_context(|| format!("{name}={text} is no number")).map(Some)
}
