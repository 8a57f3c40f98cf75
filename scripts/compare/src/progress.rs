//! The one line on a terminal while the comparison runs. On anything else it
//! is silent: `indicatif` draws on stderr, and only if that is a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::plan::{Plan, Run, count};

/// How far the comparison is.
///
/// The line is drawn between the runs, in this thread. A bar that ticks would
/// be a thread of its own, and would wake up in the middle of what is being
/// measured.
#[derive(Debug)]
pub struct Progress {
    line: ProgressBar,
    begin: Instant,
    done: usize,
    left: usize,
}

impl Progress {
    /// Of so many runs.
    pub fn new(runs: impl Iterator<Item = usize>) -> Self {
        let line = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            line.set_style(style);
        }
        Progress { line, begin: Instant::now(), done: 0, left: runs.sum() }
    }

    /// A run begins.
    pub fn begin(&self, plan: &Plan, run: Run) {
        let of_all = match run.round {
            0 => String::new(),
            _ => format!(" of {}", plan.rounds),
        };
        let mut message = format!(
            "{} · {}{of_all} · {}{}, {}",
            plan.scenario.name,
            run.moment(),
            run.series,
            run.model,
            count(run.workers, "worker")
        );
        if let Some(left) = self.time_left() {
            message += &format!(" · about {left} left");
        }
        self.line.set_message(message);
    }

    /// The run has ended.
    pub fn end(&mut self) {
        self.done += 1;
        self.left -= 1;
    }

    /// So many runs will not take place.
    pub fn leave_out(&mut self, runs: usize) {
        self.left -= runs;
    }

    /// As if the runs to come took as long as those before them.
    fn time_left(&self) -> Option<String> {
        let each = self.begin.elapsed().div_f64(self.done.max(1) as f64);
        (self.done > 0).then(|| roughly(each.mul_f64(self.left as f64)))
    }
}

/// The line is gone when the table is printed.
impl Drop for Progress {
    fn drop(&mut self) {
        self.line.finish_and_clear();
    }
}

/// In steps of five seconds, and in minutes from two on.
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
