//! Medians and confidence intervals of measurements in rounds. Pure functions
//! of numbers.
//!
//! Both sides of a comparison run in every round, close together in time, so a
//! machine that is slow for a minute is slow for both. The statistic is the
//! ratio within each round. Its median needs no assumption about the noise
//! distribution. Neither does the interval, which is exact: the number of
//! ratios below the true median is binomial with p = 1/2, whatever their
//! distribution (W. J. Conover, Practical Nonparametric Statistics, 3rd ed.,
//! section 3.2; H. A. David and H. N. Nagaraja, Order Statistics, 3rd ed.,
//! section 7.1).
//!
//! Rejected alternatives: a mean and its t interval, which a single disturbed
//! round shifts; the bootstrap, whose intervals are too narrow for six rounds
//! and differ from run to run; the ratio of the two medians, which discards
//! the pairing.

use serde::Serialize;

/// The fewest rounds that give an interval. With six, the range of all ratios
/// contains the true median with probability 1 - 2/2⁶ = 96.9 %; with five, only
/// with 93.75 %.
pub const FEWEST: usize = 6;

/// The probability that an interval contains the true median, at least.
const CONFIDENCE: f64 = 0.95;

/// The estimate of a ratio.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The median of the ratios.
    pub median: f64,
    /// The lower bound of the interval.
    pub low: f64,
    /// The upper bound of the interval.
    pub high: f64,
}

impl Estimate {
    /// Estimates from the ratios of the rounds, in any order. Fewer than
    /// [`FEWEST`] are not enough: the interval is then unbounded.
    pub fn of(ratios: &[f64]) -> Self {
        Self::with_rank(ratios, rank(ratios.len()))
    }

    /// As [`of`](Estimate::of), but the bounds are the ratios of this rank,
    /// counted from either end. With rank zero, the interval is unbounded.
    pub fn with_rank(ratios: &[f64], rank: usize) -> Self {
        let mut sorted = ratios.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = match rank {
            0 => (0.0, f64::INFINITY),
            rank => (sorted[rank - 1], sorted[sorted.len() - rank]),
        };
        Estimate { median: middle(&sorted, geometric_mean), low, high }
    }

    /// The estimate of the inverse ratio.
    pub fn inverse(self) -> Self {
        Estimate {
            median: 1.0 / self.median,
            low: 1.0 / self.high,
            high: 1.0 / self.low,
        }
    }

    /// The estimate with the median and both bounds divided.
    pub fn divided_by(self, divisor: f64) -> Self {
        Estimate {
            median: self.median / divisor,
            low: self.low / divisor,
            high: self.high / divisor,
        }
    }
}

/// The ratio of paired figures, none of them negative.
pub fn ratio(numerators: &[f64], denominators: &[f64]) -> Estimate {
    Estimate::of(&ratios(numerators, denominators))
}

/// The ratio of each pair. Two zeros count as equal.
pub fn ratios(numerators: &[f64], denominators: &[f64]) -> Vec<f64> {
    let pairs = numerators.iter().zip(denominators);
    let ratio =
        |(above, below)| if above == below { 1.0 } else { above / below };
    pairs.map(ratio).collect()
}

/// The median of ratios, which inverts when the sides are swapped. NaN if there
/// are none.
pub fn median_ratio(ratios: &[f64]) -> f64 {
    let mut sorted = ratios.to_vec();
    sorted.sort_by(f64::total_cmp);
    middle(&sorted, geometric_mean)
}

/// The median of one side's figures. None if there are no figures.
pub fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    (!sorted.is_empty()).then(|| middle(&sorted, f64::midpoint))
}

/// The middle element, or `between` of the middle two. NaN if there are none.
fn middle(sorted: &[f64], between: fn(f64, f64) -> f64) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => between(sorted[even / 2 - 1], sorted[even / 2]),
    }
}

/// The geometric mean of two ratios, which inverts when the sides are swapped.
/// Between zero and infinity it is 1.
fn geometric_mean(low: f64, high: f64) -> f64 {
    match (low, high) {
        (low, high) if low == high => low,
        (0.0, f64::INFINITY) => 1.0,
        (low, high) => low.sqrt() * high.sqrt(),
    }
}

/// The rank of the interval's bounds, counted from either end: the tightest
/// pair that still contains the median with [`CONFIDENCE`]. Zero if there is
/// none.
fn rank(count: usize) -> usize {
    (1..=count / 2)
        .take_while(|&rank| coverage(count, rank) >= CONFIDENCE)
        .last()
        .unwrap_or(0)
}

