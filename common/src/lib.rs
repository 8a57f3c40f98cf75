#![doc = include_str!("../README.md")]
//!
//! # A map of the crate
//!
//! | module | holds |
//! |---|---|
//! | [`scenarios`] | the list of scenarios, and each one's input and work |
//! | [`demo`] | the frame of every `main`: arguments in, outcome out, exit status |
//! | [`arguments`] | the flags that every demo understands |
//! | [`outcome`] | what a demo prints, for a person and as JSON |
//! | `columns` | the tables that a demo prints |
//! | [`escaped`] | text from outside, as it may be shown |
//! | [`aligned`] | a vector that begins where mapped memory does |
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
//! | [`terminal`] | the keeper, which gives a terminal back after a SIGKILL |
//! | [`units`] | figures as people write them |
//!
//! Linux only: [`cgroup`], [`inherited`], [`lifeline`], [`machine`], [`placement`], [`resources`], the
//! futex of [`ring::memory`], and that [`scenarios::crash`] leaves no core.

pub mod aligned;
pub mod arguments;
pub mod cgroup;
mod columns;
#[cfg(feature = "databases")]
pub mod databases;
pub mod demo;
pub mod digest;
pub mod escaped;
pub mod estimate;
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
pub mod terminal;
pub mod units;
