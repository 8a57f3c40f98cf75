#![doc = include_str!("README.md")]
//!
//! # The module
//!
//! Shared by both siblings: the series of measurements, the messages, what each
//! end does with them, and the outcome.

use std::time::Duration;

use clap::{Parser, ValueEnum, builder::RangedU64ValueParser};
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{self, Arguments, Common, Variants},
    machine,
    outcome::Model,
    placement::{Cores, Pin},
    ring::Manner,
};

mod message;
mod outcome;
mod work;

pub use message::{Message, Parcel, Reading, Transcript};
pub use outcome::{Finished, outcome};
pub use work::{
    EndReport, Receives, Sends, drain_in_place, far, near, pour_in_place, whole,
};

const EXAMPLES: &str = "\
Examples:
  PROGRAM                           every measurement
  PROGRAM --variant ring --size 64  one mechanism, one size
  PROGRAM --waiting spin            only with both ends spinning
  PROGRAM --pin different           each end on its own core
  PROGRAM --quick --json            for a script";

/// What does a message cost, by mechanism, size and way of waking?
#[derive(Debug, Parser)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    variants: Variants<Mechanism>,

    /// Bytes per message, a multiple of eight (repeatable)
    #[arg(long, value_name = "BYTES", default_values_t = SIZES,
          value_parser = parse_size)]
    size: Vec<usize>,

    /// Measure only this way of waiting
    #[arg(long, value_name = "KIND", value_enum)]
    waiting: Option<Waiting>,

    /// Pin both ends to one core, or to two [default: the kernel decides]
    #[arg(long, value_name = "WHERE", value_enum)]
    pin: Option<Pin>,

    /// Messages per measurement [default: for about 12 ms, so fewer for slower
    /// ones]
    #[arg(long, value_name = "N",
          value_parser = RangedU64ValueParser::<u32>::new().range(1..=1 << 30))]
    messages: Option<u32>,

    #[command(flatten)]
    common: Common,
}

/// A number, a cache line, a page, and more than any first-level cache has room
/// for.
const SIZES: [usize; 4] = [8, 64, 4096, 1 << 20];

/// The longest message, so that a typo does not use up all memory.
const LONGEST: usize = 16 << 20;

impl Arguments for Args {
    fn common(&self) -> &Common {
        &self.common
    }

    fn list(&self, model: Model) -> Option<String> {
        self.variants.list(|mechanism| mechanism.is_for(model))
    }

    fn check(&self, model: Model) -> Result<(), String> {
        let mut chosen = self.variants.chosen().into_iter();
        match chosen.find(|mechanism| mechanism.is_for(model)) {
            Some(_) if self.plans(model, Cores::default()).is_empty() => {
                Err("these flags leave nothing to measure: only a ring waits \
                     in every way, a cache-line holds no more than 64 bytes, \
                     and two ends on one core cannot spin"
                    .into())
            }
            Some(_) => Ok(()),
            None => Err(format!(
                "{model} have no such mechanism: see --list-variants"
            )),
        }
    }
}

impl Args {
    /// The cores for both ends.
    ///
    /// # Errors
    ///
    /// Fails if there are too few cores.
    pub fn cores(&self) -> anyhow::Result<Cores> {
        Cores::choose(self.pin)
    }

    /// The measurements of one side, in order.
    pub fn plans(&self, model: Model, cores: Cores) -> Vec<Plan> {
        let mut plans = Vec::new();
        for task in [Task::RoundTrip, Task::Stream] {
            for &size in &self.size {
                for mechanism in self.variants.chosen() {
                    for waiting in Waiting::ALL {
                        let plan =
                            self.plan(task, size, mechanism, waiting, cores);
                        plans.extend(Some(plan).filter(|plan| {
                            mechanism.is_for(model) && self.is_possible(plan)
                        }));
                    }
                }
            }
        }
        plans
    }

    fn plan(
        &self,
        task: Task,
        size: usize,
        mechanism: Mechanism,
        waiting: Waiting,
        cores: Cores,
    ) -> Plan {
        let quick = if self.common.quick { 4 } else { 1 };
        let usual = usual_messages(task, size, waiting) / quick;
        Plan {
            task,
            size,
            mechanism,
            waiting,
            cores,
            messages: self.messages.unwrap_or(usual.max(10)),
            seed: self.common.seed,
        }
    }

