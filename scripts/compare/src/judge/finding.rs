//! What a ratio means. Pure functions of numbers; [`common::estimate`] computes
//! the ratio.

use common::{
    estimate::Estimate,
    outcome::{Better, Model},
};
use serde::Serialize;

use crate::{judge::stopping, run::figures::advantages};

/// Differences within 2 % do not count: nobody should choose by them, and a
/// program compared with itself differs by as much, through the order of the
/// runs and the placement of its code and data.
pub const CLEAR: f64 = 1.02;

/// If the interval extends beyond 10 %, it could hide a difference that matters
/// to some, and "no difference" would be a bold claim.
pub const NEAR: f64 = 1.10;

/// A row that answers no scenario's question is not measured until its interval
/// is that narrow. Up to 25 %, it at least rules out a large difference.
pub const LARGE: f64 = 1.25;

/// What an estimate means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding<Side = Model> {
    /// This side is better.
    Better(Side),
    /// The sides are equal, for all practical purposes.
    NoClearDifference,
    /// A difference that matters to some is possible, a large one is not.
    NoLargeDifference,
    /// The pairs vary too much.
    TooNoisy,
}

impl Finding {
    /// For a ratio above 1 where threads are better.
    pub fn of(ratio: Estimate) -> Self {
        Finding::between(ratio, [Model::Threads, Model::Processes])
    }
}

impl<Side> Finding<Side> {
    /// For a ratio above 1 where the first side is better.
    pub fn between(ratio: Estimate, [first, second]: [Side; 2]) -> Self {
        let Estimate { low, high, .. } = ratio;
        let is_within = |limit: f64| low >= 1.0 / limit && high <= limit;
        if low > CLEAR {
            Finding::Better(first)
        } else if high < 1.0 / CLEAR {
            Finding::Better(second)
        } else if is_within(NEAR) {
            Finding::NoClearDifference
        } else if is_within(LARGE) {
            Finding::NoLargeDifference
        } else {
            Finding::TooNoisy
        }
    }
}

/// How many times better the first did than the second, as measured in pairs.
/// None for a metric without better and worse.
pub fn advantage(
    first: &[f64],
    second: &[f64],
    better: Better,
) -> Option<Estimate> {
    advantages(first, second, better).map(|ratios| stopping::estimate(&ratios))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::judge::stopping::FEWEST;

    #[test]
    fn a_finding_needs_the_whole_interval() {
        let finding = |low, high| {
            let median = 1.0;
            Finding::of(Estimate { median, low, high })
        };
        assert_eq!(finding(1.021, 9.0), Finding::Better(Model::Threads));
        assert_eq!(finding(0.1, 0.98), Finding::Better(Model::Processes));
        assert_eq!(finding(1.0, 1.0), Finding::NoClearDifference);
        assert_eq!(finding(1.019, 1.09), Finding::NoClearDifference);
        assert_eq!(finding(0.92, 0.97 + 0.02), Finding::NoClearDifference);
        assert_eq!(finding(1.01, 1.11), Finding::NoLargeDifference);
        assert_eq!(finding(0.80, 1.00), Finding::NoLargeDifference);
        assert_eq!(finding(1.01, 1.26), Finding::TooNoisy);
        assert_eq!(finding(0.79, 1.00), Finding::TooNoisy);
        assert_eq!(finding(f64::NAN, f64::NAN), Finding::TooNoisy);
    }

    #[test]
    fn better_says_which_way_is_good() {
        let (fast, slow) = ([10.0; 6], [5.0; 6]);
        let advantage = |better| {
            advantage(&fast, &slow, better).map(|estimate| estimate.median)
        };
        assert_eq!(advantage(Better::Higher), Some(2.0));
        assert_eq!(advantage(Better::Lower), Some(0.5));
        assert_eq!(advantage(Better::Neither), None);
    }

    #[test]
    fn what_tells_nothing_is_too_noisy() {
        let torn = [0.0, 0.0, 0.0, f64::INFINITY, f64::INFINITY, f64::INFINITY];
        for ratios in [&torn[..], &[2.0; 5]] {
            assert_eq!(Finding::of(Estimate::of(ratios)), Finding::TooNoisy);
        }
    }

    /// Figures as machines produce them: positive, over many orders of
    /// magnitude.
    fn figures() -> impl Strategy<Value = Vec<(f64, f64)>> {
        let figure = (-9.0..12.0).prop_map(|power| 10_f64.powf(power));
        prop::collection::vec((figure.clone(), figure), FEWEST..60)
    }

    fn sides(pairs: &[(f64, f64)]) -> (Vec<f64>, Vec<f64>) {
        pairs.iter().copied().unzip()
    }

    proptest! {
        #[test]
        fn a_side_against_itself_is_no_difference(pairs in figures()) {
            let (threads, _) = sides(&pairs);
            let better = Better::Lower;
            let ratio = advantage(&threads, &threads, better);
            let finding = ratio.map(Finding::of);
            prop_assert_eq!(finding, Some(Finding::NoClearDifference));
        }

        /// A machine whose speed drifts by a factor of two does no harm,
        /// because the drift affects both slices of a pair.
        #[test]
        fn a_planted_slow_down_of_ten_per_cent_is_found(
            rounds in prop::collection::vec(
                (0.5..2.0, 0.99..1.01, 0.99..1.01),
                FEWEST..40,
            )
        ) {
            let threads: Vec<f64> =
                rounds.iter().map(|(drift, noise, _)| drift * noise).collect();
            let processes: Vec<f64> = rounds
                .iter()
                .map(|(drift, _, noise)| 1.10 * drift * noise)
                .collect();
            let advantage = advantage(
                &threads, &processes, Better::Lower,
            );
            prop_assert_eq!(
                advantage.map(Finding::of),
                Some(Finding::Better(Model::Threads))
            );
        }
    }
}
