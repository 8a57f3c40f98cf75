//! What is known of a database when its worker is done.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::databases::Version;

/// What a worker says of a database. It crosses a pipe where the worker is a
/// process; the projection, which is large, does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What came out: the same whoever did it.
    pub figures: Figures,
    /// The database's, before it was read.
    pub version: Version,
    /// Who did it, and when.
    pub timeline: Timeline,
}

/// What came out, but for the projection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The database.
    pub name: String,
    /// How many rows have a number in every numeric column.
    pub rows_used: usize,
    /// How many rows have not.
    pub rows_left_out: usize,
    /// The names of the numeric columns.
    pub columns_used: Vec<String>,
    /// The names of the others.
    pub columns_left_out: Vec<String>,
    /// The names of those used that are constant only as floats: integers from
    /// 2^53 on, which differ in what a float has no room for.
    pub columns_made_constant: Vec<String>,
    /// One for each column used, the largest first.
    pub eigenvalues: Vec<f64>,
    /// How many components the projection has.
    pub components_kept: usize,
}

/// Who did it, and when, by [`monotonic`](crate::laps::monotonic).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// The number of the worker.
    pub worker: usize,
    /// Reading the table.
    pub load: Span,
    /// Everything after that.
    pub transform: Span,
}

/// From when to when.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct Span {
    /// From when.
    pub start: Duration,
    /// To when.
    pub end: Duration,
}

impl Span {
    /// How long, in seconds.
    pub fn seconds(&self) -> f64 {
        self.end.saturating_sub(self.start).as_secs_f64()
    }

    /// Start and end, in seconds since `zero`.
    pub fn since(&self, zero: Duration) -> [f64; 2] {
        let since = |time: Duration| time.saturating_sub(zero).as_secs_f64();
        [since(self.start), since(self.end)]
    }
}

/// A database that is done. How the projection is held differs between the
/// siblings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finished<P> {
    /// What the worker says.
    pub report: Report,
    /// The projection, column by column.
    pub projection: P,
}
