//! What is promised of the sources and of README, held against both.
//!
//! | module | holds |
//! |---|---|
//! | `floors` | the comparison imports downwards, and never in a circle |
//! | `no_timed_assertions` | no test depends on how fast a machine is |
//! | `phrase_book` | every row for Python leads to a line with its word |
//! | `readme` | what a command has written there is as it was written |
//! | `sibling_contract` | both sides of a pair have the same shape |

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod floors;
mod no_timed_assertions;
#[path = "../support/not_run.rs"]
mod not_run;
mod phrase_book;
mod readme;
mod sibling_contract;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "not every test needs all of the support")]
mod support;
