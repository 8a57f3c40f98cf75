//! Which run comes when.

use std::fmt;

use common::{outcome::Model, scenarios::Scenario};
use serde::{Deserialize, Serialize};

/// What a run belongs to: the comparison of a pair, or of the same scenario
/// in two languages, at a size that suits the slower one.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Series {
    /// The pair, at its own size.
    #[default]
    Pair,
    /// The pair, at the size of the others.
    Beside,
    /// CPython, by the interpreter of this number.
    CPython(usize),
}

impl Series {
    /// What needs no word.
    pub fn is_pair(&self) -> bool {
        *self == Series::Pair
    }
}

/// One run of one program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What it belongs to.
    #[serde(default, skip_serializing_if = "Series::is_pair")]
    pub series: Series,
    /// The side.
    pub model: Model,
    /// With how many workers.
    pub workers: usize,
    /// In which round, from 1. Round 0 is the warm-up, which fills caches
    /// and generates input: it must be right, but its figures do not count.
    pub round: usize,
    /// Which run of its round it is, from 1.
    pub position: usize,
}

impl Run {
    /// `warm-up`, or `round 3`.
    pub fn moment(&self) -> String {
        match self.round {
            0 => "warm-up".into(),
            round => format!("round {round}"),
        }
    }
}

/// As a refusal names it: `threads, round 3`.
impl fmt::Display for Run {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}, {}", self.series, self.model, self.moment())
    }
}

/// As it stands before a side.
impl fmt::Display for Series {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Series::Pair => "",
            Series::Beside => "Rust, ",
            Series::CPython(_) => "CPython, ",
        })
    }
}

/// `1 worker`, or `2 workers`.
pub fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// What is asked of one scenario.
#[derive(Debug)]
pub struct Plan {
    /// What is compared.
    pub scenario: &'static Scenario,
    /// How many rounds count.
    pub rounds: usize,
    /// With how many workers the sides are compared.
    pub workers: usize,
    /// What the runs belong to.
    pub series: Series,
}

impl Plan {
    /// All runs in their order: a warm-up of both sides, then the rounds.
    pub fn runs(&self) -> Vec<Run> {
        let warm_up = self.numbered(0, sides(self.workers).into());
        let rounds = (1..=self.rounds).flat_map(|number| self.round(number));
        warm_up.into_iter().chain(rounds).collect()
    }

    /// Each round mirrors the one before it (ABBA), so that neither side
    /// always comes second: a machine that grows slower as it grows warm then
    /// favours neither.
    fn round(&self, number: usize) -> Vec<Run> {
        let mut order = match self.measures_speed_up() {
            true => [sides(1), sides(self.workers)].concat(),
            false => sides(self.workers).into(),
        };
        if number.is_multiple_of(2) {
            order.reverse();
        }
        self.numbered(number, order)
    }

    fn numbered(&self, round: usize, order: Vec<(Model, usize)>) -> Vec<Run> {
        let series = self.series;
        order
            .into_iter()
            .zip(1..)
            .map(|((model, workers), position)| Run {
                series,
                model,
                workers,
                round,
                position,
            })
            .collect()
    }

    /// Whether each round also has runs with one worker.
    pub fn measures_speed_up(&self) -> bool {
        self.scenario.scales && self.workers > 1
    }
}

fn sides(workers: usize) -> [(Model, usize); 2] {
    [(Model::Threads, workers), (Model::Processes, workers)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAT: Scenario = Scenario { scales: false, ..SCALING };
    const SCALING: Scenario = Scenario {
        name: "scaling",
        question: "",
        rows: "",
        crew: true,
        scales: true,
        parts: &[],
        cpython: &[],
        cpython_run: None,
    };

    /// A round as a word: T2 is threads with two workers.
    fn order(plan: &Plan, round: usize) -> String {
        let runs = plan.runs().into_iter();
        let names =
            runs.filter(|run| run.round == round).map(|run| match run.model {
                Model::Threads => format!("T{}", run.workers),
                Model::Processes => format!("P{}", run.workers),
            });
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_round_mirrors_the_one_before() {
        let plan = Plan {
            scenario: &FLAT,
            rounds: 6,
            workers: 2,
            series: Series::Pair,
        };
        assert_eq!(order(&plan, 0), "T2 P2");
        assert_eq!(order(&plan, 1), "T2 P2");
        assert_eq!(order(&plan, 2), "P2 T2");
        assert_eq!(order(&plan, 3), "T2 P2");
        assert_eq!(plan.runs().len(), 2 + 6 * 2);
    }

    #[test]
    fn a_round_of_a_scaling_scenario_has_one_worker_and_all() {
        let plan = Plan {
            scenario: &SCALING,
            rounds: 6,
            workers: 4,
            series: Series::Pair,
        };
        assert_eq!(order(&plan, 0), "T4 P4");
        assert_eq!(order(&plan, 1), "T1 P1 T4 P4");
        assert_eq!(order(&plan, 2), "P4 T4 P1 T1");
        assert!(plan.measures_speed_up());
    }

    #[test]
    fn one_worker_has_no_speed_up_to_measure() {
        let plan = Plan {
            scenario: &SCALING,
            rounds: 6,
            workers: 1,
            series: Series::Pair,
        };
        assert_eq!(order(&plan, 1), "T1 P1");
        assert!(!plan.measures_speed_up());
    }
}
