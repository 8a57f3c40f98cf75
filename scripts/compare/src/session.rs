//! What is measured together: the programs of a scenario in one language, or
//! in several, which take turns.

use std::time::Duration;

use common::scenarios::Part;

use crate::{
    agreement,
    measured::Measured,
    plan::Plan,
    refusal::Reason,
    samples::Sample,
    stopping::{self, FEWEST},
    verdict,
};

/// For how long a pair does slices of a part, whatever they would gain, and how
/// many there are at most.
const SLICES: (Duration, usize) = (Duration::from_millis(120), 9);

/// How long a pair takes for its slices of a part, and how many there are at
/// most, as long as it is not known how they vary.
const FIRST_PAIRS: (Duration, usize) = (Duration::from_millis(300), 5);

/// After so many pairs it is.
const KNOWN: usize = 3;

/// A scenario in one language, or in several that are compared at the same
/// work.
#[derive(Debug)]
pub struct Session {
    /// One for each series: that of Rust first.
    pub measured: Vec<Measured>,
    /// What is measured of it.
    pub parts: Vec<OpenPart>,
    /// How many pairs count.
    pub pairs: usize,
    /// How many were disturbed.
    pub dropped: usize,
    /// What the last one took to start.
    pub start: Duration,
}

/// A part, and how it is done.
#[derive(Debug)]
pub struct OpenPart {
    /// What is asked.
    pub part: &'static Part,
    /// How many slices of it each pair does.
    pub slices: usize,
    /// What a slice took on average, of all programs together.
    slice: Duration,
    done: u32,
    /// How many times as many pairs it would take to decide its rows. None if
    /// they are decided.
    effort: Option<f64>,
}

impl OpenPart {
    /// Whether a pair does so many slices of it.
    pub fn takes(&self, slice: usize) -> bool {
        self.effort.is_some() && slice <= self.slices
    }

    /// A slice of all programs took so long. That of the first says little: it
    /// has to find out what is right.
    pub fn took(&mut self, time: Duration) {
        let counted = self.done.saturating_sub(1);
        self.slice = (self.slice * counted + time) / (counted + 1);
        self.done += 1;
    }
}

impl Session {
    /// Of these series, of which the first tells what is measured.
    pub fn new(plans: impl IntoIterator<Item = Plan>) -> Self {
        let measured: Vec<_> = plans.into_iter().map(Measured::empty).collect();
        let parts = measured.first().into_iter().flat_map(|it| it.plan.parts());
        let parts = parts.map(|part| OpenPart {
            part,
            slices: 2,
            slice: Duration::ZERO,
            done: 0,
            effort: Some(f64::INFINITY),
        });
        let parts = parts.collect();
        let (pairs, dropped, start) = (0, 0, Duration::ZERO);
        Session { measured, parts, pairs, dropped, start }
    }

