//! How often workers may be replaced before the pool gives up.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

/// The maximum number of restarts in a period. The term is Erlang's:
/// <https://www.erlang.org/doc/system/sup_princ.html>. Without such a limit,
/// a pool whose workers die at once does nothing but start workers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intensity {
    /// The most restarts allowed.
    pub restarts: usize,
    /// In any period of this length.
    pub within: Duration,
}

impl Default for Intensity {
    fn default() -> Self {
        Intensity { restarts: 100, within: Duration::from_secs(5) }
    }
}

/// Recent restarts, checked against an [`Intensity`].
#[derive(Debug)]
pub struct Restarts {
    intensity: Intensity,
    recent: VecDeque<Instant>,
    /// The total number of restarts.
    pub count: usize,
}

impl Restarts {
    /// No restarts yet.
    pub fn new(intensity: Intensity) -> Self {
        Restarts { intensity, recent: VecDeque::new(), count: 0 }
    }

    /// Records a restart at `now`.
    ///
    /// # Errors
    ///
    /// Fails if there are too many: whatever kills the workers will kill the
    /// next one too, so it is time to give up.
    pub fn note(&mut self, now: Instant) -> Result<()> {
        let Intensity { restarts, within } = self.intensity;
        let is_old = |then: &Instant| now - *then > within;
        while self.recent.front().is_some_and(is_old) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.count += 1;
        ensure!(
            self.recent.len() <= restarts,
            "{} workers had to be replaced within {within:?}, but at most \
             {restarts} are allowed",
            self.recent.len()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    proptest! {
        /// Compared with the naive way: count the restarts in the window.
        #[test]
        fn restarts_are_bounded_in_every_window(
            gaps in prop::collection::vec(0..3000_u64, 1..60),
            restarts in 1..6_usize,
        ) {
            let intensity = Intensity { restarts, within: SECOND };
            let mut noted = Restarts::new(intensity);
            let (mut now, mut times) = (Instant::now(), Vec::new());
            for gap in gaps {
                now += Duration::from_millis(gap);
                times.push(now);
                let late = |time: &&Instant| now - **time <= SECOND;
                let in_window = times.iter().filter(late).count();
                prop_assert_eq!(noted.note(now).is_ok(), in_window <= restarts);
            }
        }
    }
}
