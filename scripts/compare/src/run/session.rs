//! What is measured together: the programs of a scenario, in one language or in
//! several, which take turns.

use std::{cmp::Ordering, time::Duration};

use common::scenarios::Part;

use crate::run::{
    agreement, measured::Measured, plan::Plan, refusal::Reason, samples::Sample,
};

/// How many pairs may be dropped because they were disturbed: beyond that, the
/// machine is simply like that.
const MOST_DROPPED: usize = 8;

/// A scenario in one language, or in several that do the same work.
#[derive(Debug)]
pub struct Session {
    /// One for each series, Rust first.
    pub measured: Vec<Measured>,
    /// The parts to measure.
    pub parts: Vec<OpenPart>,
    /// How many pairs count.
    pub pairs: usize,
    /// How many were dropped.
    pub dropped: usize,
    /// How long the last one took to start.
    pub start: Duration,
}

/// A part, and its state.
#[derive(Debug)]
pub struct OpenPart {
    /// The part.
    pub part: &'static Part,
    /// How many slices of it each pair runs.
    pub slices: usize,
    /// The average time of a slice, of all programs together.
    pub slice: Duration,
    done: u32,
    /// Why it is still measured.
    pub need: Need,
}

/// What remains to be found out about a part, and the estimated factor by which
/// the number of pairs must grow to find out some of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// How large a difference is.
    Size(f64),
    /// Whether there is a difference.
    Decision(f64),
    /// The same for a row that answers the scenario's question.
    Answer(f64),
}

impl Need {
    /// The more urgent of two; if equally urgent, the one that is met sooner.
    pub fn or(self, other: Self) -> Self {
        let is_before = match self.urgency().cmp(&other.urgency()) {
            Ordering::Equal => self.times() <= other.times(),
            unequal => unequal.is_gt(),
        };
        if is_before { self } else { other }
    }

    /// The priority: higher comes first.
    pub fn urgency(self) -> u8 {
        match self {
            Need::Nothing => 0,
            Need::Size(_) => 1,
            Need::Decision(_) => 2,
            Need::Answer(_) => 3,
        }
    }

    /// By which factor the number of pairs must grow.
    pub fn times(self) -> f64 {
        match self {
            Need::Nothing => f64::INFINITY,
            Need::Size(times) | Need::Decision(times) | Need::Answer(times) => {
                times
            }
        }
    }
}

impl OpenPart {
    /// Records the time of a slice of all programs. The first one does not
    /// count: it has to find the right answer.
    pub fn took(&mut self, time: Duration) {
        let counted = self.done.saturating_sub(1);
        self.slice = (self.slice * counted + time) / (counted + 1);
        self.done += 1;
    }
}

impl Session {
    /// Of these series; the first determines what is measured.
    pub fn new(plans: impl IntoIterator<Item = Plan>) -> Self {
        let measured: Vec<_> = plans.into_iter().map(Measured::empty).collect();
        let parts = measured.first().into_iter().flat_map(|it| it.plan.parts());
        let parts = parts.map(|part| OpenPart {
            part,
            slices: 2,
            slice: Duration::ZERO,
            done: 0,
            need: Need::Decision(f64::INFINITY),
        });
        let parts = parts.collect();
        let (pairs, dropped, start) = (0, 0, Duration::ZERO);
        Session { measured, parts, pairs, dropped, start }
    }

    /// The scenario's name.
    pub fn name(&self) -> &'static str {
        self.measured.first().map_or("", |it| it.plan.scenario.name)
    }

    /// Whether there is anything to compare. If the first series is refused,
    /// there is not.
    pub fn is_sound(&self) -> bool {
        let first = self.measured.first();
        !self.parts.is_empty() && first.is_some_and(Measured::is_sound)
    }

    /// Its most urgent need.
    pub fn need(&self) -> Need {
        let needs = self.parts.iter().map(|part| part.need);
        needs.fold(Need::Nothing, Need::or)
    }

    /// The parts that the next pair runs: the undecided ones or, if there are
    /// none, those known too imprecisely.
    pub fn open(&self) -> impl Iterator<Item = (usize, &OpenPart)> {
        let urgency = self.need().urgency();
        let parts = self.parts.iter().enumerate();
        let is_open = |need: Need| need != Need::Nothing;
        parts.filter(move |(_, part)| {
            is_open(part.need) && part.need.urgency() == urgency
        })
    }

    /// Whether one more pair may be dropped. If every pair is disturbed, the
    /// figures have to show it.
    pub fn may_drop(&self) -> bool {
        self.dropped < MOST_DROPPED
            && self.measured.iter().all(Measured::is_sound)
    }

    /// Drops the last pair.
    pub fn drop_pair(&mut self, pair: usize) {
        self.dropped += 1;
        for measured in &mut self.measured {
            measured.drop_pair(pair);
        }
    }

    /// Compares the last sample of a series with the first language: the same
    /// work must give the same answer in another language.
    pub fn across(&self, series: usize) -> Option<Reason> {
        let (first, others) = self.measured.split_first()?;
        let sample = others.get(series.checked_sub(1)?)?.samples.last()?;
        let is_twin = |one: &&Sample| one.slice.part == sample.slice.part;
        let twin = first.samples.iter().find(is_twin)?;
        agreement::check_across(sample, twin).err().map(Reason::from)
    }

    /// The time of one more pair.
    pub fn pair(&self) -> Duration {
        let slices = self.open().map(|(_, it)| it.slice * it.slices as u32);
        self.start + slices.sum::<Duration>()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use common::scenarios::ALL;

    use super::*;

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
    fn what_is_not_decided_comes_before_what_is_known_too_roughly() {
        let mut session = session();
        let needs = |session: &mut Session, needs: [Need; 2]| {
            let mut parts = session.parts.iter_mut();
            for need in needs {
                parts.next().unwrap().need = need;
            }
            let open = session.open().map(|(index, _)| index);
            open.collect::<Vec<_>>()
        };
        let (size, decision) = (Need::Size(9.0), Need::Decision(1.5));
        assert_eq!(needs(&mut session, [size, decision]), [1]);
        assert_eq!(needs(&mut session, [Need::Answer(7.0), decision]), [0]);
        assert_eq!(needs(&mut session, [size, Need::Size(2.0)]), [0, 1]);
        assert_eq!(needs(&mut session, [Need::Nothing, size]), [1]);
        assert_eq!(needs(&mut session, [Need::Nothing; 2]), [0; 0]);
    }

    #[test]
    fn a_machine_that_disturbs_every_pair_is_told_as_it_is() {
        let mut session = session();
        for _ in 0..MOST_DROPPED {
            assert!(session.may_drop());
            session.drop_pair(1);
        }
        assert!(!session.may_drop());
    }
}
