//! When enough is measured, and what it says of the two sides.
//!
//! | module | holds |
//! |---|---|
//! | [`stopping`] | when a row is decided, although one looks again and again |
//! | [`finding`] | what a ratio means: numbers only |
//! | [`words`] | the same, as a person reads it |
//! | [`verdict`] | the rows of a scenario |
//! | [`look`](mod@look) | what is decided, and how many slices are next |
//! | [`schedule`] | which pair of programs comes next |
//! | [`results`] | all that was measured, now or read back from a file |
//! | [`beside`] | a scenario in two languages |
//! | [`disturbance`] | what may have disturbed the figures |
//! | [`change`] | what changed from one comparison to another |
//! | [`calibration`] | what the judge says of pairs whose truth is known |

pub mod beside;
pub mod calibration;
pub mod change;
pub mod disturbance;
pub mod finding;
pub mod look;
#[cfg(test)]
pub mod planted;
pub mod results;
pub mod schedule;
pub mod stopping;
pub mod verdict;
pub mod words;
