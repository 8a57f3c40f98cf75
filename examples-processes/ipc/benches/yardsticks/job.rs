//! What is measured, and what a far end has to know of it.

use std::io::PipeReader;

use clap::ValueEnum;
use common::{
    arguments::name,
    placement::Cores,
    scenarios::ipc::{Mechanism, Plan, Task, Waiting},
};
use process_kit::descriptor;
use serde::{Deserialize, Serialize};

use crate::duplex::Duplex;

/// What is compared with one another, in a table of its own.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Round trips between two that spin
    RoundTripSpinning,
    /// Round trips between two that sleep
    RoundTripSleeping,
    /// Short messages, one after the other
    StreamShort,
    /// Long messages, filled and read where they are
    StreamInPlace,
    /// Long messages, copied in and out
    StreamCopied,
}

impl Group {
    /// As the table names it.
    pub fn title(self) -> &'static str {
        match self {
            Group::RoundTripSpinning => "round trip, 64 B, both ends spin",
            Group::RoundTripSleeping => "round trip, 64 B, both ends sleep",
            Group::StreamShort => "stream, 64 B",
            Group::StreamInPlace => "stream, 1 MiB, written and read in place",
            Group::StreamCopied => "stream, 1 MiB, copied in and out",
        }
    }

    /// What each message does.
    pub fn task(self) -> Task {
        match self {
            Group::RoundTripSpinning | Group::RoundTripSleeping => {
                Task::RoundTrip
            }
            Group::StreamShort | Group::StreamInPlace | Group::StreamCopied => {
                Task::Stream
            }
        }
    }

    /// Bytes of a message.
    pub fn size(self) -> usize {
        match self {
            Group::StreamInPlace | Group::StreamCopied => 1 << 20,
            _ => 64,
        }
    }

    fn waiting(self) -> Waiting {
        match self {
            Group::RoundTripSleeping => Waiting::Block,
            _ => Waiting::Spin,
        }
    }
}

/// How a message gets from one end to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    /// Ours.
    Ring,
    /// The line that says that a message is there, and holds it.
    Line,
    /// A slot, and a counter that says that it is full.
    Memcpy,
    Iceoryx2,
    /// ipc-channel with values that it encodes.
    IpcTyped,
    /// ipc-channel with bytes as they are.
    IpcBytes,
}

/// One row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub group: Group,
    pub link: Link,
}

/// The ring is the first of each group.
pub const ROWS: [Row; 15] = [
    row(Group::RoundTripSpinning, Link::Ring),
    row(Group::RoundTripSpinning, Link::Line),
    row(Group::RoundTripSpinning, Link::Iceoryx2),
    row(Group::RoundTripSleeping, Link::Ring),
    row(Group::RoundTripSleeping, Link::Line),
    row(Group::RoundTripSleeping, Link::IpcTyped),
    row(Group::RoundTripSleeping, Link::IpcBytes),
    row(Group::StreamShort, Link::Ring),
    row(Group::StreamShort, Link::Iceoryx2),
    row(Group::StreamShort, Link::IpcBytes),
    row(Group::StreamInPlace, Link::Ring),
    row(Group::StreamInPlace, Link::Iceoryx2),
    row(Group::StreamCopied, Link::Ring),
    row(Group::StreamCopied, Link::Memcpy),
    row(Group::StreamCopied, Link::IpcBytes),
];

const fn row(group: Group, link: Link) -> Row {
    Row { group, link }
}

impl Row {
    /// For whoever waits for it.
    pub fn name(&self) -> String {
        format!("{}: {}", name(&self.group), self.label())
    }

    /// As the table names it.
    pub fn label(&self) -> &'static str {
        match (self.link, self.group) {
            (Link::Ring, Group::RoundTripSpinning) => "ring, spin",
            (Link::Ring, Group::RoundTripSleeping) => "ring, block",
            (Link::Ring, Group::StreamInPlace) => "ring, reserve and receive",
            (Link::Ring, _) => "ring, send and receive_into",
            (Link::Line, Group::RoundTripSleeping) => "bare futex",
            (Link::Line, _) => "bare cache line",
            (Link::Memcpy, _) => "memcpy, in and out of slots",
            (Link::Iceoryx2, Group::StreamInPlace) => "iceoryx2, loan",
            (Link::Iceoryx2, _) => "iceoryx2, polling",
            (Link::IpcTyped, _) => "ipc-channel, typed",
            (Link::IpcBytes, Group::RoundTripSleeping) => "ipc-channel, bytes",
            (Link::IpcBytes, _) => "ipc-channel, bytes (it sleeps)",
        }
    }

    /// What the ring is asked for beside this: in a round trip at most so
    /// many times its time, in a stream at least so many times its rate.
    pub fn asked(&self) -> Option<f64> {
        match (self.group, self.link) {
            (Group::RoundTripSpinning, Link::Line) => Some(1.3),
            (Group::RoundTripSleeping, Link::Line) => Some(1.1),
            (Group::StreamInPlace, Link::Iceoryx2) => Some(0.9),
            (Group::StreamCopied, Link::Memcpy) => Some(0.85),
            _ => None,
        }
    }

    /// As many as take about a tenth of a second on a server of 2023.
    fn messages(&self) -> u32 {
        match (self.group, self.link) {
            (Group::RoundTripSpinning, _) => 200_000,
            (Group::RoundTripSleeping, _) => 4_000,
            (Group::StreamShort, Link::Ring) => 4_000_000,
            (Group::StreamShort, Link::IpcBytes) => 20_000,
            (Group::StreamShort, _) => 1_000_000,
            (Group::StreamInPlace, _) => 1_000,
            (Group::StreamCopied, Link::IpcBytes) => 100,
            (Group::StreamCopied, _) => 1_000,
        }
    }
}

/// One measurement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    pub row: Row,
    pub plan: Plan,
    /// Where the far end finds the near one, if it is known by a name.
    pub address: String,
}

/// What the far end of each link is given beside its job.
#[derive(Serialize, Deserialize)]
pub enum FarEnd {
    Ring(Duplex),
    Line(Duplex),
    Memcpy(Duplex),
    /// When this is closed, it may end.
    Iceoryx2(#[serde(with = "descriptor")] PipeReader),
    IpcTyped,
    IpcBytes,
}

impl Job {
    pub fn new(row: Row, cores: Cores, divisor: u32) -> Self {
        let group = row.group;
        let plan = Plan {
            task: group.task(),
            size: group.size(),
            // Nothing depends on it: the link is in the row.
            mechanism: Mechanism::Ring,
            waiting: group.waiting(),
            cores,
            messages: (row.messages() / divisor).max(4),
            seed: 1,
        };
        Job { row, plan, address: String::new() }
    }

    /// The same for a far end that has to know a name.
    pub fn at(&self, address: &str) -> Self {
        Job { address: address.into(), ..self.clone() }
    }

    /// The messages that come before those that count.
    pub fn warm_up(&self) -> Plan {
        let messages = (self.plan.messages / 4).max(2);
        Plan { messages, ..self.plan }
    }
}
