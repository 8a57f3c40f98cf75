//! What people say of threads and processes, judged by what was measured.
//!
//! A claim has a rule, which is data: which figures it rests on, what they are
//! held against, and what confirms or refutes it. Verdicts come from rules
//! alone, so that another machine may have others. The rules follow from the
//! statements: a threshold says what a word of the statement is taken to mean.
//!
//! | module | holds |
//! |---|---|
//! | [`ruling`](mod@ruling) | how a claim can stand |
//! | [`rule`] | what a rule is made of |
//! | [`interpret`] | from a rule and the evidence to a ruling |
//! | [`evidence`] | the quantities that rules ask for |
//! | [`facts`] | those of what became of workers |
//! | [`texts`] | those that are counted in the sources |
//! | [`memory`] | claims on memory, and on handing over what is in it |
//! | [`sharing`] | claims on what several write to |
//! | [`cores`] | claims on the use of cores, and on the GIL |
//! | [`waiting`] | claims on those who wait: users and clients |
//! | [`ending`] | claims on killing and dying |
//! | [`cost`] | claims on what messages, starts and system calls take |
//! | [`code`] | claims on the programs' text |

mod code;
mod cores;
mod cost;
mod ending;
mod evidence;
mod facts;
mod interpret;
mod memory;
mod rule;
mod ruling;
mod sharing;
#[cfg(test)]
mod tests;
mod texts;
mod waiting;

use std::sync::LazyLock;

use serde::Serialize;

use crate::{asked::Asked, results::Results};

use evidence::Evidence;
use rule::{Case, Figure, Rule};
pub use ruling::{Missing, Ruling, Standing};

/// What one notices, and might choose by: a quarter more. The judge's own
/// [`CLEAR`](crate::judge::CLEAR) tells that there is a difference at all,
/// and claims say more than that.
const NOTICED: f64 = 1.25;

/// The same the other way round.
const UNNOTICED: f64 = 1.0 / NOTICED;

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
    rust: Rule,
    /// What those of CPython say.
    cpython: Rule,
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
    const fn new(
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

/// All claims.
pub static GROUPS: LazyLock<[Group; 7]> = LazyLock::new(|| {
    [
        memory::group(),
        sharing::group(),
        cores::group(),
        waiting::group(),
        ending::group(),
        cost::group(),
        code::group(),
    ]
});

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

/// All claims, by group, as these results have them stand.
pub fn judge(results: &Results) -> Vec<Judged> {
    let rust = Evidence::of_rust(results);
    let interpreters = 0..results.heading.interpreters.len();
    let judged = |group: &Group, claim: &Claim| Judged {
        id: claim.id,
        group: group.title,
        statement: claim.statement,
        place: claim.place,
        rust: interpret::ruling(&claim.rust, &rust),
        cpython: interpreters
            .clone()
            .map(|number| Evidence::of_cpython(results, number))
            .map(|evidence| interpret::ruling(&claim.cpython, &evidence))
            .collect(),
    };
    GROUPS
        .iter()
        .flat_map(|group| {
            group.claims.iter().map(move |claim| judged(group, claim))
        })
        .collect()
}

/// The ids of the figures that rules ask for, by language and scenario.
pub fn asked() -> impl Iterator<Item = Asked> {
    let claims = GROUPS.iter().flat_map(|group| &group.claims);
    claims.flat_map(|claim| {
        let by = |language, rule: &Rule| {
            let figures = rule.figures().into_iter();
            figures
                .map(|Figure { scenario, id, .. }| {
                    (language, scenario, id.to_owned())
                })
                .collect::<Vec<_>>()
        };
        [by("rust", &claim.rust), by("cpython", &claim.cpython)].concat()
    })
}