    /// The scenario's name.
    pub fn name(&self) -> &'static str {
        self.measured.first().map_or("", |it| it.plan.scenario.name)
    }

    /// Whether there is anything to compare with: if the first series is
    /// refused, there is not.
    pub fn is_sound(&self) -> bool {
        self.measured.first().is_some_and(Measured::is_sound)
    }

    /// The parts that are not decided.
    pub fn open(&self) -> impl Iterator<Item = &OpenPart> {
        self.parts.iter().filter(|part| part.effort.is_some())
    }

    /// Whether one more pair may be left out. Where every pair is disturbed,
    /// the machine is like that, and the figures have to say so.
    pub fn may_drop(&self) -> bool {
        self.dropped < FEWEST && self.measured.iter().all(Measured::is_sound)
    }

    /// Leaves the last pair out.
    pub fn drop_pair(&mut self, pair: usize) {
        self.dropped += 1;
        for measured in &mut self.measured {
            measured.drop_pair(pair);
        }
    }

    /// Holds the last sample of a series against the first language's: the
    /// same work must have the same answer in another language.
    pub fn across(&self, series: usize) -> Option<Reason> {
        let (first, others) = self.measured.split_first()?;
        let sample = others.get(series.checked_sub(1)?)?.samples.last()?;
        let is_twin = |one: &&Sample| one.slice.part == sample.slice.part;
        let twin = first.samples.iter().find(is_twin)?;
        agreement::check_across(sample, twin).err().map(Reason::from)
    }

    /// After a pair: how many slices the next one does, and, if this was a
    /// look, which parts are decided.
    pub fn look(&mut self) {
        let start = self.start;
        // CPython takes its time, and what is found there differs by much.
        let first_pairs = match self.measured.len() {
            1 => FIRST_PAIRS,
            _ => SLICES,
        };
        let looks = stopping::next_look(self.pairs - 1) == Some(self.pairs);
        for part in &mut self.parts {
            let name = part.part.name;
            let all = || self.measured.iter().filter(|it| it.is_sound());
            if looks {
                let efforts = all().filter_map(|it| verdict::effort(it, name));
                part.effort = efforts.reduce(f64::max);
            }
            part.slices = match self.pairs {
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

    /// How many seconds the pairs up to the next look will take. None if there
    /// is none, or nothing to look for.
    pub fn next_stage(&self) -> Option<f64> {
        let pairs = stopping::next_look(self.pairs)? - self.pairs;
        let is_open = self.is_sound() && self.open().next().is_some();
        is_open.then(|| pairs as f64 * self.pair().as_secs_f64())
    }

    /// How many seconds it will take to decide what gains most, as far as one
    /// can tell.
    pub fn until_next_decision(&self) -> f64 {
        let efforts = self.open().filter_map(|part| part.effort);
        let least = efforts.fold(f64::INFINITY, f64::min);
        let pairs = self.pairs as f64 * (least - 1.0).max(0.0);
        pairs.max(1.0) * self.pair().as_secs_f64()
    }

    /// What one more pair takes.
    fn pair(&self) -> Duration {
        let slices = self.open().map(|part| part.slice * part.slices as u32);
        self.start + slices.sum::<Duration>()
    }
}

/// How many slices there is time for, one of them in any case.
fn fitting(slice: Duration, (time, most): (Duration, usize)) -> usize {
    let fit = time.div_duration_f64(slice.max(Duration::from_micros(1)));
    (fit as usize).clamp(1, most)
}

/// How a figure varies, as the variances of its logarithm.
struct Spread {
    within: f64,
    between: f64,
}

impl Spread {
    /// How many slices of a pair are worth their time: the more, the more a
    /// new pair costs, and the less it varies (T. Kalibera and R. Jones,
    /// Rigorous benchmarking in reasonable time, ISMM 2013, section 6).
    fn slices(&self, start: Duration, slice: Duration) -> usize {
        let cost = start.div_duration_f64(slice.max(Duration::from_micros(1)));
        let slices = (cost * self.within / self.between).sqrt();
        let (time, most) = SLICES;
        let least = fitting(slice, (time, most));
        match slices.is_finite() {
            true => (slices.round() as usize).clamp(least, most),
            false => least,
        }
    }
}

/// Of the row that varies most from slice to slice. None if there was one
/// slice a pair.
fn spread(measured: &Measured, part: &str) -> Option<Spread> {
    let rows = verdict::judged(measured, part);
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
    use crate::{planted::Planted, stopping::LOOKS};

    const SECOND: Duration = Duration::from_secs(1);

    fn session() -> Session {
        Session::new([Plan::of(&ALL[0], 2, true)])
    }

    #[test]
    fn the_first_slice_does_not_count_for_how_long_one_takes() {
        let mut part = session().parts.remove(0);
        for seconds in [9, 1, 3] {
            part.took(SECOND * seconds);
        }
        assert_eq!(part.slice, 2 * SECOND);
    }

    #[test]
    fn slices_are_worth_their_time_where_pairs_cost_much_and_vary_little() {
        let slices = |within, between, start, slice| {
            let millis = Duration::from_millis;
            Spread { within, between }.slices(millis(start), millis(slice))
        };
        assert_eq!(slices(4.0, 1.0, 400, 400), 2);
        assert_eq!(slices(4.0, 1.0, 1600, 400), 4);
        assert_eq!(slices(1.0, 9.0, 400, 400), 1);
        // At least as many as there is time for in any case, and not too many.
        assert_eq!(slices(1.0, 9.0, 1, 30), 4);
        assert_eq!(slices(9.0, 0.0, 1, 30), 4);
        assert_eq!(slices(1e6, 1.0, 400, 400), SLICES.1);
    }

    #[test]
    fn a_machine_that_disturbs_every_pair_is_told_as_it_is() {
        let mut session = session();
        for _ in 0..FEWEST {
            assert!(session.may_drop());
            session.drop_pair(1);
        }
        assert!(!session.may_drop());
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
                session.parts.iter().map(|it| it.effort).collect();
            session.look();
            let after: Vec<_> =
                session.parts.iter().map(|it| it.effort).collect();
            let is_look = LOOKS.iter().any(|(look, _)| *look == pairs);
            // There is no row, and so none that is open.
            assert_eq!(before != after, is_look && pairs == FEWEST);
        }
        assert_eq!(session.next_stage(), None);
    }
}
