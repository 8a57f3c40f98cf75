//! What both siblings of a pair share. **It starts nothing**: no thread and
//! no process, so that the mechanism is always in the sibling, in full view.
//!
//! # The sibling contract
//!
//! Every scenario is one program written twice, and these rules keep the two
//! texts comparable. `scripts/compare/tests/sibling_contract.rs` holds every
//! pair to 1, 2, 3 and 7.
//!
//! 1. Same file names, same function names in the same order: `main`, `run`,
//!    `worker`, helpers below. A scenario with variants gives each its file.
//! 2. Same five header lines: what, `Here:`, `There:`, `Watch:`, `Run:`.
//! 3. Same flags, from the one `Args` of the scenario in this crate.
//! 4. Input, work and the expected answer come from this crate.
//! 5. Same laps in the same places, see [`laps::Laps`]; one gate releases all
//!    workers at once.
//! 6. The answer is checked after the clock stops, against a serial
//!    reference, or against the answer of a run that was checked so. A wrong
//!    answer is an error, and then there is no outcome.
//! 7. A line that exists because of the mechanism says so at its end:
//!    `// threads: …` or `// processes: …`.
//! 8. Threads live in scopes; a child process is owned by a guard that kills
//!    and reaps it. No run leaves anything behind, however it ends.
//! 9. `main` of a process sibling shows the role it plays: parent, or worker.
//!
//! # A map of the crate
//!
//! | module | holds |
//! |---|---|
//! | [`scenarios`] | the list of scenarios, and each one's input and work |
//! | [`demo`] | the frame of every `main`: arguments in, outcome out, exit status |
//! | [`arguments`] | the flags that every demo understands |
//! | [`outcome`] | what a demo prints, for a person and as JSON |
//! | [`escaped`] | text from outside, as it may be shown |
//! | [`aligned`] | a vector that begins where mapped memory does |
//! | [`gate`] | where threads start together |
//! | [`laps`] | start, work, stop: the clock of both siblings |
//! | [`estimate`] | medians and intervals of what was measured in rounds |
//! | [`latency`] | the quantiles of many short times |
//! | [`path_bytes`] | a path in a message |
//! | [`placement`] | which core an end runs on |
//! | [`ring`] | messages through memory that two threads or processes share |
//! | [`resources`] | CPU time, context switches, page faults, memory |
//! | [`inherited`] | signals and limits that a program is started with |
//! | [`cgroup`] | what a container leaves to it |
//! | [`machine`] | where a figure was measured |
//! | [`supervision`] | the rules of a pool, and what became of its jobs |
//! | [`progress`] | the bar on a terminal |
//! | [`input`] | seeded random input that any language repeats in ten lines |
//! | `databases` | the six that are generated, behind a feature |
//! | [`digest`] | the fingerprint of an answer |
//! | [`lifeline`] | how a program learns that the one which started it is gone |
//! | [`slices`] | a program that stays, and is told what to do next |
//! | [`units`] | figures as people write them |
//!
//! Linux only: [`cgroup`], [`inherited`], [`lifeline`], [`machine`], [`placement`], [`resources`], the
//! futex of [`ring::memory`], and that [`scenarios::crash`] leaves no core.

pub mod aligned;
pub mod arguments;
pub mod cgroup;
#[cfg(feature = "databases")]
pub mod databases;
pub mod demo;
pub mod digest;
pub mod escaped;
pub mod estimate;
pub mod gate;
pub mod inherited;
pub mod input;
pub mod laps;
pub mod latency;
pub mod lifeline;
pub mod machine;
pub mod outcome;
pub mod path_bytes;
pub mod placement;
pub mod progress;
pub mod resources;
pub mod ring;
pub mod scenarios;
pub mod slices;
pub mod supervision;
pub mod units;