    /// Two ends that spin on one core wait for the kernel's next clock tick: a
    /// thousand times as long as anything else here, and not a property of the
    /// mechanism.
    fn is_possible(&self, plan: &Plan) -> bool {
        let one_core = self.pin == Some(Pin::Same) || machine::cores() == 1;
        plan.mechanism.waits(plan.waiting)
            && plan.mechanism.does(plan.task, plan.size)
            && self.waiting.is_none_or(|only| only == plan.waiting)
            && !(one_core && plan.waiting == Waiting::Spin)
    }
}

/// How a message gets from one end to the other.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// The bare minimum: the message is in the cache line that announces it
    CacheLine,
    /// The ring, with messages copied in and out
    Ring,
    /// The ring, with messages written and read in place
    RingInPlace,
    /// A crossbeam channel with room for a few messages
    Bounded,
    /// An unbounded crossbeam channel
    Unbounded,
    /// A crossbeam channel with no buffer: both ends meet
    Rendezvous,
    /// The bounded channel of the standard library
    Mpsc,
    /// A queue under a Mutex, with Condvars to wait on
    Condvar,
    /// A kernel pipe
    Pipe,
    /// A Unix stream socket
    UnixStream,
    /// A Unix socket that preserves message boundaries
    UnixSeqpacket,
}

impl Mechanism {
    /// The only side that has it, or none if both do.
    pub fn only(self) -> Option<Model> {
        match self {
            Mechanism::CacheLine | Mechanism::Ring | Mechanism::RingInPlace => {
                None
            }
            Mechanism::Bounded
            | Mechanism::Unbounded
            | Mechanism::Rendezvous
            | Mechanism::Mpsc
            | Mechanism::Condvar => Some(Model::Threads),
            Mechanism::Pipe
            | Mechanism::UnixStream
            | Mechanism::UnixSeqpacket => Some(Model::Processes),
        }
    }

    fn is_for(self, model: Model) -> bool {
        self.only().is_none_or(|only| only == model)
    }

    /// The ways of waiting to choose from, or the only one it has.
    fn waits(self, waiting: Waiting) -> bool {
        match self {
            Mechanism::Ring => true,
            Mechanism::RingInPlace => waiting == Waiting::Spin,
            Mechanism::CacheLine => waiting != Waiting::SpinThenPark,
            Mechanism::Bounded
            | Mechanism::Unbounded
            | Mechanism::Rendezvous
            | Mechanism::Mpsc => waiting == Waiting::SpinThenPark,
            Mechanism::Condvar
            | Mechanism::Pipe
            | Mechanism::UnixStream
            | Mechanism::UnixSeqpacket => waiting == Waiting::Block,
        }
    }

    /// A cache line has no room for a second message, and so for no stream; nor
    /// does a rendezvous, where every message is a meeting. Writing in place
    /// only matters for streams: in a round trip the message is ready before
    /// the clock starts.
    fn does(self, task: Task, size: usize) -> bool {
        match self {
            Mechanism::CacheLine => task == Task::RoundTrip && size <= 64,
            Mechanism::RingInPlace => task == Task::Stream,
            Mechanism::Rendezvous => task == Task::RoundTrip,
            _ => true,
        }
    }
}

/// What an end does while no message is there.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    ValueEnum,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Waiting {
    /// Keep checking
    Spin,
    /// Keep checking for a while, then sleep
    SpinThenPark,
    /// Sleep at once
    Block,
}

impl Waiting {
    const ALL: [Waiting; 3] =
        [Waiting::Spin, Waiting::SpinThenPark, Waiting::Block];

