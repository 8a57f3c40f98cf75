//! Latency quantiles, which a mean hides.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::outcome::{Better, Metric};

/// The significant digits kept of each latency.
const DIGITS: u8 = 3;

/// Recorded latencies, in nanoseconds.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

/// The quantiles of many latencies, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// The median: half took no longer.
    pub p50: f64,
    /// 90 % took no longer.
    pub p90: f64,
    /// 99 % took no longer.
    pub p99: f64,
    /// 99.9 % took no longer.
    pub p999: f64,
    /// The longest.
    pub max: f64,
    /// The number of latencies.
    pub count: u64,
}

impl Latencies {
    /// No latencies yet.
    ///
    /// # Panics
    ///
    /// Never: a histogram supports that many digits.
    pub fn new() -> Self {
        #[expect(clippy::expect_used, reason = "the argument is valid")]
        Latencies(Histogram::new(DIGITS).expect("from 0 to 5 digits"))
    }

    /// Records a latency.
    pub fn record(&mut self, latency: Duration) {
        self.0 += latency.as_nanos() as u64;
    }

    /// The quantiles, all zero if nothing was recorded.
    pub fn quantiles(&self) -> Quantiles {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1e9;
        Quantiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.0.max() as f64 / 1e9,
            count: self.0.len(),
        }
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

impl Quantiles {
    /// A metric for each quantile and the count. Only the median is judged: it
    /// has the plain key and name. The others are details.
    pub fn metrics(&self, id: &str, label: &str) -> Vec<Metric> {
        let detail = |[key, name]: [&str; 2], unit, better, value| {
            let (id, label) =
                (format!("{id}-{key}"), format!("{label} {name}"));
            Metric::new(&id, &label, unit, better, value).detail()
        };
        let at = |names, value| detail(names, "s", Better::Lower, value);
        let count = self.count as f64;
        vec![
            Metric::new(id, label, "s", Better::Lower, self.p50),
            at(["p90", "p90"], self.p90),
            at(["p99", "p99"], self.p99),
            at(["p999", "p99.9"], self.p999),
            at(["max", "max"], self.max),
            detail(["count", "count"], "1", Better::Neither, count),
        ]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Compared with the naive way: sort, and take the element at the rank.
        #[test]
        fn quantiles_are_those_of_the_sorted_list(
            mut nanos in prop::collection::vec(1..10_000_000_000_u64, 1..300)
        ) {
            let mut latencies = Latencies::new();
            for nano in &nanos {
                latencies.record(Duration::from_nanos(*nano));
            }
            nanos.sort_unstable();
            let at = |quantile: f64| {
                let rank = (quantile * nanos.len() as f64).ceil() as usize;
                nanos[rank.max(1) - 1] as f64 / 1e9
            };
            let found = latencies.quantiles();
            for (found, expected) in [
                (found.p50, at(0.5)),
                (found.p90, at(0.9)),
                (found.p99, at(0.99)),
                (found.p999, at(0.999)),
                (found.max, at(1.0)),
            ] {
                prop_assert!((found / expected - 1.0).abs() < 2e-3);
            }
            prop_assert_eq!(found.count, nanos.len() as u64);
        }
    }

    #[test]
    fn of_none_there_is_nothing() {
        let Quantiles { p50, max, count, .. } = Latencies::new().quantiles();
        assert_eq!((p50, max, count), (0.0, 0.0, 0));
    }
}
