//! What a claim is, and what becomes of it.

use serde::Serialize;

use crate::claims::{rule::Rule, ruling::Ruling};

/// A difference that people notice and might choose by: a quarter more. The
/// judge's own [`CLEAR`](crate::judge::finding::CLEAR) only means that there is
/// a difference at all; claims say more than that.
pub const NOTICED: f64 = 1.25;

/// The same in the other direction.
pub const UNNOTICED: f64 = 1.0 / NOTICED;

/// A statement about threads and processes, and how it is judged.
#[derive(Debug)]
pub struct Claim {
    /// `C17`.
    pub id: &'static str,
    /// Short, so that its figure fits beside it.
    pub statement: &'static str,
    /// Where readers can see it.
    pub place: Place,
    /// The rule for the figures of the Rust pairs.
    pub rust: Rule,
    /// The rule for those of CPython.
    pub cpython: Rule,
}

/// A function on both sides of a pair.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Place {
    /// The scenario's name.
    pub scenario: &'static str,
    /// The file of its package: `src/main.rs`.
    pub file: &'static str,
    /// The function of that file.
    pub function: &'static str,
}

impl Place {
    /// This function of this file.
    pub const fn new(
        scenario: &'static str,
        file: &'static str,
        function: &'static str,
    ) -> Self {
        Place { scenario, file, function }
    }
}

/// Claims on one topic.
#[derive(Debug)]
pub struct Group {
    /// The topic.
    pub title: &'static str,
    /// In the order shown.
    pub claims: Vec<Claim>,
}

/// A claim and its verdicts.
#[derive(Debug, Serialize)]
pub struct Judged {
    /// [`Claim::id`].
    pub id: &'static str,
    /// [`Group::title`].
    pub group: &'static str,
    /// [`Claim::statement`].
    pub statement: &'static str,
    /// [`Claim::place`].
    #[serde(flatten)]
    pub place: Place,
    /// The verdict for Rust.
    pub rust: Ruling,
    /// The verdict for CPython, by interpreter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpython: Vec<Ruling>,
}
