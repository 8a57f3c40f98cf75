//! The results in ten lines: one overall, and one for each scenario. They
//! follow by rules from nothing but the verdicts of this run.

use std::collections::BTreeMap;

use common::{estimate::Estimate, outcome::Model};
use maud::{Markup, html};

use crate::{
    claims::{claim::Judged, ruling::Standing},
    judge::{finding::Finding, verdict::Verdict},
    run::{measured::Measured, plan::count},
    show::comparison::Comparison,
};

/// The lines.
pub fn lines(comparison: &Comparison) -> Markup {
    html! {
        ol.answer {
            li { (overall(comparison)) }
            @for scenario in &comparison.results.scenarios {
                li { (line(scenario, &comparison.rows(scenario.plan.scenario.name))) }
            }
        }
    }
}

/// How many claims have which verdict.
pub fn claims(claims: &[Judged]) -> Markup {
    let mut standings: BTreeMap<Standing, usize> = BTreeMap::new();
    for claim in claims {
        *standings.entry(claim.rust.standing).or_default() += 1;
    }
    let words = standings
        .iter()
        .map(|(standing, number)| format!("{standing}: {number}"));
    html! {
        "Verdicts on " a href="#claims" { (count(claims.len(), "claim")) }
        " that people make: " (words.collect::<Vec<_>>().join("; ")) "."
    }
}

/// How many rows have which finding.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    threads: usize,
    processes: usize,
    alike: usize,
    noisy: usize,
}

impl Tally {
    fn of<'all>(verdicts: impl IntoIterator<Item = &'all Verdict>) -> Self {
        let mut tally = Tally::default();
        for finding in verdicts.into_iter().filter_map(|row| row.finding) {
            *match finding {
                Finding::Better(Model::Threads) => &mut tally.threads,
                Finding::Better(Model::Processes) => &mut tally.processes,
                Finding::NoClearDifference => &mut tally.alike,
                Finding::TooNoisy => &mut tally.noisy,
            } += 1;
        }
        tally
    }

    fn judged(&self) -> usize {
        self.threads + self.processes + self.alike + self.noisy
    }

    fn in_words(&self) -> String {
        let &Tally { threads, processes, alike, noisy } = self;
        format!(
            "threads ahead in {threads}, processes in {processes}, no clear \
             difference in {alike}, too noisy to tell in {noisy}"
        )
    }
}

fn overall(comparison: &Comparison) -> Markup {
    let tally = Tally::of(&comparison.verdicts);
    let answer = match (tally.threads, tally.processes) {
        (0, 0) => "No difference was found",
        (_, 0) => "Threads, wherever there is a difference",
        (0, _) => "Processes, wherever there is a difference",
        _ => "It depends on the work",
    };
    html! {
        strong { (answer) "." } " "
        "Of " (count(tally.judged(), "figure")) " that both sides have: "
        (tally.in_words()) "."
    }
}

fn line(measured: &Measured, verdicts: &[&Verdict]) -> Markup {
    let name = measured.plan.scenario.name;
    html! {
        a href={ "#" (name) } { (name) } ": "
        @if let Some(refusal) = measured.refusals.first() {
            "refused, because of " (refusal.model) ": " (refusal.words()) "."
        } @else if verdicts.is_empty() {
            "nothing was measured."
        } @else {
            (ahead(verdicts)) (alone(verdicts)) "."
        }
    }
}

fn ahead(verdicts: &[&Verdict]) -> Markup {
    let tally = Tally::of(verdicts.iter().copied());
    let judged = tally.judged();
    html! {
        @match (tally.threads, tally.processes) {
            (0, 0) => { "neither side is ahead in any of " (judged) " figures" }
            (threads, 0) => { "threads ahead in " (threads) " of " (judged) }
            (0, processes) => {
                "processes ahead in " (processes) " of " (judged)
            }
            (threads, processes) => {
                "threads ahead in " (threads) ", processes in " (processes)
                " of " (judged)
            }
        }
        @if let Some(row) = clearest(verdicts) {
            "; clearest in " em { (row.name()) } ": " (row.words)
        }
    }
}

/// The row whose whole interval is furthest from 1.
fn clearest<'all>(verdicts: &[&'all Verdict]) -> Option<&'all Verdict> {
    let distance = |verdict: &Verdict| match (verdict.finding, verdict.ratio) {
        (Some(Finding::Better(_)), Some(Estimate { low, high, .. })) => {
            Some(if low > 1.0 { low } else { 1.0 / high })
        }
        _ => None,
    };
    verdicts
        .iter()
        .filter_map(|&verdict| Some((distance(verdict)?, verdict)))
        .max_by(|(this, _), (that, _)| this.total_cmp(that))
        .map(|(_, verdict)| verdict)
}

/// Rows with a figure of one side only.
fn alone(verdicts: &[&Verdict]) -> String {
    [Model::Threads, Model::Processes]
        .into_iter()
        .filter_map(|model| {
            let rows =
                verdicts.iter().filter(|row| row.only == Some(model)).count();
            let rows = (rows > 0).then(|| count(rows, "figure"))?;
            Some(format!("; {rows} that only {model} have"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::words::Words;

    fn row(low: f64, high: f64) -> Verdict {
        let ratio = Estimate { median: low, low, high };
        Verdict {
            scenario: "ipc",
            id: format!("from {low} to {high}"),
            label: "wait".into(),
            variant: None,
            unit: "s".into(),
            is_headline: false,
            threads: Some(1.0),
            processes: Some(1.0),
            ratio: Some(ratio),
            finding: Some(Finding::of(ratio)),
            only: None,
            words: Words::plain("so"),
        }
    }

    #[test]
    fn rows_are_counted_by_what_was_found() {
        let rows = [row(2.0, 3.0), row(0.1, 0.2), row(1.0, 1.0), row(0.5, 2.0)];
        let tally = Tally::of(&rows);
        let one_each = Tally { threads: 1, processes: 1, alike: 1, noisy: 1 };
        assert_eq!(tally, one_each);
        assert_eq!(tally.judged(), 4);
    }

    #[test]
    fn the_clearest_row_is_clear_by_its_whole_interval() {
        let rows = [row(2.0, 90.0), row(0.1, 0.25), row(0.001, 99.0)];
        let rows: Vec<&Verdict> = rows.iter().collect();
        let name = clearest(&rows).map(|verdict| verdict.id.as_str());
        assert_eq!(name, Some("from 0.1 to 0.25"));
        assert!(clearest(&rows[2..]).is_none());
    }

    #[test]
    fn what_one_side_has_alone_is_named() {
        let lone = |model| Verdict {
            finding: None,
            ratio: None,
            only: Some(model),
            ..row(1.0, 1.0)
        };
        let rows = [lone(Model::Processes), lone(Model::Processes)];
        let rows: Vec<&Verdict> = rows.iter().collect();
        assert_eq!(alone(&rows), "; 2 figures that only processes have");
        assert_eq!(alone(&[]), "");
    }
}
