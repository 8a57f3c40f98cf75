//! What a rule is made of: quantities, the thresholds they are compared with,
//! and the consequence for the claim. It is data, which [`interpret`] turns
//! into a ruling and which a test can enumerate.
//!
//! A rule has cases that are tried in order; the first that applies decides.
//! Confirmation and refutation are cases. If no case applies, nothing was
//! shown, and [`Rule::otherwise`] explains how to see it. A case that cannot be
//! decided, because a figure is missing or too noisy, also stops the
//! evaluation: no verdict is a matter of luck.
//!
//! [`interpret`]: super::interpret

use common::outcome::Better;

use crate::claims::{
    quantity::{Figure, Quantity},
    ruling::Standing,
};

/// How a claim is judged.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What was measured, in words.
    pub shown: Shown,
    /// Tried in order.
    pub cases: Vec<Case>,
    /// What to report if no case applies: how to see it.
    pub otherwise: &'static str,
}

/// When it applies, and what it means for the claim.
#[derive(Debug, Clone)]
pub struct Case {
    /// When it applies.
    pub when: When,
    /// How the claim stands then.
    pub standing: Standing,
    /// The correction, or why nothing was measured.
    pub words: Option<&'static str>,
    /// What was measured, if different from what the rule shows.
    pub shown: Option<Shown>,
}

/// A condition. It is true, false or unknown.
#[derive(Debug, Clone)]
pub enum When {
    /// True if the quantity's whole interval is above the threshold, false if
    /// it is at or below.
    Exceeds(Quantity, f64),
    /// The negation.
    Not(Box<When>),
    /// All are true.
    All(Vec<When>),
    /// At least one is true, whatever the others are.
    Any(Vec<When>),
}

/// Text with gaps, `{}`, for what was measured.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The text.
    pub text: &'static str,
    /// What fills the gaps.
    pub gaps: Vec<Gap>,
}

/// What fills a gap.
#[derive(Debug, Clone)]
pub enum Gap {
    /// A quantity.
    One(Quantity, Form),
    /// The one with the highest interval, with its name.
    Highest(Vec<(&'static str, Quantity)>),
}

/// How a quantity is written.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// `1.30×`.
    Times,
    /// `1.30× [1.20, 1.40]`.
    Interval,
    /// Of how many times better threads are, in this unit:
    /// `threads 1.30× faster [1.20, 1.40]`.
    Verdict(&'static str, Better),
    /// `1.30`.
    Number,
    /// In this unit.
    In(&'static str),
    /// A share, possibly tiny.
    Share,
    /// With a noun: `2 locks`.
    Of(&'static str),
    /// A whole number.
    Plain,
}

/// See [`When::Exceeds`].
pub fn exceeds(quantity: Quantity, threshold: f64) -> When {
    When::Exceeds(quantity, threshold)
}

/// The opposite.
pub fn at_most(quantity: Quantity, threshold: f64) -> When {
    not(exceeds(quantity, threshold))
}

/// There is some.
pub fn some(quantity: Quantity) -> When {
    exceeds(quantity, 0.0)
}

/// There is none.
pub fn none(quantity: Quantity) -> When {
    at_most(quantity, 0.0)
}

/// See [`When::Not`].
pub fn not(when: When) -> When {
    When::Not(Box::new(when))
}

/// See [`When::All`].
pub fn all<const N: usize>(conditions: [When; N]) -> When {
    When::All(conditions.into())
}

/// See [`When::Any`].
pub fn any(conditions: impl IntoIterator<Item = When>) -> When {
    When::Any(conditions.into_iter().collect())
}

/// The last case, which always applies.
pub fn else_() -> When {
    When::All(Vec::new())
}

impl When {
    /// Confirms the claim.
    pub fn holds(self) -> Case {
        self.is(Standing::Holds, None)
    }

    /// Refutes the claim.
    pub fn refutes(self) -> Case {
        self.is(Standing::DoesNotHold, None)
    }

    /// Does not apply to Rust.
    pub fn only_in_cpython(self) -> Case {
        self.is(Standing::OnlyInCPython, None)
    }

    /// Confirms the claim with this correction.
    pub fn rewords(self, words: &'static str) -> Case {
        self.is(Standing::Reworded, Some(words))
    }

    /// Decides nothing, for this reason.
    pub fn tells_nothing(self, words: &'static str) -> Case {
        self.is(Standing::NotMeasured, Some(words))
    }

    fn is(self, standing: Standing, words: Option<&'static str>) -> Case {
        Case { when: self, standing, words, shown: None }
    }
}

impl Case {
    /// Shows this instead of what the rule shows.
    pub fn showing(self, shown: Shown) -> Self {
        Case { shown: Some(shown), ..self }
    }
}

/// This text, with these quantities.
pub fn show<const N: usize>(
    text: &'static str,
    gaps: [(Quantity, Form); N],
) -> Shown {
    let one = |(quantity, form)| Gap::One(quantity, form);
    Shown { text, gaps: gaps.into_iter().map(one).collect() }
}

impl Shown {
    /// Judged by these cases.
    pub fn by<const N: usize>(self, cases: [Case; N]) -> Rule {
        let otherwise = "what was measured neither confirms nor refutes it";
        Rule { shown: self, cases: cases.into(), otherwise }
    }
}

impl Rule {
    /// With this text where no case applies.
    pub fn or(self, otherwise: &'static str) -> Self {
        Rule { otherwise, ..self }
    }

    /// Every figure it asks for.
    pub fn figures(&self) -> Vec<Figure> {
        let mut quantities = self.shown.quantities();
        for Case { when, shown, .. } in &self.cases {
            quantities.extend(when.thresholds().iter().map(|(it, _)| *it));
            quantities.extend(shown.iter().flat_map(Shown::quantities));
        }
        quantities.into_iter().flat_map(Quantity::figures).collect()
    }
}

impl Shown {
    /// What goes into its gaps.
    pub fn quantities(&self) -> Vec<Quantity> {
        let of_gap = |gap: &Gap| match gap {
            Gap::One(quantity, _) => vec![*quantity],
            Gap::Highest(all) => all.iter().map(|(_, it)| *it).collect(),
        };
        self.gaps.iter().flat_map(of_gap).collect()
    }
}

impl When {
    /// Every quantity and its threshold.
    pub fn thresholds(&self) -> Vec<(Quantity, f64)> {
        match self {
            When::Exceeds(quantity, threshold) => vec![(*quantity, *threshold)],
            When::Not(one) => one.thresholds(),
            When::All(all) | When::Any(all) => {
                all.iter().flat_map(When::thresholds).collect()
            }
        }
    }
}
