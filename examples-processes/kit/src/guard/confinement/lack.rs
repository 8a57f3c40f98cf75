//! What was asked for and is not in force, in words.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

/// What this kernel lacks for a confinement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lack {
    /// The kernel does not have Landlock, or a filter around this process hides
    /// it, as that of a container may.
    NoLandlock(Part),
    /// The kernel has Landlock, but it was not enabled at boot.
    LandlockIsOff(Part),
    /// The kernel's Landlock is too old for this part.
    OldLandlock {
        /// What is not confined.
        part: Part,
        /// The version of the kernel's interface.
        abi: u32,
        /// The first version that has this part.
        needed: u32,
    },
    /// Landlock does not take everything for TCP that is: Multipath TCP and TCP
    /// Fast Open connect, and listen(2) without bind(2) takes any free port.
    OtherWaysOfTcp,
    /// The last of these, where a filter closes the others.
    ListenWithoutBind,
    /// The limit on processes does not count for root (getrlimit(2)).
    ProcessesOfRoot,
    /// The kernel cannot filter system calls, or a filter around this process
    /// forbids it.
    NoFilter,
}

/// A part of a confinement that Landlock is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// Opening, creating and removing files.
    Files,
    /// Truncating files without opening them for that.
    Truncation,
    /// ioctl(2) on devices that may be opened.
    Devices,
    /// Connections to unix sockets that have a path.
    NamedSockets,
    /// TCP ports.
    Tcp,
    /// Signals, and connections to abstract unix sockets.
    Signals,
}

impl Display for Lack {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Lack::NoLandlock(part) => write!(
                to,
                "{part} not confined here: this kernel has no Landlock, or a \
                 filter hides it"
            ),
            Lack::LandlockIsOff(part) => write!(
                to,
                "{part} not confined here: this kernel's Landlock is off; add \
                 `landlock` to its parameter `lsm`"
            ),
            Lack::OldLandlock { part, abi, needed } => write!(
                to,
                "{part} not confined here: this kernel's Landlock is too old \
                 (ABI {abi}, {needed} needed)"
            ),
            Lack::OtherWaysOfTcp => to.write_str(
                "TCP is confined only in part: Landlock does not see Multipath \
                 TCP, TCP Fast Open, and listen(2) without bind(2); forbid \
                 them by `calls`",
            ),
            Lack::ListenWithoutBind => to.write_str(
                "TCP servers are confined only in part: Landlock does not see \
                 listen(2) without bind(2), which takes any free port",
            ),
            Lack::ProcessesOfRoot => to.write_str(
                "the number of processes is not limited here: the limit does \
                 not count for root; forbid processes by `calls`",
            ),
            Lack::NoFilter => to.write_str(
                "system calls are not confined here: this kernel has no \
                 seccomp filters for this processor, or a filter hides them",
            ),
        }
    }
}

/// With its verb.
impl Display for Part {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Part::Files => "files are",
            Part::Truncation => "truncating files is",
            Part::Devices => "the control of devices is",
            Part::NamedSockets => "unix sockets with a path are",
            Part::Tcp => "TCP is",
            Part::Signals => "signals and abstract unix sockets are",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_is_a_sentence_with_a_remedy_or_a_reason() {
        let old = Lack::OldLandlock { part: Part::Tcp, abi: 3, needed: 4 };
        assert_eq!(
            old.to_string(),
            "TCP is not confined here: this kernel's Landlock is too old (ABI \
             3, 4 needed)"
        );
        let none = Lack::NoLandlock(Part::Files).to_string();
        assert!(none.starts_with("files are not confined here: "), "{none}");
    }
}
