//! The pages for terminal, browser and README.md; the advice.
//!
//! | module | contents |
//! |---|---|
//! | [`comparison`] | everything that is shown |
//! | [`answer`] | when to use which |
//! | [`table`] | the page for a terminal |
//! | [`report`] | the same with plots and sources, as one HTML file |
//! | [`readme`] | the table of results in README.md |
//! | [`advise`] | which side suits a task, by these results |
//! | [`side_by_side`] | the page of two comparisons |
//! | [`calibration`] | the page of a calibration |
//! | [`asked`] | the ids of all figures that are used anywhere |
//! | [`layout`] | text in columns |
//! | [`shell`] | arguments as typed in a shell |

pub mod advise;
pub mod answer;
pub mod asked;
mod calibration;
pub mod comparison;
#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test may panic")]
mod hostile;
pub mod layout;
pub mod readme;
pub mod report;
pub mod shell;
pub mod side_by_side;
pub mod table;
