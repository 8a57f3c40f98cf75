//! The bar on a terminal. On anything else, and with `--json` redirected, it
//! is silent: `indicatif` draws on stderr, and only if that is a terminal.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use indicatif::{ProgressBar, ProgressStyle};

static SILENT: AtomicBool = AtomicBool::new(false);

/// Has no bar drawn from now on, on a terminal either: to draw one takes CPU
/// time, and a slice is short.
pub fn keep_silent() {
    SILENT.store(true, Relaxed);
}

/// The progress of a run, of a known number of steps.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar for `steps` steps. It is drawn in the caller's thread, as steps
    /// are made: a ticking bar would be a thread of its own.
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

    /// Says what is being done now.
    pub fn now(&self, what: &str) {
        self.0.set_message(what.to_owned());
        self.0.tick();
    }

    /// One step is done. May be called by any worker.
    pub fn step(&self) {
        self.0.inc(1);
    }
}

/// The bar is gone when the result is printed.
impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
