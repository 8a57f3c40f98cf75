//! What is measured, and what the far end has to know about it.

use std::io::PipeReader;

use clap::ValueEnum;
use common::{
    arguments::name,
    goals::Bound,
    placement::Cores,
    scenarios::ipc::{Mechanism, Plan, Task, Waiting},
};
use process_kit::descriptor;
use serde::{Deserialize, Serialize};

use crate::duplex::Duplex;

/// The links that are compared with one another, in a table of their own.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Round trips between ends that spin
    RoundTripSpinning,
    /// Round trips between ends that sleep
    RoundTripSleeping,
    /// A stream of short messages
    StreamShort,
    /// A stream of long messages, written and read in place
    StreamInPlace,
    /// A stream of long messages, copied in and out
    StreamCopied,
}

impl Group {
    /// Its name in the table.
    pub fn title(self) -> &'static str {
        match self {
            Group::RoundTripSpinning => "round trip, 64 B, both ends spin",
            Group::RoundTripSleeping => "round trip, 64 B, both ends sleep",
            Group::StreamShort => "stream, 64 B",
            Group::StreamInPlace => "stream, 1 MiB, written and read in place",
            Group::StreamCopied => "stream, 1 MiB, copied in and out",
        }
    }

    /// What the messages do.
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

    /// Bytes per message.
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
    /// A cache line that announces the message and contains it.
    Line,
    /// A slot, and a counter that says when it is full.
    Memcpy,
    Iceoryx2,
    /// ipc-channel, with values that it encodes.
    IpcTyped,
    /// ipc-channel, with raw bytes.
    IpcBytes,
}

/// One row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub group: Group,
    pub link: Link,
}

/// The ring comes first in each group.
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
    /// Its name in progress and error messages.
    pub fn name(&self) -> String {
        format!("{}: {}", name(&self.group), self.label())
    }

    /// Its name in the table.
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
            (Link::IpcBytes, _) => "ipc-channel, bytes (sleeps)",
        }
    }

    /// What is asked of the ring, as a multiple of this link's figure: of the
    /// time of a round trip, of the rate of a stream.
    pub fn asked(&self) -> Option<Bound> {
        match (self.group, self.link) {
            (Group::RoundTripSpinning, Link::Line) => Some(Bound::AtMost(1.3)),
            (Group::RoundTripSpinning, Link::Iceoryx2) => {
                Some(Bound::AtMost(0.25))
            }
            (Group::RoundTripSleeping, Link::Line) => Some(Bound::AtMost(1.1)),
            (Group::StreamInPlace, Link::Iceoryx2) => {
                Some(Bound::AtLeast(0.95))
            }
            (Group::StreamCopied, Link::Memcpy) => Some(Bound::AtLeast(0.85)),
            _ => None,
        }
    }

    /// As many as take about a tenth of a second on a server from 2023.
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
    /// The name by which the far end finds the near end, if it needs one.
    pub address: String,
}

/// What the far end of each link is given besides its job.
#[derive(Serialize, Deserialize)]
pub enum FarEnd {
    Ring(Duplex),
    Line(Duplex),
    Memcpy(Duplex),
    /// When this is closed, the far end may exit.
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
            // Not used: the link is in the row.
            mechanism: Mechanism::Ring,
            waiting: group.waiting(),
            cores,
            messages: (row.messages() / divisor).max(4),
            seed: 1,
        };
        Job { row, plan, address: String::new() }
    }

    /// The same for a far end that needs a name.
    pub fn at(&self, address: &str) -> Self {
        Job { address: address.into(), ..self.clone() }
    }

    /// The messages of the warm-up.
    pub fn warm_up(&self) -> Plan {
        let messages = (self.plan.messages / 4).max(2);
        Plan { messages, ..self.plan }
    }
}
