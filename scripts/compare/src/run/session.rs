//! What is measured together: the programs of a scenario in one language, or
//! in several, which take turns.

use std::{cmp::Ordering, time::Duration};

use common::scenarios::Part;

use crate::run::{
    agreement, measured::Measured, plan::Plan, refusal::Reason, samples::Sample,
};

/// How many pairs may be left out because they were disturbed: more than
/// these, and the machine is like that.
const MOST_DROPPED: usize = 8;

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
    pub slice: Duration,
    done: u32,
    /// What it is still measured for.
    pub need: Need,
}

/// What is still to be found out of a part, and how many times as many pairs
/// it takes to find out some of it, as far as one can tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// How large a difference is.
    Size(f64),
    /// Whether there is any difference.
    Decision(f64),
    /// The same of a row that answers the scenario's question.
    Answer(f64),
}

impl Need {
    /// The more urgent of two, or that which is sooner met.
    pub fn or(self, other: Self) -> Self {
        let is_before = match self.urgency().cmp(&other.urgency()) {
            Ordering::Equal => self.times() <= other.times(),
            unequal => unequal.is_gt(),
        };
        if is_before { self } else { other }
    }

    /// Which comes first: the higher.
    pub fn urgency(self) -> u8 {
        match self {
            Need::Nothing => 0,
            Need::Size(_) => 1,
            Need::Decision(_) => 2,
            Need::Answer(_) => 3,
        }
    }

    /// How many times as many pairs it takes.
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

    /// Whether there is anything to compare, and to compare it with: if the
    /// first series is refused, there is not.
    pub fn is_sound(&self) -> bool {
        let first = self.measured.first();
        !self.parts.is_empty() && first.is_some_and(Measured::is_sound)
    }

    /// What it needs most.
    pub fn need(&self) -> Need {
        let needs = self.parts.iter().map(|part| part.need);
        needs.fold(Need::Nothing, Need::or)
    }

    /// The parts that the next pair does: those that are not decided, and only
    /// where there is none, those that are known too roughly.
    pub fn open(&self) -> impl Iterator<Item = (usize, &OpenPart)> {
        let urgency = self.need().urgency();
        let parts = self.parts.iter().enumerate();
        let is_open = |need: Need| need != Need::Nothing;
        parts.filter(move |(_, part)| {
            is_open(part.need) && part.need.urgency() == urgency
        })
    }

    /// Whether one more pair may be left out. Where every pair is disturbed,
    /// the figures have to say so.
    pub fn may_drop(&self) -> bool {
        self.dropped < MOST_DROPPED
            && self.measured.iter().all(Measured::is_sound)
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

    /// What one more pair takes.
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
