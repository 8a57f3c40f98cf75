//! The progress bar. `indicatif` draws it on stderr, and only if that is a
//! terminal.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use indicatif::{ProgressBar, ProgressStyle};

static SILENT: AtomicBool = AtomicBool::new(false);

/// Disables the bar from now on, even on a terminal: drawing takes CPU time,
/// and a slice is short.
pub fn keep_silent() {
    SILENT.store(true, Relaxed);
}

/// The progress of a run with a known number of steps.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar for `steps` steps. The caller's thread draws it at each step: a
    /// ticking bar would need another thread.
    pub fn new(steps: usize) -> Self {
        if SILENT.load(Relaxed) {
            return Progress(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(steps as u64);
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")
        {
            bar.set_style(style);
        }
        Progress(bar)
    }

    /// Shows the current task.
    pub fn now(&self, what: &str) {
        self.0.set_message(what.to_owned());
        self.0.tick();
    }

    /// Counts a finished step. Any worker may call this.
    pub fn step(&self) {
        self.0.inc(1);
    }
}

/// Removes the bar before the result is printed.
impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
