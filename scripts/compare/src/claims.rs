//! What people say about threads and processes, judged by the measurements.
//!
//! A claim has a rule, which is data: the figures it uses, the thresholds they
//! are compared with, and what confirms or refutes it. Verdicts follow from
//! rules alone, so they can differ between machines. The rules follow from the
//! statements: a threshold defines what a word of the statement means.
//!
//! | module | contents |
//! |---|---|
//! | [`claim`] | what a claim is, and what becomes of it |
//! | [`ruling`](mod@ruling) | how a claim can stand |
//! | [`quantity`] | what a rule can ask for |
//! | [`rule`] | what a rule is made of |
//! | [`interpret`] | from a rule and the quantities to a ruling |
//! | [`evidence`] | the measurements, as rules see them |
//! | [`facts`] | what happened to workers |
//! | [`texts`] | what is counted in the sources |
//! | [`answers`](mod@answers) | every quantity, from these three |
//! | [`sources`] | the sources, as of the build |
//! | [`about`] | the claims themselves, by topic |
//! | [`needs`] | the answer: what to use for what |

mod about;
mod answers;
pub mod claim;
mod evidence;
mod facts;
mod interpret;
pub mod needs;
mod quantity;
mod rule;
pub mod ruling;
pub mod sources;
#[cfg(test)]
mod tests;
mod texts;

use std::sync::LazyLock;

use crate::{
    claims::{
        about::{
            code, confining, cores, cost, ending, memory, sharing, waiting,
        },
        claim::{Claim, Group, Judged},
        evidence::Evidence,
        needs::{Answer, Need, all_needs},
        quantity::Figure,
        rule::Rule,
    },
    judge::results::Results,
};

/// All claims.
pub static GROUPS: LazyLock<[Group; 8]> = LazyLock::new(|| {
    [
        memory::group(),
        sharing::group(),
        cores::group(),
        waiting::group(),
        ending::group(),
        confining::group(),
        cost::group(),
        code::group(),
    ]
});

/// All claims, by group, with their verdicts from these results.
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

/// What these results recommend for each need whose scenario was compared.
pub fn answers(results: &Results) -> Vec<Answer> {
    let rust = Evidence::of_rust(results);
    let needs = all_needs().into_iter();
    needs
        .filter(|need| results.find(need.scenario).is_some())
        .map(|need| need.answer(&rust))
        .collect()
}

/// What workers that run pure Python make of all cores, by the first
/// interpreter. None if that was not measured.
pub fn pure_python(results: &Results) -> Option<String> {
    let _first = results.heading.interpreters.first()?;
    needs::pure_python(&Evidence::of_cpython(results, 0))
}

/// The ids of the figures that rules use, by language and scenario.
pub fn asked() -> impl Iterator<Item = (&'static str, &'static str, String)> {
    let needs = all_needs();
    let needed: Vec<_> = needs.iter().flat_map(Need::figures).collect();
    let needed = needed
        .into_iter()
        .map(|Figure { scenario, id, .. }| ("rust", scenario, id.to_owned()));
    let claims = GROUPS.iter().flat_map(|group| &group.claims);
    needed.chain(claims.flat_map(|claim| {
        let by = |language, rule: &Rule| {
            let figures = rule.figures().into_iter();
            figures
                .map(|Figure { scenario, id, .. }| {
                    (language, scenario, id.to_owned())
                })
                .collect::<Vec<_>>()
        };
        [by("rust", &claim.rust), by("cpython", &claim.cpython)].concat()
    }))
}
