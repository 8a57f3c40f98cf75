//! A look at what a session has measured: which of its parts are decided, and
//! how many slices of the others the next pair runs.

use std::time::Duration;

use common::estimate::Estimate;

use crate::{
    judge::{
        finding::Finding,
        stopping::{self, Aim},
        verdict::{judged, ratio, speed_ups},
    },
    run::{
        measured::Measured,
        session::{Need, Session},
    },
};

/// The least and the most time a pair spends on slices of one part, whatever
/// they would gain.
const TIME: [Duration; 2] =
    [Duration::from_millis(60), Duration::from_millis(300)];

/// The same while their variation is still unknown.
const FIRST_PAIRS: Duration = Duration::from_millis(150);

/// The most slices of a part.
const MOST: usize = 5;

/// It is known after this many pairs.
const KNOWN: usize = 3;

/// Deciding an undecided row takes at least this many times the pairs so far.
const LITTLE_MORE: f64 = 1.01;

/// After a pair: sets how many slices the next one runs and, if this was a
/// look, which parts are decided.
pub fn look(session: &mut Session) {
    let (start, pairs) = (session.start, session.pairs);
    // CPython is slow, and its differences are large.
    let first_pairs = match session.measured.len() {
        1 => FIRST_PAIRS,
        _ => TIME[0],
    };
    let looks = stopping::next_look(pairs - 1) == Some(pairs);
    let Session { measured, parts, .. } = session;
    for part in parts {
        let name = part.part.name;
        let all = || measured.iter().filter(|it| it.is_sound());
        if looks {
            let needs = all().map(|it| need(it, name));
            part.need = needs.fold(Need::Nothing, Need::or);
        } else if all().any(|it| it.plan.only_counts(name)) {
            part.need = Need::Nothing;
        }
        part.slices = match pairs {
            ..KNOWN => fitting(part.slice, first_pairs),
            KNOWN => {
                let wanted = all().filter_map(|it| spread(it, name));
                let wanted = wanted.map(|it| it.slices(start, part.slice));
                wanted.max().unwrap_or(part.slices)
            }
            _ => part.slices,
        };
    }
}

/// What remains to be found out about the rows of a part. In a quick run, only
/// headline rows matter.
fn need(measured: &Measured, part: &str) -> Need {
    let rows = judged(measured, part).filter_map(|metric| {
        let is_headline = measured.plan.is_headline(&metric.id);
        let [aim, alike] = if is_headline {
            [Aim::HEADLINE, Aim::ALIKE]
        } else if measured.plan.quick {
            return None;
        } else {
            [Aim::OTHER; 2]
        };
        let ratio = ratio(measured, metric)?;
        Some(match Finding::of(ratio) {
            // Nobody knows how close to a threshold the truth is.
            Finding::TooNoisy | Finding::NoLargeDifference if is_headline => {
                Need::Answer(aim.effort(ratio).max(LITTLE_MORE))
            }
            Finding::TooNoisy => {
                Need::Decision(aim.effort(ratio).max(LITTLE_MORE))
            }
            Finding::NoLargeDifference => size(ratio, aim),
            Finding::Better(_) => size(ratio, aim),
            Finding::NoClearDifference => size(ratio, alike),
        })
    });
    let speed_ups = speed_ups(measured).filter(|row| row.is_headline);
    let ratios = speed_ups.filter_map(|row| row.ratio);
    // Whether the cores are used depends on how large the speed-up is.
    let speed_ups = ratios.map(|ratio| match size(ratio, Aim::HEADLINE) {
        Need::Size(times) => Need::Answer(times),
        need => need,
    });
    rows.chain(speed_ups).fold(Need::Nothing, Need::or)
}

fn size(ratio: Estimate, aim: Aim) -> Need {
    if aim.is_met(ratio) {
        Need::Nothing
    } else {
        Need::Size(aim.effort(ratio))
    }
}

/// How many slices fit into the time, at least one.
fn fitting(slice: Duration, time: Duration) -> usize {
    let fit = time.div_duration_f64(slice.max(Duration::from_micros(1)));
    (fit as usize).clamp(1, MOST)
}

/// How a figure varies, as variances of its logarithm.
struct Spread {
    within: f64,
    between: f64,
}

