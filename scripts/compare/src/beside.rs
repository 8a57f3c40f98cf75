//! A scenario in two languages, at one size.
//!
//! CPython takes tens of times as long as Rust for what is pure Python. So
//! the pair is run once more, at a size that suits CPython, in rounds that
//! both take turns in: each language's two sides are compared by the judge
//! as ever, and the figures of both languages are of the same work.

use common::{estimate, outcome::Model, scenarios::Scenario};

use crate::{
    measure::Measured,
    plan::{Plan, Series},
    refusal::Refusal,
    verdict::{self, Verdict},
};

/// The fewest that have an interval: what is found in two languages differs by
/// much, and CPython takes its time. But an interval of so few is as wide as
/// the worst of them; where the figures are speed-ups, of phases that are
/// short, all rounds are run.
fn rounds(plan: &Plan) -> usize {
    match plan.scenario.scales {
        true => plan.rounds,
        false => plan.rounds.min(estimate::FEWEST),
    }
}

/// What is compared in two languages for a first look: it takes little time.
pub const FIRST_LOOK: &str = "shared-state";

/// Whether a scenario is compared in two languages.
pub fn is_wanted(scenario: &Scenario, is_quick: bool) -> bool {
    let is_first = scenario.name == FIRST_LOOK;
    scenario.cpython.is_some() && (is_first || !is_quick)
}

/// What came of one scenario in two languages.
#[derive(Debug)]
pub struct Beside {
    /// The pair.
    pub rust: Measured,
    /// CPython, by each of the interpreters.
    pub cpython: Vec<Measured>,
}

impl Beside {
    /// Of nothing yet: as the plan has it, but in this size and for so many
    /// interpreters.
    pub fn empty(plan: &Plan, interpreters: usize) -> Self {
        let rounds = rounds(plan);
        let of = |series| Measured::empty(Plan { series, rounds, ..*plan });
        Beside {
            rust: of(Series::Beside),
            cpython: (0..interpreters).map(Series::CPython).map(of).collect(),
        }
    }

    /// How many runs they take.
    pub fn runs(&self) -> usize {
        self.all().map(|measured| measured.plan.runs().len()).sum()
    }

    /// All of them, the pair first.
    pub fn all(&self) -> impl Iterator<Item = &Measured> {
        [&self.rust].into_iter().chain(&self.cpython)
    }

    /// The figures that an interpreter has, beside those of Rust. Where Rust
    /// has one way to do it and CPython several, each stands beside that one.
    pub fn rows(&self, interpreter: usize) -> Vec<Row> {
        let rust = verdict::verdicts(&self.rust);
        let cpython = self.cpython.get(interpreter);
        let verdicts = cpython.map(verdict::verdicts).unwrap_or_default();
        let row = |cpython: Verdict| {
            let name = cpython.name();
            let id = cpython.id.as_str();
            let above = id.rsplit_once('.').map(|(above, _)| above);
            let twin = [Some(id), above]
                .into_iter()
                .flatten()
                .find_map(|id| rust.iter().find(|rust| rust.id == id));
            Row {
                rust: twin.map_or([String::new(), String::new()], figures),
                cpython: figures(&cpython),
                words: cpython.words,
                name,
            }
        };
        verdicts.into_iter().map(row).collect()
    }

    /// Why what this interpreter has is missing, or is compared with nothing.
    pub fn refusals(
        &self,
        interpreter: usize,
    ) -> impl Iterator<Item = &Refusal> {
        let cpython = self.cpython.get(interpreter).into_iter();
        let both = [&self.rust].into_iter().chain(cpython);
        both.flat_map(|measured| &measured.refusals)
    }

    /// That of a series, if it is one of these.
    pub fn find_mut(&mut self, series: Series) -> Option<&mut Measured> {
        match series {
            Series::Pair => None,
            Series::Beside => Some(&mut self.rust),
            Series::CPython(number) => self.cpython.get_mut(number),
        }
    }
}

/// A figure in two languages: threads first, each as people write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Empty where Rust has no such figure.
    pub rust: [String; 2],
    /// Empty where a side of CPython has none.
    pub cpython: [String; 2],
    /// What the two sides of CPython are to one another.
    pub words: String,
}

fn figures(verdict: &Verdict) -> [String; 2] {
    [Model::Threads, Model::Processes].map(|model| verdict.figure(model))
}

#[cfg(test)]
mod tests {
    use common::scenarios::ALL;

    use super::*;

    #[test]
    fn speed_ups_have_all_rounds() {
        for scenario in ALL {
            let of = |rounds| {
                let series = Series::Pair;
                let plan = Plan { scenario, rounds, workers: 2, series };
                Beside::empty(&plan, 1).rust.plan.rounds
            };
            let few = estimate::FEWEST;
            let expected = if scenario.scales { few + 3 } else { few };
            assert_eq!([of(few), of(few + 3)], [few, expected]);
        }
    }
}
