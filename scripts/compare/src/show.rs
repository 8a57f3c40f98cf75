//! The pages: for a terminal, a browser, README.md; and the advice.
//!
//! | module | holds |
//! |---|---|
//! | [`comparison`] | all that is shown |
//! | [`answer`] | when to use which |
//! | [`table`] | the page for a terminal |
//! | [`report`] | the same with plots and sources, as one HTML file |
//! | [`readme`] | the table of results in README.md |
//! | [`advise`] | which side is for a task, by these results |
//! | [`side_by_side`] | the page of two comparisons |
//! | [`calibration`] | the page of a calibration |
//! | [`asked`] | the ids of all figures that anything rests on |
//! | [`shell`] | arguments as a person types them |

pub mod advise;
pub mod answer;
pub mod asked;
mod calibration;
pub mod comparison;
#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test may panic")]
mod hostile;
pub mod readme;
pub mod report;
pub mod shell;
pub mod side_by_side;
pub mod table;
