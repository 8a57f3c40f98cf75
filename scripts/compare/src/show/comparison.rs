//! Everything that a page shows: the measurements and the verdicts.

use serde::Serialize;

use crate::{
    claims::{self, claim::Judged, needs::Answer},
    judge::{
        disturbance::{self, Disturbance},
        results::Results,
        verdict::Verdict,
    },
    run::{environment::Environment, refusal::Refusal},
};

/// A comparison with its verdicts.
#[derive(Debug)]
pub struct Comparison {
    /// What was measured, where and when.
    pub results: Results,
    /// The rows of all scenarios that were not refused.
    pub verdicts: Vec<Verdict>,
    /// The claims, and how they stand.
    pub claims: Vec<Judged>,
    /// What this recommends.
    pub answers: Vec<Answer>,
}

impl Comparison {
    /// Judges what was measured.
    pub fn of(results: Results) -> Self {
        let (verdicts, claims) = (results.verdicts(), claims::judge(&results));
        let answers = claims::answers(&results);
        Comparison { results, verdicts, claims, answers }
    }

    /// The rows of a scenario.
    pub fn rows(&self, scenario: &str) -> Vec<&Verdict> {
        let rows = self.verdicts.iter();
        rows.filter(|verdict| verdict.scenario == scenario).collect()
    }

    /// What follows the samples in their file.
    pub fn conclusion(&self) -> Conclusion<'_> {
        Conclusion {
            verdicts: &self.verdicts,
            claims: &self.claims,
            answers: &self.answers,
            refusals: self.results.refusals().collect(),
            environment: self.results.environment.as_ref(),
            disturbances: disturbance::of(&self.results),
        }
    }
}

/// What follows the samples in their file. It is meant for other programs: this
/// one judges anew.
#[derive(Debug, Serialize)]
pub struct Conclusion<'all> {
    verdicts: &'all [Verdict],
    claims: &'all [Judged],
    answers: &'all [Answer],
    refusals: Vec<&'all Refusal>,
    environment: Option<&'all Environment>,
    disturbances: Vec<Disturbance>,
}
