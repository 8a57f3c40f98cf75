//! What a claim is, and what becomes of it.

use serde::Serialize;

use crate::claims::{rule::Rule, ruling::Ruling};

/// What one notices, and might choose by: a quarter more. The judge's own
/// [`CLEAR`](crate::judge::finding::CLEAR) tells that there is a difference at
/// all, and claims say more than that.
pub const NOTICED: f64 = 1.25;

/// The same the other way round.
pub const UNNOTICED: f64 = 1.0 / NOTICED;

/// A statement on threads and processes, and how it is judged.
#[derive(Debug)]
pub struct Claim {
    /// `C17`.
    pub id: &'static str,
    /// In a few words, so that its figure stands beside it.
    pub statement: &'static str,
    /// Where a reader sees it.
    pub place: Place,
    /// What figures of the Rust pairs say of it.
    pub rust: Rule,
    /// What those of CPython say.
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

/// Claims on one matter.
#[derive(Debug)]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// In the order in which they are shown.
    pub claims: Vec<Claim>,
}

/// A claim, and how it stands here.
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
    /// How it stands in Rust.
    pub rust: Ruling,
    /// How it stands in CPython, by each of the interpreters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpython: Vec<Ruling>,
}
