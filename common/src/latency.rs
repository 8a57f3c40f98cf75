//! How long each of many took: the quantiles that a mean hides.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::outcome::{Better, Metric};

/// Three digits of a latency are kept, whatever its size.
const DIGITS: u8 = 3;

/// Latencies as they are recorded, in nanoseconds.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

/// The quantiles of many latencies, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Half of them took no longer.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// 99 of a hundred.
    pub p99: f64,
    /// 999 of a thousand.
    pub p999: f64,
    /// All of them.
    pub max: f64,
    /// How many there were.
    pub count: u64,
}

impl Latencies {
    /// None yet.
    ///
    /// # Panics
    ///
    /// Never: a histogram can have that many digits.
    pub fn new() -> Self {
        #[expect(clippy::expect_used, reason = "the argument is right")]
        Latencies(Histogram::new(DIGITS).expect("from 0 to 5 digits"))
    }

    /// Records one.
    pub fn record(&mut self, latency: Duration) {
        self.0 += latency.as_nanos() as u64;
    }

    /// Their quantiles, all zero if there are none.
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
    /// A metric for each, the count among them. What is judged is the median,
    /// which has the plain key and name; the others stay details.
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
        /// Against the plainest of ways: sort, and take the one at the rank.
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
