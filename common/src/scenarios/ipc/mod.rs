//! What does a message cost, by mechanism, size and way of waking?
//!
//! One end, the near one, is the program's own thread; the other, the far
//! one, is the worker. What both siblings share: the ladder of measurements,
//! the messages, what an end does with them, and the outcome.

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
  PROGRAM                           the whole ladder
  PROGRAM --variant ring --size 64  one mechanism, one size
  PROGRAM --waiting spin            only where nobody sleeps
  PROGRAM --pin different           each end on a core of its own
  PROGRAM --quick --json            for a script";

/// What does a message cost, by mechanism, size and way of waking?
#[derive(Debug, Parser)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    variants: Variants<Mechanism>,

    /// Bytes of a message, a multiple of eight (repeatable)
    #[arg(long, value_name = "BYTES", default_values_t = SIZES,
          value_parser = parse_size)]
    size: Vec<usize>,

    /// Measure only with this way of waiting
    #[arg(long, value_name = "KIND", value_enum)]
    waiting: Option<Waiting>,

    /// Keep both ends on one core, or on two [default: as the kernel likes]
    #[arg(long, value_name = "WHERE", value_enum)]
    pin: Option<Pin>,

    /// Messages of each measurement [default: for about 12 ms, so fewer of
    /// those that take longer]
    #[arg(long, value_name = "N",
          value_parser = RangedU64ValueParser::<u32>::new().range(1..=1 << 30))]
    messages: Option<u32>,

    #[command(flatten)]
    common: Common,
}

/// A number, a word, a page, and what no cache of the first level holds.
const SIZES: [usize; 4] = [8, 64, 4096, 1 << 20];

/// The longest message, so that a slip of the finger does not take all memory.
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
                Err("these flags leave no measurement: only a ring waits in \
                     every way, a cache-line holds no more than 64 bytes, and \
                     two ends on one core cannot spin"
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
    /// The cores of both ends.
    ///
    /// # Errors
    ///
    /// Fails if there are too few.
    pub fn cores(&self) -> anyhow::Result<Cores> {
        Cores::choose(self.pin)
    }

    /// The measurements of one side, one after the other.
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

    /// Two ends that spin on one core wait for the clock tick of the kernel:
    /// a thousand times as long as anything here, and no property of theirs.
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
    /// The bare limit: the message is in the line that says it is there
    CacheLine,
    /// The ring, with messages copied in and out
    Ring,
    /// The ring, with messages filled and read in place
    RingInPlace,
    /// A channel of crossbeam with room for a few
    Bounded,
    /// A channel of crossbeam with room for all
    Unbounded,
    /// A channel of crossbeam with room for none: both ends meet
    Rendezvous,
    /// The bounded channel of the standard library
    Mpsc,
    /// A queue under a Mutex, and Condvars to wait on
    Condvar,
    /// A pipe of the kernel
    Pipe,
    /// A stream socket between processes
    UnixStream,
    /// A socket that keeps messages apart
    UnixSeqpacket,
}

impl Mechanism {
    /// The one side that has it, if not both have.
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

    /// The ways of waiting that can be chosen, or the one that it has.
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

    /// A line has no room for a second message, and so for no stream; nor has
    /// a rendezvous, whose every message is a meeting. What is filled in place
    /// is a matter of streams: in a round trip the message is ready before the
    /// clock starts.
    fn does(self, task: Task, size: usize) -> bool {
        match self {
            Mechanism::CacheLine => task == Task::RoundTrip && size <= 64,
            Mechanism::RingInPlace => task == Task::Stream,
            Mechanism::Rendezvous => task == Task::RoundTrip,
            _ => true,
        }
    }
}

/// What an end does while there is nothing for it.
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
    /// Look again and again
    Spin,
    /// Look for a while, then sleep
    SpinThenPark,
    /// Sleep at once
    Block,
}

impl Waiting {
    const ALL: [Waiting; 3] =
        [Waiting::Spin, Waiting::SpinThenPark, Waiting::Block];

    /// The same for a ring.
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
    /// One message there, one back: how long until the answer is here?
    RoundTrip,
    /// Message after message, written and read: how many in a second?
    Stream,
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What is measured.
    pub task: Task,
    /// Bytes of a message.
    pub size: usize,
    /// How it travels.
    pub mechanism: Mechanism,
    /// How an end waits.
    pub waiting: Waiting,
    /// Where the ends run.
    pub cores: Cores,
    /// How many messages go there.
    pub messages: u32,
    /// Where their contents come from.
    pub seed: u64,
}

impl Plan {
    /// Messages that fit between the ends: one if the next comes after the
    /// answer, otherwise as many as keep both ends busy, but no more than
    /// the caches hold.
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

    /// As the progress names it: `64 B, ring, spin`.
    pub fn name(&self) -> String {
        format!("{}, {}", bytes(self.size), self.variant())
    }

    /// As ids name it: `ring.spin`; and `ring.block.one-core`, if both ends are
    /// kept on one.
    fn key(&self) -> String {
        let mechanism = arguments::name(&self.mechanism);
        let waiting = arguments::name(&self.waiting);
        let place = match (self.cores.near, self.cores.far) {
            (Some(near), Some(far)) if near == far => ".one-core",
            _ => "",
        };
        format!("{mechanism}.{waiting}{place}")
    }

    /// As the figures name it: `ring, spin`; and, if that is not left to the
    /// kernel, on how many cores: `ring, block, two cores`.
    fn variant(&self) -> String {
        let mechanism = arguments::name(&self.mechanism);
        let waiting = arguments::name(&self.waiting);
        let where_they_run = match (self.cores.near, self.cores.far) {
            (Some(near), Some(far)) if near == far => ", one core",
            (Some(_), Some(_)) => ", two cores",
            _ => "",
        };
        format!("{mechanism}, {waiting}{where_they_run}")
    }
}

/// Bytes on their way in a stream, where messages are short.
const STREAM_BYTES: usize = 1 << 18;

/// A page, which the least mapping takes anyway.
const LEAST_CAPACITY: usize = 4096;

/// As many as take about 12 ms, or 3 ms with `--quick`, on a server of 2023 by
/// the mechanisms that wait so. It must not depend on the mechanism: then every one of them, on
/// either side, carries the same messages.
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
            "a multiple of eight bytes is needed, from 8 to {LONGEST}"
        )),
    }
}
