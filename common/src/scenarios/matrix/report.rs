//! What a worker reports about a database.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::databases::Version;

/// A worker's report about a database. It crosses a pipe where the worker is a
/// process; the projection, which is large, does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The result: the same for every worker.
    pub figures: Figures,
    /// The version of the database, before it was read.
    pub version: Version,
    /// Who did it, and when.
    pub timeline: Timeline,
}

/// The result without the projection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The name of the database.
    pub name: String,
    /// How many rows have a number in every numeric column.
    pub rows_used: usize,
    /// How many rows do not.
    pub rows_left_out: usize,
    /// The names of the numeric columns.
    pub columns_used: Vec<String>,
    /// The names of the other columns.
    pub columns_left_out: Vec<String>,
    /// The names of used columns that are constant only as floats: integers of
    /// 2^53 or more that differ in digits that a float cannot hold.
    pub columns_made_constant: Vec<String>,
    /// One per used column, the largest first.
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
    /// The rest of the work.
    pub transform: Span,
}

impl Timeline {
    /// The same on another machine's clock, which showed `there` when this one
    /// showed `here`, at some time before.
    pub fn on_clock(self, here: Duration, there: Duration) -> Self {
        let moved = |time: Duration| there + time.saturating_sub(here);
        let span =
            |Span { start, end }| Span { start: moved(start), end: moved(end) };
        Timeline {
            load: span(self.load),
            transform: span(self.transform),
            ..self
        }
    }
}

/// A span of time.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct Span {
    /// The start.
    pub start: Duration,
    /// The end.
    pub end: Duration,
}

impl Span {
    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.end.saturating_sub(self.start).as_secs_f64()
    }

    /// Start and end, in seconds since `zero`.
    pub fn since(&self, zero: Duration) -> [f64; 2] {
        let since = |time: Duration| time.saturating_sub(zero).as_secs_f64();
        [since(self.start), since(self.end)]
    }
}

/// A finished database. How the projection is stored differs between the
/// siblings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finished<P> {
    /// The worker's report.
    pub report: Report,
    /// The projection, column by column.
    pub projection: P,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_moved_to_the_other_clock() {
        let [of, to] = [[10, 12], [12, 15]].map(|[start, end]| Span {
            start: Duration::from_secs(start),
            end: Duration::from_secs(end),
        });
        let line = Timeline { worker: 1, load: of, transform: to };
        let [here, there] = [9, 100].map(Duration::from_secs);
        let moved = line.on_clock(here, there);
        assert_eq!(moved.load.start, Duration::from_secs(101));
        assert_eq!(moved.transform.end, Duration::from_secs(106));
        assert_eq!(moved.worker, 1);
    }
}
