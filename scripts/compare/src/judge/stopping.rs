//! When a row is decided, although it is looked at repeatedly.
//!
//! After certain numbers of pairs there is a look: [`LOOKS`]. The interval of a
//! look lies between two of the sorted ratios, at the same rank from either
//! end. It misses the true median if fewer ratios than that rank lie on one
//! side of it, which has the probability of as many heads in that many tosses
//! of a coin. The ranks are chosen so that all looks together miss it with a
//! probability of 4.6 %, whatever the distribution of the ratios: each look
//! spends a part of that which grows with the number of pairs (K. K. G. Lan and
//! D. L. DeMets, Discrete sequential boundaries for clinical trials, Biometrika
//! 70, 1983). A test computes it exactly.
//!
//! The rejected alternatives: a 95 % interval at each look, which misses three
//! times as often; a fixed number of pairs, which is too large for clear cases
//! and too small for others.

use common::estimate::Estimate;

/// After how many pairs there is a look, and the rank of its bounds.
pub const LOOKS: [(usize, usize); 6] =
    [(8, 1), (12, 2), (18, 4), (27, 8), (40, 13), (60, 21)];

/// The fewest pairs that say anything.
#[cfg(test)]
pub const FEWEST: usize = LOOKS[0].0;

/// The most pairs that are run.
pub const MOST: usize = LOOKS[LOOKS.len() - 1].0;

/// How wide the interval of a sufficiently precise ratio may be, as the
/// quotient of its ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aim(f64);

impl Aim {
    /// For a row that answers its scenario's question.
    pub const HEADLINE: Aim = Aim(1.2);
    /// For one without a clear difference, where a small one might remain.
    pub const ALIKE: Aim = Aim(1.06);
    /// For any other row.
    pub const OTHER: Aim = Aim(1.5);

    /// Whether a ratio is precise enough.
    pub fn is_met(self, ratio: Estimate) -> bool {
        ratio.low > 0.0 && ratio.high <= self.0 * ratio.low
    }

    /// How many times as many pairs are needed, assuming that the interval
    /// narrows like that of a mean, with the square root of their number.
    pub fn effort(self, ratio: Estimate) -> f64 {
        let width = (ratio.high / ratio.low).ln();
        if width.is_finite() {
            (width / self.0.ln()).powi(2)
        } else {
            f64::INFINITY
        }
    }
}

/// The estimate at the last look that there are enough ratios for. The ratios
/// must be in the order in which they were taken: later ones do not count until
/// the next look.
pub fn estimate(ratios: &[f64]) -> Estimate {
    let looks = LOOKS.iter().rev();
    match looks.copied().find(|(pairs, _)| *pairs <= ratios.len()) {
        Some((pairs, rank)) => Estimate::with_rank(&ratios[..pairs], rank),
        None => Estimate::with_rank(ratios, 0),
    }
}

/// How many pairs the next look needs.
pub fn next_look(pairs: usize) -> Option<usize> {
    let mut looks = LOOKS.iter().map(|(look, _)| *look);
    looks.find(|look| *look > pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts all sequences of ratios above and below the true median by how
    /// many lie above, leaving out those whose interval missed at some look.
    /// Nothing is approximated: a probability is a sum of powers of two.
    #[test]
    fn all_looks_together_miss_the_median_with_less_than_five_per_cent() {
        let mut above = vec![1.0_f64];
        let mut missed = 0.0;
        for pairs in 1..=MOST {
            let mut next = vec![0.0; pairs + 1];
            for (heads, probability) in above.iter().enumerate() {
                next[heads] += probability / 2.0;
                next[heads + 1] += probability / 2.0;
            }
            above = next;
            let look = LOOKS.iter().find(|(look, _)| *look == pairs);
            let Some((_, rank)) = look else { continue };
            for (heads, probability) in above.iter_mut().enumerate() {
                if heads.min(pairs - heads) < *rank {
                    missed += std::mem::take(probability);
                }
            }
        }
        let held: f64 = above.iter().sum();
        assert!((missed + held - 1.0).abs() < 1e-12);
        assert!((0.045..0.047).contains(&missed), "{missed}");
    }

    #[test]
    fn only_what_was_looked_at_counts() {
        let ratios: Vec<f64> = (1..=13).map(f64::from).collect();
        let bounds = |pairs: usize| {
            let Estimate { low, high, .. } = estimate(&ratios[..pairs]);
            (low, high)
        };
        assert_eq!(bounds(7), (0.0, f64::INFINITY));
        assert_eq!(bounds(8), (1.0, 8.0));
        assert_eq!(bounds(11), (1.0, 8.0));
        assert_eq!(bounds(12), (2.0, 11.0));
        assert_eq!(bounds(13), (2.0, 11.0));
        assert_eq!(
            [0, 7, 8, 59, 60].map(next_look),
            [Some(8), Some(8), Some(12), Some(60), None]
        );
    }

    #[test]
    fn an_interval_half_as_wide_takes_four_times_as_many() {
        let ratio = |low: f64, high: f64| Estimate { median: low, low, high };
        let effort = |low, high| Aim::HEADLINE.effort(ratio(low, high));
        assert!((effort(1.0, 1.2) - 1.0).abs() < 1e-12);
        assert!((effort(5.0, 5.0 * 1.44) - 4.0).abs() < 1e-12);
        assert_eq!(effort(0.0, 1.0), f64::INFINITY);
        assert!(Aim::HEADLINE.is_met(ratio(10.0, 12.0)));
        assert!(!Aim::HEADLINE.is_met(ratio(0.0, 0.0)));
    }
}
