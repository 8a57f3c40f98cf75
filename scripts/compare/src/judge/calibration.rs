//! Calibration: the verdicts on pairs with a known truth.
//!
//! Each program of the quick comparison is compared with itself, where any
//! difference found is wrong. Then again, with the ratio of every judged row
//! made worse by a few per cent. Then "no clear difference" is wrong too,
//! unless the planted difference is below [`NEAR`]: a difference of that size
//! may be called none. The noise is that of this machine at this hour, and
//! passes through pairs, slices, looks and the schedule as in a comparison.
//!
//! The difference is planted in the ratios. The rejected alternative is work
//! that takes that much longer: for a round trip, for memory or for starting a
//! thread there is no work that could be made 3 % longer.

use std::time::Duration;

use common::{demo, outcome::Model};

use crate::{
    judge::{
        finding::{Finding, NEAR},
        schedule, verdict,
    },
    run::{
        bench::Bench,
        environment::Environment,
        plan::{Plan, count},
        refusal::Refusal,
        session::Session,
    },
};

/// In percent of the rows: with more wrong verdicts than the 5 % that the looks
/// allow, the judge is wrong. "Too noisy to tell" is not a wrong verdict.
const MOST_WRONG: usize = 5;

/// The planted difference in per cent, and the seconds allowed per row.
const TRIALS: [(u32, u64); 3] = [(0, 3), (3, 10), (10, 3)];

/// The result of a calibration.
#[derive(Debug)]
pub struct Calibration {
    /// The planted per cent, and how often the judge was right.
    pub trials: Vec<(u32, Tally)>,
    /// Why programs do not count.
    pub refusals: Vec<Refusal>,
    /// The readings of the surroundings.
    pub environment: Environment,
}

/// The verdicts of one trial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Correct.
    pub right: usize,
    /// Wrong.
    pub wrong: usize,
    /// Too noisy to tell.
    pub too_noisy: usize,
    /// No clear difference, where that is not wrong: see [`NEAR`].
    pub not_found: usize,
}

/// What the tallies mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The verdicts are right.
    Trusted,
    /// Too often too noisy to tell.
    TooNoisy,
    /// Too often wrong.
    Wrong,
    /// No row was judged.
    Untried,
}

/// Runs the judge on pairs with a known truth, made of the programs of these
/// plans.
///
/// # Errors
///
/// Fails as [`schedule::measure`] does.
pub fn calibrate(bench: &Bench, plans: &[Plan]) -> anyhow::Result<Calibration> {
    let mut calibration = Calibration {
        trials: Vec::new(),
        refusals: Vec::new(),
        environment: Environment::begin(),
    };
    for (percent, seconds) in TRIALS {
        let mut sessions = sessions(bench, plans, percent);
        let rows = sessions.iter().flat_map(|it| &it.measured);
        let rows: usize = rows.map(|it| it.plan.headlines()).sum();
        let budget = Duration::from_secs(seconds * rows as u64);
        demo::tell(format_args!(
            "{}, made worse by {percent} %: up to {} s",
            count(rows, "row"),
            budget.as_secs()
        ));
        let environment = &mut calibration.environment;
        schedule::measure(bench, &mut sessions, budget, None, environment)?;
        let mut tally = Tally::default();
        for measured in sessions.into_iter().flat_map(|it| it.measured) {
            for finding in verdict::findings(&measured) {
                tally.add(finding, planted(percent));
            }
            calibration.refusals.extend(measured.refusals);
        }
        calibration.trials.push((percent, tally));
    }
    Ok(calibration)
}

fn planted(percent: u32) -> f64 {
    1.0 + f64::from(percent) / 100.0
}

/// Each program against itself, in every headline figure.
fn sessions(bench: &Bench, plans: &[Plan], percent: u32) -> Vec<Session> {
    let planted = planted(percent);
    let plans = plans.iter().flat_map(|plan| {
        [Model::Threads, Model::Processes].map(|model| Plan {
            sides: [model; 2],
            planted,
            quick: true,
            ..*plan
        })
    });
    plans.flat_map(|plan| bench.sessions(plan)).collect()
}

