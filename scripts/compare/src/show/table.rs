//! The page for a terminal: at most 100 columns wide.

use std::{fmt, iter, path::Path};

use common::{escaped::Escaped, outcome::Model};

use crate::{
    claims::{
        GROUPS,
        claim::{Group, Judged},
        ruling::{Ruling, Standing},
    },
    judge::{
        beside::{Beside, Row},
        disturbance::{self, Disturbance},
        results::Results,
        verdict::Verdict,
    },
    run::{
        interpreter::Interpreter,
        measured::Measured,
        plan::{Series, count},
        refusal::Refusal,
    },
    show::{
        answer,
        comparison::Comparison,
        layout::{COLUMNS, columns, facts, paragraph, sheet, wrapped},
        shell,
    },
};

/// The same for claims: id, language, verdict, statement with its figure, pair.
const CLAIM_COLUMNS: [u16; 5] = [4, 8, 16, 54, 14];

/// The same for figures in two languages.
const COLUMNS_BESIDE: [u16; 6] = [22, 12, 12, 12, 12, 25];

const HEADER_BESIDE: [&str; 6] = [
    "what",
    "Rust: threads",
    "processes",
    "CPython: threads",
    "processes",
    "CPython verdict",
];

const NO_PYTHON: &str = "none: install python3 (3.9 or later), or pass \
    --python PATH, to compare threading and multiprocessing too";

const HOW_TO_READ: [&str; 4] = [
    "“threads 1.08× faster [1.05, 1.11]”: the median ratio over pairs of \
     programs, and its interval (95 % confidence). Without a winner, a ratio \
     above 1 favours threads.",
    "“no clear difference”: the whole interval is within 10 % either way; “no \
     large difference”: within 25 %; otherwise “too noisy to tell”.",
    "Total: one slice of the part that stands for the pair, from the first \
     start to the last stop.",
    "Memory: of all processes, when the answers are in; shared pages are \
     divided among their users (PSS).",
];

/// For a scenario that cannot be measured here at all.
pub const MORE_CORES: &str = "Not measured: needs at least two cores.";

/// Everything that is shown.
#[derive(Debug)]
pub struct Page<'all> {
    /// The measurements and the verdicts.
    pub comparison: &'all Comparison,
    /// The file of samples.
    pub samples: &'all Path,
    /// Where the report is, if it could be written.
    pub report: Option<&'all Path>,
    /// Whether every row and every claim is shown.
    pub all: bool,
}

const MORE: &str = "Every row, every claim, and CPython: in the report, or by \
    --all.";

impl fmt::Display for Page<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n", self.circumstances())?;
        for scenario in &self.comparison.results.scenarios {
            self.scenario(formatter, scenario)?;
        }
        for text in HOW_TO_READ {
            writeln!(formatter, "{}", paragraph(text))?;
        }
        writeln!(formatter, "{}", self.refused())?;
        if self.all {
            for group in GROUPS.iter() {
                writeln!(formatter, "{}\n", self.claims(group))?;
            }
        } else {
            let corrected = self.corrected();
            writeln!(formatter, "{corrected}\n\n{}\n", paragraph(MORE))?;
        }
        let results = &self.comparison.results;
        let disturbances = disturbances(&disturbance::of(results));
        writeln!(formatter, "{}\n\n{disturbances}", self.whereabouts())?;
        writeln!(formatter, "{}", answer::text(self.comparison))
    }
}

