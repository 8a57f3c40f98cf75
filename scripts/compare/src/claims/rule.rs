//! What a rule is made of: quantities, what they are held against, and what
//! then becomes of the claim. It is data, which [`interpret`] makes a ruling
//! of, and which a test can go through.
//!
//! A rule has cases that are tried in order. The first that applies decides.
//! What confirms the claim, and what refutes it, is each a case; what did not
//! show is none, and so leads to [`Rule::otherwise`], which tells how to see
//! it. A case that cannot be told, for a figure is missing or too noisy, ends
//! it as well: nothing is decided by luck.
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
    /// What to say where no case applies: how to see it.
    pub otherwise: &'static str,
}

/// What becomes of the claim, and when.
#[derive(Debug, Clone)]
pub struct Case {
    /// When it applies.
    pub when: When,
    /// How the claim stands then.
    pub standing: Standing,
    /// What to say instead, or why nothing was measured.
    pub words: Option<&'static str>,
    /// What was measured, if it is not what the rule shows.
    pub shown: Option<Shown>,
}

/// A condition. It holds, or it does not, or it cannot be told.
#[derive(Debug, Clone)]
pub enum When {
    /// The quantity is above the threshold, with its whole interval. It is
    /// not if the whole interval is at or below it.
    Exceeds(Quantity, f64),
    /// The condition does not hold.
    Not(Box<When>),
    /// All hold.
    All(Vec<When>),
    /// One holds, whatever the others do.
    Any(Vec<When>),
}

/// Words with gaps, `{}`, for what was measured.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The words.
    pub text: &'static str,
    /// What goes into the gaps.
    pub gaps: Vec<Gap>,
}

/// What goes into a gap.
#[derive(Debug, Clone)]
pub enum Gap {
    /// A quantity.
    One(Quantity, Form),
    /// Of these that with the highest interval, by its name.
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
    /// A share that may be tiny.
    Share,
    /// So many of this: `2 locks`.
    Of(&'static str),
    /// So many.
    Plain,
}

/// See [`When::Exceeds`].
pub fn exceeds(quantity: Quantity, threshold: f64) -> When {
    When::Exceeds(quantity, threshold)
}

/// The other way round.
pub fn at_most(quantity: Quantity, threshold: f64) -> When {
    not(exceeds(quantity, threshold))
}

/// There is some of it.
pub fn some(quantity: Quantity) -> When {
    exceeds(quantity, 0.0)
}

/// There is none of it.
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

/// The last case: whatever it is.
pub fn else_() -> When {
    When::All(Vec::new())
}

impl When {
    /// Confirmed.
    pub fn holds(self) -> Case {
        self.is(Standing::Holds, None)
    }

    /// Refuted.
    pub fn refutes(self) -> Case {
        self.is(Standing::DoesNotHold, None)
    }

    /// Void in Rust.
    pub fn only_in_cpython(self) -> Case {
        self.is(Standing::OnlyInCPython, None)
    }

    /// Confirmed, if one says it so.
    pub fn rewords(self, words: &'static str) -> Case {
        self.is(Standing::Reworded, Some(words))
    }

    /// Neither, for this reason.
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

/// These words, with these quantities.
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
    /// With these words where no case applies.
    pub fn or(self, otherwise: &'static str) -> Self {
        Rule { otherwise, ..self }
    }

    /// Every figure that it asks for.
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
    /// Every quantity, and what it is held against.
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