impl Spread {
    /// How many slices per pair are worth their time: the more, the more
    /// expensive a new pair is and the less pairs vary (T. Kalibera and R.
    /// Jones, Rigorous benchmarking in reasonable time, ISMM 2013, section 6).
    fn slices(&self, start: Duration, slice: Duration) -> usize {
        let cost = start.div_duration_f64(slice.max(Duration::from_micros(1)));
        let slices = (cost * self.within / self.between).sqrt();
        let [least, most] = TIME.map(|time| fitting(slice, time));
        if slices.is_finite() {
            (slices.round() as usize).clamp(least, most)
        } else {
            least
        }
    }
}

/// Of the row that varies most between slices. None if there was one slice per
/// pair.
fn spread(measured: &Measured, part: &str) -> Option<Spread> {
    let rows = judged(measured, part);
    let spreads = rows.filter_map(|metric| {
        let pairs = measured.advantages(metric)?;
        let logs: Vec<Vec<f64>> = pairs
            .iter()
            .map(|slices| slices.iter().map(|ratio| ratio.ln()).collect())
            .collect();
        let within: Vec<f64> =
            logs.iter().filter_map(|it| variance(it)).collect();
        let means: Vec<f64> = logs.iter().map(|it| mean(it)).collect();
        let within = (!within.is_empty()).then(|| mean(&within))?;
        Some(Spread { within, between: variance(&means)? })
    });
    spreads.reduce(
        |this, that| if that.within > this.within { that } else { this },
    )
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// None for fewer than two.
fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares = values.iter().map(|value| (value - mean).powi(2));
    let degrees = values.len().checked_sub(1).filter(|it| *it > 0)?;
    Some(squares.sum::<f64>() / degrees as f64)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use common::{outcome::Model, scenarios::ALL};

    use super::*;
    use crate::{
        judge::{
            planted::Planted,
            schedule,
            stopping::{FEWEST, LOOKS},
        },
        run::plan::Plan,
    };

    fn session() -> Session {
        Session::new([Plan::of(&ALL[0], 2, true)])
    }

    #[test]
    fn slices_are_worth_their_time_where_pairs_cost_much_and_vary_little() {
        let slices = |within, between, start, slice| {
            let millis = Duration::from_millis;
            Spread { within, between }.slices(millis(start), millis(slice))
        };
        assert_eq!(slices(4.0, 1.0, 70, 70), 2);
        assert_eq!(slices(4.0, 1.0, 280, 70), 4);
        assert_eq!(slices(1.0, 9.0, 70, 70), 1);
        // At least as many as fit anyway, and not too many.
        assert_eq!(slices(1.0, 9.0, 1, 20), 3);
        assert_eq!(slices(9.0, 0.0, 1, 20), 3);
        assert_eq!(slices(1e6, 1.0, 400, 100), 3);
        assert_eq!(slices(1e6, 1.0, 400, 10), MOST);
    }

    #[test]
    fn a_pair_that_is_dropped_leaves_no_sample() {
        let planted = Planted::nothing().both("ipc", "trip", [1.0, 2.0]);
        let mut session = session();
        session.measured = planted.results().scenarios;
        let samples = |session: &Session| session.measured[0].samples.len();
        assert_eq!(samples(&session), 2 * FEWEST);
        session.drop_pair(FEWEST);
        assert_eq!(samples(&session), 2 * (FEWEST - 1));
        let of = session.measured[0].of(Model::Threads);
        assert!(of.map(|it| it.slice.pair).max().unwrap() < FEWEST);
    }

    #[test]
    fn nothing_is_looked_at_between_two_looks() {
        let mut session = session();
        for pairs in 1..=LOOKS[1].0 {
            session.pairs = pairs;
            let before: Vec<_> =
                session.parts.iter().map(|it| it.need).collect();
            look(&mut session);
            let after: Vec<_> =
                session.parts.iter().map(|it| it.need).collect();
            let is_look = LOOKS.iter().any(|(look, _)| *look == pairs);
            // There is no row, so none is open.
            assert_eq!(before != after, is_look && pairs == FEWEST);
        }
        assert_eq!(schedule::next_stage(&session), None);
    }
}
