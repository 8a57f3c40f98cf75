//! A scenario in two languages, at one size.
//!
//! Pure Python in CPython is tens of times slower than Rust. So the pair runs
//! once more, at a size that suits CPython, and all programs take turns: the
//! judge compares each language's two sides as usual, and the figures of both
//! languages are of the same work.

use common::outcome::Model;

use crate::{
    judge::{
        verdict::{self, Verdict},
        words::Words,
    },
    run::{
        measured::Measured,
        plan::{Plan, Series},
        refusal::Refusal,
    },
};

/// The measurements of one scenario in two languages.
#[derive(Debug)]
pub struct Beside {
    /// The pair.
    pub rust: Measured,
    /// CPython, by interpreter.
    pub cpython: Vec<Measured>,
}

impl Beside {
    /// Nothing measured yet: as planned, but at this size and for this many
    /// interpreters.
    pub fn empty(plan: &Plan, interpreters: usize) -> Self {
        let of = |series| Measured::empty(Plan { series, ..*plan });
        Beside {
            rust: of(Series::Beside),
            cpython: (0..interpreters).map(Series::CPython).map(of).collect(),
        }
    }

    /// All of them, the pair first.
    pub fn all(&self) -> impl Iterator<Item = &Measured> {
        [&self.rust].into_iter().chain(&self.cpython)
    }

    /// The figures of an interpreter, beside those of Rust. Where Rust has one
    /// variant and CPython several, each stands beside that one.
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

    /// Why this interpreter's figures are missing, or have nothing to be
    /// compared with.
    pub fn refusals(
        &self,
        interpreter: usize,
    ) -> impl Iterator<Item = &Refusal> {
        let cpython = self.cpython.get(interpreter).into_iter();
        let both = [&self.rust].into_iter().chain(cpython);
        both.flat_map(|measured| &measured.refusals)
    }

    /// The measurements of a series, if it is one of these.
    pub fn find_mut(&mut self, series: Series) -> Option<&mut Measured> {
        match series {
            Series::Pair => None,
            Series::Beside => Some(&mut self.rust),
            Series::CPython(number) => self.cpython.get_mut(number),
        }
    }
}

/// A figure in two languages: threads first, with units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Empty where Rust has no such figure.
    pub rust: [String; 2],
    /// Empty where a side of CPython has none.
    pub cpython: [String; 2],
    /// The verdict on the two sides of CPython.
    pub words: Words,
}

fn figures(verdict: &Verdict) -> [String; 2] {
    [Model::Threads, Model::Processes].map(|model| verdict.figure(model))
}
