//! What is promised of the sources and of README, held against both.
//!
//! | module | holds |
//! |---|---|
//! | `floors` | the comparison imports downwards, and never in a circle |
//! | `ids` | every id that anything rests on is measured |
//! | `no_timed_assertions` | no test depends on how fast a machine is |
//! | `phrase_book` | every row for Python leads to a line with its word |
//! | `readme` | what a command has written there is as it was written |
//! | `sibling_contract` | both sides of a pair have the same shape |

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../support/cpython.rs"]
mod cpython;
mod floors;
mod ids;
mod no_timed_assertions;
#[path = "../support/not_run.rs"]
mod not_run;
#[path = "../support/patience.rs"]
mod patience;
mod phrase_book;
mod readme;
mod sibling_contract;
#[path = "../support/mod.rs"]
mod support;
