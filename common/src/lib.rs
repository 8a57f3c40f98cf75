#![doc = include_str!("../README.md")]
//!
//! # A map of the crate
//!
//! | module | contents |
//! |---|---|
//! | [`scenarios`] | the list of scenarios, with the input and work of each |
//! | [`demo`] | the frame of every `main`: arguments in, outcome out, exit status |
//! | [`arguments`] | the flags that every demo understands |
//! | [`outcome`] | what a demo prints, for a person and as JSON |
//! | `columns` | the tables that a demo prints |
//! | [`escaped`] | untrusted text, made safe to print |
//! | [`aligned`] | a vector aligned to a cache line, as mapped memory is |
//! | [`laps`] | start, work, stop: the clock of both siblings |
//! | [`goals`] | what a bench asks of itself |
//! | [`estimate`] | medians and confidence intervals of paired rounds |
//! | [`latency`] | the quantiles of many short times |
//! | [`path_bytes`] | a path in a message |
//! | [`placement`] | which core a thread runs on |
//! | [`ring`] | messages through memory shared by two threads or processes |
//! | [`resources`] | CPU time, context switches, page faults, memory |
//! | [`inherited`] | signals and limits inherited from the parent |
//! | [`cgroup`] | the memory limit of a container |
//! | [`machine`] | where a figure was measured |
//! | [`supervision`] | the rules of a pool, and the results of its jobs |
//! | [`progress`] | the progress bar on a terminal |
//! | [`input`] | seeded random input that any language reproduces in ten lines |
//! | `databases` | the six generated databases, behind a feature |
//! | [`digest`] | the fingerprint of an answer |
//! | [`lifeline`] | how a program learns that its parent is gone |
//! | [`slices`] | a program that keeps running and serves requests |
//! | [`terminal`] | the keeper, which restores a terminal after a SIGKILL |
//! | [`units`] | human-readable figures |
//!
//! Linux only: [`cgroup`], [`inherited`], [`lifeline`], [`machine`],
//! [`placement`], [`resources`], the futex of [`ring::memory`], and the
//! suppression of core dumps in [`scenarios::crash`].

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
pub mod goals;
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