impl Page<'_> {
    fn circumstances(&self) -> String {
        let machine = &self.comparison.results.heading.machine;
        let place = format!(
            "{}, {}, {}",
            Escaped(machine.processor()),
            count(machine.cores, "core"),
            Escaped(&machine.kernel)
        );
        let command = shell::line(&self.comparison.results.heading.command);
        let command = format!("compare {command}");
        let workers = count(self.comparison.results.heading.workers, "worker");
        let workers = format!("{workers} per side, where work is shared out");
        let rustc = Escaped(&machine.rustc).to_string();
        let interpreters = self.interpreters();
        let mut lines = vec![
            ["machine", &place],
            ["compiler", &rustc],
            ["command", command.trim_end()],
            ["date", &self.comparison.results.heading.date],
            ["workers", &workers],
        ];
        lines.extend(interpreters.iter().map(|words| ["python", words]));
        facts(lines)
    }

    /// Each interpreter's description of itself, or how to get one.
    fn interpreters(&self) -> Vec<String> {
        let interpreters = &self.comparison.results.heading.interpreters;
        let mut lines = Interpreter::introductions(interpreters);
        lines.extend(self.comparison.results.heading.left_out.clone());
        if interpreters.is_empty() {
            lines.push(NO_PYTHON.into());
        }
        lines
    }

    fn scenario(
        &self,
        formatter: &mut fmt::Formatter<'_>,
        scenario: &Measured,
    ) -> fmt::Result {
        writeln!(formatter, "{}", title(scenario))?;
        if self.all {
            writeln!(formatter, "{}", wrapped(&scenario.legend()))?;
        }
        writeln!(formatter, "{}\n", self.group(scenario))?;
        if self.all {
            for beside in self.beside(scenario) {
                writeln!(formatter, "{beside}\n")?;
            }
        }
        Ok(())
    }

    /// The scenario in both languages, a table for each interpreter.
    fn beside(&self, scenario: &Measured) -> Vec<String> {
        let scenario = scenario.plan.scenario;
        let Some(beside) = self.comparison.results.find_beside(scenario.name)
        else {
            return Vec::new();
        };
        let interpreters = self.comparison.results.heading.interpreters.iter();
        let tables = interpreters.zip(0..).map(|(interpreter, number)| {
            let words = Escaped(&interpreter.words);
            let title = format!(
                "{}, {words}, and Rust at the same size",
                scenario.name
            );
            let rows = beside.rows(number).into_iter().map(row_beside);
            let refused = beside.refusals(number).map(refused_row_beside);
            let header = HEADER_BESIDE;
            let rows = refused.chain(rows).collect();
            let sheet = sheet(COLUMNS_BESIDE, header, rows);
            format!("{}\n{sheet}", wrapped(&title))
        });
        tables.collect()
    }

    fn group(&self, scenario: &Measured) -> String {
        let name = scenario.plan.scenario.name;
        let verdicts = self.comparison.verdicts.iter();
        let is_shown = |verdict: &&Verdict| {
            verdict.scenario == name && (self.all || verdict.is_headline)
        };
        let judged = verdicts.filter(is_shown).map(judged_row);
        let refused = scenario.refusals.iter().map(refused_row);
        let rows: Vec<[String; 4]> = refused.chain(judged).collect();
        if rows.is_empty() && scenario.plan.needs_more_cores() {
            return MORE_CORES.into();
        }
        sheet(COLUMNS, ["what", "threads", "processes", "verdict"], rows)
    }

    fn claims(&self, group: &Group) -> String {
        let claims = self.comparison.claims.iter();
        let claims = claims.filter(|claim| claim.group == group.title);
        let table = columns(CLAIM_COLUMNS, claims.flat_map(claim_rows));
        format!("Claims: {}\n{table}", group.title)
    }

    /// The claims that were judged and do not simply hold, for Rust alone.
    fn corrected(&self) -> String {
        let as_stated = [Standing::Holds, Standing::NotMeasured];
        let claims = self.comparison.claims.iter();
        let rows = claims
            .filter(|claim| !as_stated.contains(&claim.rust.standing))
            .filter_map(|claim| claim_rows(claim).next());
        format!(
            "Claims that do not simply hold\n{}",
            columns(CLAIM_COLUMNS, rows)
        )
    }

    fn refused(&self) -> String {
        let Results { scenarios, beside, .. } = &self.comparison.results;
        let refused = |all: &mut dyn Iterator<Item = &Measured>| {
            all.filter(|measured| !measured.is_sound()).count()
        };
        let pairs = refused(&mut scenarios.iter());
        let abroad = refused(&mut beside.iter().flat_map(Beside::all));
        let all = scenarios.len();
        match (pairs, abroad) {
            (0, 0) => String::new(),
            (pairs, 0) => {
                format!(
                    "\nRefused: {pairs} of {all} scenarios. Exit status 1.\n"
                )
            }
            (pairs, abroad) => format!(
                "\nRefused: {pairs} of {all} scenarios; compared with CPython: \
                 {abroad}. Exit status 1.\n"
            ),
        }
    }

    fn whereabouts(&self) -> String {
        let path = |path| Escaped(path).to_string();
        let samples = path(self.samples);
        let report = self.report.map(path);
        let report = report.iter().map(|report| ["report", report]);
        facts(iter::once(["samples", &*samples]).chain(report))
    }
}