    /// The same, as a ring calls it.
    pub fn manner(self) -> Manner {
        match self {
            Waiting::Spin => Manner::Spin,
            Waiting::SpinThenPark => Manner::SpinThenPark,
            Waiting::Block => Manner::Block,
        }
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// One message there, one back: how long does that take?
    RoundTrip,
    /// Message after message, written and read: how many per second?
    Stream,
}

/// A measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What is measured.
    pub task: Task,
    /// Bytes per message.
    pub size: usize,
    /// The mechanism.
    pub mechanism: Mechanism,
    /// How an end waits.
    pub waiting: Waiting,
    /// Where both ends run.
    pub cores: Cores,
    /// The number of messages, one way.
    pub messages: u32,
    /// The seed of their contents.
    pub seed: u64,
}

impl Plan {
    /// How many messages fit between the ends: one if each waits for its
    /// answer, otherwise enough to keep both ends busy, but no more than the
    /// caches have room for.
    pub fn room(&self) -> usize {
        match self.task {
            Task::RoundTrip => 1,
            Task::Stream => (STREAM_BYTES / self.size).clamp(4, 4096),
        }
    }

    /// Bytes of a ring with that much room.
    pub fn capacity(&self) -> usize {
        let record = self.size.next_multiple_of(64);
        (self.room() * record).max(LEAST_CAPACITY).next_power_of_two()
    }

    /// Words in a message.
    pub fn words(&self) -> usize {
        self.size / size_of::<u64>()
    }

    /// The name in the progress report: `64 B, ring, both ends spin`.
    pub fn name(&self) -> String {
        format!("{}, {}", bytes(self.size), self.variant())
    }

    /// The name in ids: `ring.spin`; or `ring.block.one-core` if both ends are
    /// pinned to one core.
    fn key(&self) -> String {
        let mechanism = arguments::name(&self.mechanism);
        let waiting = arguments::name(&self.waiting);
        let place = match (self.cores.near, self.cores.far) {
            (Some(near), Some(far)) if near == far => ".one-core",
            _ => "",
        };
        format!("{mechanism}.{waiting}{place}")
    }

    /// The name with the figures: `ring, both ends spin`; with the number of
    /// cores if the ends are pinned: `ring, both ends sleep, two cores`.
    fn variant(&self) -> String {
        let mechanism = arguments::name(&self.mechanism);
        let waiting = outcome::words(self.waiting);
        let where_they_run = match (self.cores.near, self.cores.far) {
            (Some(near), Some(far)) if near == far => ", one core",
            (Some(_), Some(_)) => ", two cores",
            _ => "",
        };
        format!("{mechanism}, {waiting}{where_they_run}")
    }
}

/// Bytes in flight in a stream, for short messages.
const STREAM_BYTES: usize = 1 << 18;

/// A page, the size of the smallest mapping anyway.
const LEAST_CAPACITY: usize = 4096;

/// As many as take about 12 ms, or 3 ms with `--quick`, on a server of 2023
/// with the mechanisms that wait this way. It must not depend on the mechanism:
/// so each of them, on both sides, carries the same messages.
fn usual_messages(task: Task, size: usize, waiting: Waiting) -> u32 {
    let (fixed, each_byte) = match (task, waiting) {
        (Task::RoundTrip, Waiting::Spin) => (500.0, 0.3),
        (Task::RoundTrip, Waiting::SpinThenPark) => (10_000.0, 0.3),
        (Task::RoundTrip, Waiting::Block) => (25_000.0, 0.5),
        (Task::Stream, Waiting::Spin) => (40.0, 0.1),
        (Task::Stream, Waiting::SpinThenPark) => (100.0, 0.15),
        (Task::Stream, Waiting::Block) => (500.0, 0.25),
    };
    let nanoseconds = fixed + each_byte * size as f64;
    let budget = Duration::from_millis(12).as_nanos() as f64;
    (budget / nanoseconds) as u32
}

/// `64 B`, `4 KiB`, `1 MiB`.
fn bytes(size: usize) -> String {
    match size {
        size if size.is_multiple_of(1 << 20) => format!("{} MiB", size >> 20),
        size if size.is_multiple_of(1 << 10) => format!("{} KiB", size >> 10),
        size => format!("{size} B"),
    }
}

fn parse_size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(size @ 8..=LONGEST) if size.is_multiple_of(8) => Ok(size),
        _ => Err(format!(
            "must be a multiple of eight bytes, from 8 to {LONGEST}"
        )),
    }
}