impl Tally {
    /// If a difference is planted, the first side is the better one.
    fn add(&mut self, finding: Finding, planted: f64) {
        let truth = if planted > 1.0 {
            Finding::Better(Model::Threads)
        } else {
            Finding::NoClearDifference
        };
        *match finding {
            found if found == truth => &mut self.right,
            Finding::NoLargeDifference | Finding::TooNoisy => {
                &mut self.too_noisy
            }
            Finding::NoClearDifference if planted < NEAR => &mut self.not_found,
            _ => &mut self.wrong,
        } += 1;
    }

    /// How many rows were judged.
    pub fn all(&self) -> usize {
        self.right + self.wrong + self.too_noisy + self.not_found
    }

    fn is_wrong(&self) -> bool {
        100 * self.wrong > MOST_WRONG * self.all()
    }

    fn is_right(&self) -> bool {
        100 * (self.all() - self.right) <= MOST_WRONG * self.all()
    }
}

impl Calibration {
    /// Whether the verdicts are too often wrong, there are none, or a program
    /// failed.
    pub fn is_wrong(&self) -> bool {
        let is_wrong = [Trust::Wrong, Trust::Untried].contains(&self.trust());
        is_wrong || !self.refusals.is_empty()
    }

    /// What the tallies mean.
    pub fn trust(&self) -> Trust {
        let mut tallies = self.trials.iter().map(|(_, tally)| tally);
        if tallies.clone().any(|tally| tally.all() == 0) {
            Trust::Untried
        } else if tallies.clone().any(Tally::is_wrong) {
            Trust::Wrong
        } else if tallies.all(Tally::is_right) {
            Trust::Trusted
        } else {
            Trust::TooNoisy
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(tallies: [[usize; 3]; 3]) -> Trust {
        let tallies = tallies.map(|[right, wrong, too_noisy]| Tally {
            right,
            wrong,
            too_noisy,
            not_found: 0,
        });
        let percents = TRIALS.map(|(percent, _)| percent);
        let place = Default::default();
        Calibration {
            trials: percents.into_iter().zip(tallies).collect(),
            refusals: Vec::new(),
            environment: Environment {
                place,
                readings: Vec::new(),
                dropped: Default::default(),
            },
        }
        .trust()
    }

    #[test]
    fn five_of_a_hundred_may_be_wrong_and_no_more() {
        let good = [95, 5, 0];
        assert_eq!(trust([good; 3]), Trust::Trusted);
        assert_eq!(trust([[95, 0, 5], good, good]), Trust::Trusted);
        assert_eq!(trust([[94, 6, 0], good, good]), Trust::Wrong);
        assert_eq!(trust([good, good, [94, 6, 0]]), Trust::Wrong);
        assert_eq!(trust([good, [94, 5, 1], good]), Trust::TooNoisy);
        assert_eq!(trust([good, [0, 0, 100], good]), Trust::TooNoisy);
        assert_eq!(trust([good, [0, 0, 0], good]), Trust::Untried);
    }

    #[test]
    fn a_finding_is_held_against_the_truth() {
        let tally = |finding, percent| {
            let mut tally = Tally::default();
            tally.add(finding, planted(percent));
            [tally.right, tally.wrong, tally.too_noisy, tally.not_found]
        };
        let [right, wrong, noisy, not_found] =
            [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]];
        for (finding, alike, by_three, by_ten) in [
            (Finding::NoClearDifference, right, not_found, wrong),
            (Finding::Better(Model::Threads), wrong, right, right),
            (Finding::Better(Model::Processes), wrong, wrong, wrong),
            (Finding::TooNoisy, noisy, noisy, noisy),
        ] {
            assert_eq!(tally(finding, 0), alike);
            assert_eq!(tally(finding, 3), by_three);
            assert_eq!(tally(finding, 10), by_ten);
        }
    }
}
