//! When enough is measured, and how the two sides compare.
//!
//! | module | contents |
//! |---|---|
//! | [`stopping`] | when a row is decided, despite repeated looks |
//! | [`finding`] | what a ratio means: numbers only |
//! | [`words`] | the same as text |
//! | [`verdict`] | the rows of a scenario |
//! | [`look`](mod@look) | what is decided, and how many slices are next |
//! | [`schedule`] | which pair of programs comes next |
//! | [`results`] | everything measured, now or read back from a file |
//! | [`beside`] | a scenario in two languages |
//! | [`disturbance`] | what may have disturbed the figures |
//! | [`change`] | what changed between two comparisons |
//! | [`calibration`] | the judge's verdicts on pairs with a known truth |

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