/// Each with its remedy.
pub fn disturbances(disturbances: &[Disturbance]) -> String {
    let mut lines = Vec::new();
    for Disturbance { what, remedy } in disturbances {
        lines.push(["warning", what]);
        lines.push(["", remedy]);
    }
    if lines.is_empty() { String::new() } else { facts(lines) + "\n" }
}

fn title(scenario: &Measured) -> String {
    let scenario = scenario.plan.scenario;
    format!("{}: {}", scenario.name, scenario.question)
}

/// What was measured, the figures of both sides, and the verdict.
pub fn judged_row(verdict: &Verdict) -> [String; 4] {
    [
        verdict.name(),
        verdict.figure(Model::Threads),
        verdict.figure(Model::Processes),
        verdict.words.to_string(),
    ]
}

fn refused_row(refusal: &Refusal) -> [String; 4] {
    let side = |model| {
        if refusal.model == model { "refused".into() } else { String::new() }
    };
    [
        refusal.moment(),
        side(Model::Threads),
        side(Model::Processes),
        refusal.words(),
    ]
}

/// A line for each language: the statement, the correction if any, and the
/// figure.
fn claim_rows(claim: &Judged) -> impl Iterator<Item = [String; 5]> {
    let Judged { id, statement, place, .. } = claim;
    let rust = claim_row(&claim.rust, "Rust", format!("“{statement}”: "));
    let [_, language, standing, words, _] = rust;
    let rust = [(*id).into(), language, standing, words, place.scenario.into()];
    let names = Interpreter::names(claim.cpython.len());
    let cpython = names.into_iter().zip(&claim.cpython);
    let cpython =
        cpython.map(|(name, ruling)| claim_row(ruling, &name, String::new()));
    iter::once(rust).chain(cpython)
}

fn claim_row(
    ruling: &Ruling,
    language: &str,
    statement: String,
) -> [String; 5] {
    let Ruling { standing, figure, correction } = ruling;
    let words = statement
        + &match correction {
            Some(correction) => format!("{correction} ({figure})"),
            None => figure.clone(),
        };
    let nothing = String::new;
    [nothing(), language.into(), standing.to_string(), words, nothing()]
}

fn row_beside(row: Row) -> [String; 6] {
    let Row { name, rust, cpython, words } = row;
    let ([one, other], [this, that]) = (rust, cpython);
    [name, one, other, this, that, words.to_string()]
}

fn refused_row_beside(refusal: &Refusal) -> [String; 6] {
    let [moment, threads, processes, words] = refused_row(refusal);
    let nothing = String::new;
    match refusal.series {
        Series::CPython(_) => {
            [moment, nothing(), nothing(), threads, processes, words]
        }
        _ => [moment, threads, processes, nothing(), nothing(), words],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::{claims::claim::Claim, judge::planted::Planted};

    /// All claims, each with more text than any has.
    fn wordy(figure: &str) -> Vec<Judged> {
        let judged = |group: &Group, claim: &Claim| Judged {
            id: claim.id,
            group: group.title,
            statement: claim.statement,
            place: claim.place,
            rust: Ruling {
                standing: Standing::Reworded,
                figure: figure.into(),
                correction: Some(
                    "what_is_said_instead_in_many_words_and_all_of_them_as_one",
                ),
            },
            cpython: Vec::new(),
        };
        let groups = GROUPS.iter();
        groups
            .flat_map(|group| {
                group.claims.iter().map(move |claim| judged(group, claim))
            })
            .collect()
    }

    #[test]
    fn a_page_of_claims_is_not_wider_than_a_hundred_columns() {
        let sentence = "threads 1.05× [1.01, 1.10], processes 22×; ".repeat(4);
        let word = "processes×".repeat(12);
        for figure in [sentence, word, "数据库".repeat(30), String::new()] {
            let comparison = Comparison {
                results: Planted::nothing().results(),
                verdicts: Vec::new(),
                claims: wordy(&figure),
                answers: Vec::new(),
            };
            let page = Page {
                comparison: &comparison,
                samples: Path::new("target/compare/samples.json"),
                report: None,
                all: true,
            };
            let page = page.to_string();
            let first_words: BTreeSet<&str> = page
                .lines()
                .filter_map(|line| line.split_whitespace().next())
                .collect();
            for Judged { id, .. } in &comparison.claims {
                assert!(first_words.contains(id), "no {id} in\n{page}");
            }
            for line in page.lines() {
                assert!(
                    line.width() <= 100,
                    "{} columns: {line}",
                    line.width()
                );
                assert_eq!(line.trim_end(), line, "white space at the end");
            }
        }
    }
}