/// The probability that the true median lies between the ratios of this rank
/// from below and from above: that `count` coin tosses give at least `rank`
/// heads and at least `rank` tails.
fn coverage(count: usize, rank: usize) -> f64 {
    let mut term = 0.5_f64.powi(count as i32);
    let mut below = 0.0;
    for heads in 0..rank {
        below += term;
        term *= (count - heads) as f64 / (heads + 1) as f64;
    }
    1.0 - 2.0 * below
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Counts the patterns of signs one by one, where [`coverage`] uses a
    /// formula.
    fn coverage_by_enumeration(count: usize, rank: usize) -> f64 {
        let patterns = 1_u32 << count;
        let held = (0..patterns).filter(|pattern| {
            let below = pattern.count_ones() as usize;
            below >= rank && count - below >= rank
        });
        held.count() as f64 / f64::from(patterns)
    }

    #[test]
    fn the_interval_is_the_tightest_that_is_sure_enough() {
        for count in 1..=12 {
            let rank = rank(count);
            if rank > 0 {
                let held = coverage_by_enumeration(count, rank);
                assert!(held >= CONFIDENCE, "{count} rounds: {held}");
            }
            let tighter = coverage_by_enumeration(count, rank + 1);
            assert!(tighter < CONFIDENCE, "{count} rounds: {tighter}");
            assert_eq!(rank > 0, count >= FEWEST);
        }
    }

    /// The ranks that textbooks print for the sign test at 95 %.
    #[test]
    fn the_ranks_are_those_of_the_tables() {
        let ranks = [6, 8, 9, 11, 12, 15, 20, 25, 50, 100].map(rank);
        assert_eq!(ranks, [1, 1, 2, 2, 3, 4, 6, 8, 18, 40]);
        assert!(rank(1000) > 450);
    }

    #[test]
    fn six_rounds_give_their_range() {
        let estimate = Estimate::of(&[1.0, 4.0, 2.0, 8.0, 0.5, 16.0]);
        assert_eq!((estimate.low, estimate.high), (0.5, 16.0));
        assert!((estimate.median - 8.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn five_rounds_tell_nothing() {
        let estimate = Estimate::of(&[2.0; 5]);
        assert_eq!((estimate.low, estimate.high), (0.0, f64::INFINITY));
    }

    #[test]
    fn a_median_is_of_something() {
        assert_eq!(median(&[3.0, 1.0, 8.0]), Some(3.0));
        assert_eq!(median(&[3.0, 1.0]), Some(2.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn nothing_against_nothing_is_alike() {
        let (none, some) = ([0.0; 6], [3.0; 6]);
        assert_eq!(ratio(&none, &none).median, 1.0);
        assert_eq!(ratio(&some, &none).median, f64::INFINITY);
        assert_eq!(ratio(&none, &some).median, 0.0);
        let torn = [0.0, 0.0, 0.0, f64::INFINITY, f64::INFINITY, f64::INFINITY];
        assert_eq!(Estimate::of(&torn).median, 1.0);
    }

    /// Realistic figures: positive, over many orders of magnitude.
    fn figures() -> impl Strategy<Value = Vec<(f64, f64)>> {
        let figure = (-9.0..12.0).prop_map(|power| 10_f64.powf(power));
        prop::collection::vec((figure.clone(), figure), FEWEST..60)
    }

    fn sides(pairs: &[(f64, f64)]) -> (Vec<f64>, Vec<f64>) {
        pairs.iter().copied().unzip()
    }

    fn close(this: f64, that: f64) -> bool {
        (this / that - 1.0).abs() < 1e-12
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_median(pairs in figures()) {
            let (threads, processes) = sides(&pairs);
            let Estimate { median, low, high } = ratio(&threads, &processes);
            prop_assert!(low <= median * (1.0 + 1e-12));
            prop_assert!(median <= high * (1.0 + 1e-12));
        }

        #[test]
        fn the_order_of_the_rounds_is_nothing(
            (pairs, shuffled) in figures().prop_flat_map(|pairs| {
                (Just(pairs.clone()), Just(pairs).prop_shuffle())
            })
        ) {
            let (threads, processes) = sides(&pairs);
            let (others, more) = sides(&shuffled);
            prop_assert_eq!(
                ratio(&threads, &processes),
                ratio(&others, &more)
            );
        }

        #[test]
        fn swapping_the_sides_inverts(pairs in figures()) {
            let (threads, processes) = sides(&pairs);
            let this = ratio(&threads, &processes);
            let that = ratio(&processes, &threads).inverse();
            prop_assert!(close(this.median, that.median));
            prop_assert!(close(this.low, that.low));
            prop_assert!(close(this.high, that.high));
        }
    }
}
