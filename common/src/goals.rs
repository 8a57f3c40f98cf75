//! What a bench asks of itself: that a figure be near that of the bare minimum,
//! or of another library, measured in the same run.

use std::fmt;

use anyhow::Result;

use crate::{
    estimate::{self, Estimate},
    machine::Machine,
    units::{human, three_digits},
};

/// What is asked of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Bound {
    /// Whether the figure is as asked. A figure that is not a number is not.
    pub fn is_met_by(self, figure: f64) -> bool {
        match self {
            Bound::AtMost(limit) => figure <= limit,
            Bound::AtLeast(limit) => figure >= limit,
        }
    }
}

/// A figure, and what is asked of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// What was measured.
    pub what: String,
    /// How much of it. NaN if it could not be measured.
    pub figure: f64,
    /// What the figure counts: `B`, or nothing for a ratio.
    pub unit: &'static str,
    /// What is asked.
    pub asked: Bound,
}

impl fmt::Display for Goal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Goal { what, figure, unit, asked } = self;
        let told = |figure: f64| match (figure.is_nan(), *unit) {
            (true, _) => "not measured".into(),
            (false, "") => three_digits(figure),
            (false, unit) => human(figure, unit),
        };
        let verdict = if asked.is_met_by(*figure) { "met" } else { "missed" };
        let (bound, limit) = match asked {
            Bound::AtMost(limit) => ("at most", told(*limit)),
            Bound::AtLeast(limit) => ("at least", told(*limit)),
        };
        let figure = told(*figure);
        write!(
            formatter,
            "{verdict:<7} {what}: {figure}, asked {bound} {limit}"
        )
    }
}

/// The last lines of a bench.
#[derive(Debug, Default)]
pub struct Goals(Vec<Goal>);

impl Goals {
    /// Adds one.
    pub fn add(&mut self, goal: Goal) {
        self.0.push(goal);
    }

    /// Measures ours and theirs in each round, in alternating order and after a
    /// warm-up, and prints both in seconds and the ratio of the rounds. If
    /// something is asked of it, the ratio is a goal.
    ///
    /// # Errors
    ///
    /// Fails if a measurement does.
    pub fn compare(
        &mut self,
        what: &str,
        [ours, theirs]: [&str; 2],
        (rounds, asked): (usize, Option<Bound>),
        mut our: impl FnMut() -> Result<f64>,
        mut their: impl FnMut() -> Result<f64>,
    ) -> Result<()> {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        our()?;
        their()?;
        for round in 0..rounds {
            if round % 2 == 0 {
                one.push(our()?);
            }
            other.push(their()?);
            if round % 2 == 1 {
                one.push(our()?);
            }
        }
        let Estimate { median, low, high } = estimate::ratio(&one, &other);
        let figure =
            |samples| human(estimate::median(samples).unwrap_or(0.0), "s");
        println!(
            "{what}\n  {ours} {}, {theirs} {}\n  ratio {} [{}, {}] over \
             {rounds} rounds\n",
            figure(&one),
            figure(&other),
            three_digits(median),
            three_digits(low),
            three_digits(high)
        );
        self.0.extend(asked.map(|asked| Goal {
            what: format!("{what}: {ours} / {theirs}"),
            figure: median,
            unit: "",
            asked,
        }));
        Ok(())
    }
}

impl fmt::Display for Goals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = Machine::this();
        writeln!(formatter, "Goals, on {}:", machine.processor())?;
        self.0.iter().try_for_each(|goal| writeln!(formatter, "{goal}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(figure: f64, unit: &'static str, asked: Bound) -> String {
        let what = "a trip".into();
        Goal { what, figure, unit, asked }.to_string()
    }

    #[test]
    fn a_goal_says_whether_it_is_met() {
        for (goal, words) in [
            (
                told(1.2, "", Bound::AtMost(1.25)),
                "met     a trip: 1.20, asked at most 1.25",
            ),
            (
                told(1.3, "", Bound::AtMost(1.25)),
                "missed  a trip: 1.30, asked at most 1.25",
            ),
            (
                told(0.8, "", Bound::AtLeast(0.9)),
                "missed  a trip: 0.80, asked at least 0.90",
            ),
            (
                told(8000.0, "B", Bound::AtMost(8192.0)),
                "met     a trip: 8.00 kB, asked at most 8.19 kB",
            ),
            (
                told(f64::NAN, "B", Bound::AtMost(8192.0)),
                "missed  a trip: not measured, asked at most 8.19 kB",
            ),
        ] {
            assert_eq!(goal, words);
        }
    }

    #[test]
    fn each_round_measures_both_and_nothing_is_asked_of_some() {
        let (mut ours, mut theirs) = (0, 0);
        let mut goals = Goals::default();
        for asked in [Some(Bound::AtMost(2.0)), None] {
            let our = || {
                ours += 1;
                Ok(3.0)
            };
            let their = || {
                theirs += 1;
                Ok(2.0)
            };
            let names = ["ours", "theirs"];
            let compared = goals.compare("it", names, (6, asked), our, their);
            assert!(compared.is_ok());
        }
        assert_eq!([ours, theirs], [14, 14]);
        let lines: Vec<_> = goals.0.iter().map(Goal::to_string).collect();
        assert_eq!(
            lines,
            ["met     it: ours / theirs: 1.50, asked at most 2.00"]
        );
    }
}
