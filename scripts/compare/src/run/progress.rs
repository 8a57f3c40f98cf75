//! The progress line on a terminal while the comparison runs. Elsewhere it is
//! silent: `indicatif` draws on stderr, and only if that is a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::run::session::Session;

/// The progress of the comparison.
///
/// The line is drawn between the pairs, in this thread. A ticking bar would be
/// a thread of its own that wakes up in the middle of a measurement.
#[derive(Debug)]
pub struct Progress {
    line: ProgressBar,
    end: Instant,
}

impl Progress {
    /// For a measurement that ends at this time.
    pub fn until(end: Instant) -> Self {
        let line = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            line.set_style(style);
        }
        Progress { line, end }
    }

    /// Shows that a pair starts.
    pub fn show(&self, session: &Session) {
        let left = self.end.saturating_duration_since(Instant::now());
        let left = match left.is_zero() {
            true => "finishing the first look at each figure".into(),
            false => format!("about {} left", roughly(left)),
        };
        let series = session.measured.last().map(|it| it.plan.series);
        let series = series.unwrap_or_default();
        self.line.set_message(format!(
            "{series}{} · pair {} · {left}",
            session.name(),
            session.pairs + 1,
        ));
    }
}

/// Clears the line before the table is printed.
impl Drop for Progress {
    fn drop(&mut self) {
        self.line.finish_and_clear();
    }
}

/// In steps of five seconds, and in minutes from two minutes on.
pub fn roughly(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 120.0 => {
            format!("{:.0} s", (seconds / 5.0).ceil() * 5.0)
        }
        seconds => format!("{:.0} min", seconds / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_promises_no_more_than_it_knows() {
        let seconds = |seconds| roughly(Duration::from_secs_f64(seconds));
        assert_eq!(seconds(0.2), "5 s");
        assert_eq!(seconds(36.0), "40 s");
        assert_eq!(seconds(119.0), "120 s");
        assert_eq!(seconds(200.0), "3 min");
    }
}
