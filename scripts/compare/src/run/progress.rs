//! The progress of the comparison: a line that `indicatif` redraws if stderr is
//! a terminal, and otherwise a new line now and then.

use std::{
    cell::Cell,
    io::{IsTerminal as _, Write as _, stderr},
    time::{Duration, Instant},
};

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
    /// When the next line is due, if stderr is no terminal.
    due: Cell<Option<Instant>>,
}

/// How often something is printed where no line can be redrawn.
const PACE: Duration = Duration::from_secs(15);

impl Progress {
    /// For a measurement that ends at this time.
    pub fn until(end: Instant) -> Self {
        let line = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            line.set_style(style);
        }
        let is_log = !stderr().is_terminal();
        let due = Cell::new(is_log.then(|| Instant::now() + PACE));
        Progress { line, end, due }
    }

    /// Shows that a pair starts.
    pub fn show(&self, session: &Session) {
        let left = self.end.saturating_duration_since(Instant::now());
        let left = if left.is_zero() {
            "finishing the first look at each figure".into()
        } else {
            format!("about {} left", roughly(left))
        };
        let series = session.measured.last().map(|it| it.plan.series);
        let series = series.unwrap_or_default();
        let message = format!(
            "{series}{} · pair {} · {left}",
            session.name(),
            session.pairs + 1,
        );
        let now = Instant::now();
        if self.due.get().is_some_and(|due| due <= now && now < self.end) {
            self.due.set(Some(now + PACE));
            // A log that cannot be written to is no reason to stop.
            let _ = writeln!(stderr(), "measuring: {message}");
        }
        self.line.set_message(message);
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
