//! What a ratio means, as text.

use std::fmt;

use common::{
    estimate::Estimate,
    outcome::{Better, Model},
};
use serde::{Serialize, Serializer};

use crate::{judge::finding::Finding, run::plan::count};

/// The unit of a speed-up.
pub const TIMES: &str = "×";

/// The text of a row's verdict: `threads 14× faster [13, 15]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Without its interval.
    pub verdict: String,
    /// The interval in brackets, if any.
    pub interval: Option<String>,
}

impl fmt::Display for Words {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.verdict)?;
        match &self.interval {
            Some(interval) => write!(formatter, " {interval}"),
            None => Ok(()),
        }
    }
}

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Words {
    /// Without an interval.
    pub fn plain(verdict: impl Into<String>) -> Self {
        Words { verdict: verdict.into(), interval: None }
    }

    /// For a ratio above 1 where threads are better.
    pub fn of(ratio: Estimate, unit: &str, better: Better) -> Self {
        let finding = Finding::of(ratio);
        let ratio = match finding {
            Finding::Better(Model::Processes) => ratio.inverse(),
            _ => ratio,
        };
        let verdict = match finding {
            Finding::Better(model) => {
                let (times, how) =
                    (times(ratio.median), comparative(unit, better));
                format!("{model} {times}{TIMES} {how}")
            }
            Finding::NoClearDifference => "no clear difference".into(),
            Finding::NoLargeDifference => "no large difference".into(),
            Finding::TooNoisy => "too noisy to tell".into(),
        };
        Words { verdict, interval: Some(interval(ratio)) }
    }

    /// The share of the cores that was used. Workers beyond the number of cores
    /// cannot make anything faster, and do not count against a side.
    pub fn of_speed_up(
        speed_up: Estimate,
        workers: usize,
        cores: usize,
    ) -> Self {
        let share = speed_up.divided_by(workers.min(cores) as f64);
        let crew = if workers > cores {
            format!("{workers} workers on {}", count(cores, "core"))
        } else {
            format!("on {}", count(workers, "core"))
        };
        Words {
            verdict: format!("{crew}, efficiency {}", times(share.median)),
            interval: Some(interval(share)),
        }
    }
}

/// The word for better, for this unit.
pub fn comparative(unit: &str, better: Better) -> &'static str {
    match (unit, better) {
        ("s", Better::Lower) => "faster",
        (TIMES, Better::Higher) => "better",
        (rate, Better::Higher) if rate.ends_with("/s") => "faster",
        ("B", Better::Lower) => "smaller",
        (_, Better::Lower) => "fewer",
        _ => "more",
    }
}

/// As shown behind a median.
pub fn interval(ratio: Estimate) -> String {
    format!("[{}, {}]", times(ratio.low), times(ratio.high))
}

/// Two decimals where one per cent matters, fewer otherwise.
pub fn times(ratio: f64) -> String {
    match ratio {
        f64::INFINITY => "∞".into(),
        near if near < 1.995 => format!("{near:.2}"),
        some if some < 9.95 => format!("{some:.1}"),
        many => format!("{many:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(low: f64, median: f64, high: f64) -> Estimate {
        Estimate { median, low, high }
    }

    fn speed(low: f64, median: f64, high: f64) -> String {
        Words::of(estimate(low, median, high), "op/s", Better::Higher)
            .to_string()
    }

    #[test]
    fn a_verdict_names_side_factor_and_interval() {
        assert_eq!(speed(13.0, 14.2, 15.1), "threads 14× faster [13, 15]");
        assert_eq!(
            speed(1.0 / 1.11, 1.0 / 1.08, 1.0 / 1.05),
            "processes 1.08× faster [1.05, 1.11]"
        );
        assert_eq!(speed(0.98, 1.0, 1.03), "no clear difference [0.98, 1.03]");
        assert_eq!(speed(0.7, 1.0, 1.6), "too noisy to tell [0.70, 1.60]");
    }

    #[test]
    fn a_verdict_suits_what_was_measured() {
        let twice = |unit, better| {
            Words::of(estimate(2.0, 2.0, 2.0), unit, better).verdict
        };
        assert_eq!(twice("s", Better::Lower), "threads 2.0× faster");
        assert_eq!(twice("B/s", Better::Higher), "threads 2.0× faster");
        assert_eq!(twice("B", Better::Lower), "threads 2.0× smaller");
        assert_eq!(twice("1", Better::Lower), "threads 2.0× fewer");
        assert_eq!(twice("1", Better::Higher), "threads 2.0× more");
    }

    #[test]
    fn an_efficiency_is_of_the_cores_there_are() {
        let speed_up = estimate(1.94, 1.96, 1.98);
        let efficiency = |workers, cores| {
            Words::of_speed_up(speed_up, workers, cores).to_string()
        };
        assert_eq!(
            efficiency(2, 2),
            "on 2 cores, efficiency 0.98 [0.97, 0.99]"
        );
        assert_eq!(
            efficiency(8, 2),
            "8 workers on 2 cores, efficiency 0.98 [0.97, 0.99]"
        );
        assert!(efficiency(2, 1).starts_with("2 workers on 1 core,"));
    }

    #[test]
    fn a_factor_has_the_digits_that_matter() {
        let texts = [0.0, 0.704, 1.994, 1.996, 9.94, 9.96, 1234.5].map(times);
        assert_eq!(texts, ["0.00", "0.70", "1.99", "2.0", "9.9", "10", "1234"]);
        assert_eq!(times(f64::INFINITY), "∞");
    }
}
