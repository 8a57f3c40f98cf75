//! Both sources of a scenario side by side, aligned by the lines they have in
//! common.
//!
//! Hunks are aligned, not lines: where there is room the two halves of a hunk
//! stand side by side, and on a phone one above the other, as in a unified
//! diff, where common lines are shown once.

use common::outcome::Model;
use maud::{Markup, html};
use similar::{DiffTag, TextDiff};

use crate::{
    claims::sources::{self, Pair, Single, Source},
    judge::verdict::Verdict,
    run::plan::count,
    show::report::highlight,
};

/// Every file of a scenario, those that one side has alone last. The first is
/// open.
pub fn listings(
    scenario: &common::scenarios::Scenario,
    verdicts: &[&Verdict],
) -> Markup {
    html! {
        @for (index, pair) in sources::pairs(scenario).iter().enumerate() {
            details.listing open[index == 0] {
                summary {
                    code { (pair.threads.name()) } " "
                    span.quiet { (difference(pair)) }
                }
                (figures(pair, verdicts))
                (listing(scenario.name, pair))
            }
        }
        @for single in sources::singles(scenario) {
            details.listing {
                summary {
                    code { (single.source.name()) } " "
                    span.quiet {
                        "only " (single.model) ": " (single.reason())
                    }
                }
                (alone(scenario.name, &single))
            }
        }
    }
}

/// The id of a line, for links: `ipc-threads-main.rs-12`.
pub fn anchor(scenario: &str, model: Model, file: &str, line: usize) -> String {
    let file = file.trim_start_matches("src/").replace('/', "-");
    format!("{scenario}-{model}-{file}-{line}")
}

/// The line where the function of that name starts, if there is one.
pub fn line_of(source: &Source, function: &str) -> Option<usize> {
    let head = format!("fn {function}");
    let begins = |line: &str| {
        let rest = line.split_once(&head).map(|(_, rest)| rest);
        rest.is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    source.text.lines().position(begins).map(|index| index + 1)
}

/// The figures of the variant that the file is about. Those without a variant
/// are shown beside the main file.
fn figures(pair: &Pair, verdicts: &[&Verdict]) -> Markup {
    let of_this: Vec<_> =
        verdicts.iter().filter(|row| is_about(pair, row)).collect();
    html! {
        @if !of_this.is_empty() {
            ul.beside {
                @for row in of_this { li { (row.name()) ": " (row.words) } }
            }
        }
    }
}

fn is_about(pair: &Pair, verdict: &Verdict) -> bool {
    let name = pair.threads.name();
    let stem = name.trim_start_matches("src/").trim_end_matches(".rs");
    let is_number = |it: char| it == '-' || it.is_ascii_digit();
    match verdict.id.split('.').nth(1) {
        Some(mechanism) if verdict.variant.is_some() => {
            let mechanism = mechanism.trim_end_matches(is_number);
            mechanism.replace('-', "_") == stem
        }
        _ => stem == "main",
    }
}

fn difference(pair: &Pair) -> String {
    let hunks = hunks(pair);
    let lines = |side: fn(&Hunk) -> &Vec<usize>| -> usize {
        let differ = hunks.iter().filter(|hunk| !hunk.is_common);
        differ.map(|hunk| side(hunk).len()).sum()
    };
    match (lines(|hunk| &hunk.threads), lines(|hunk| &hunk.processes)) {
        (0, 0) => "the same on both sides".into(),
        (threads, processes) => format!(
            "{} only in threads, {processes} only in processes",
            count(threads, "line")
        ),
    }
}

/// Lines that both sides have, or lines that differ between them.
#[derive(Debug, PartialEq, Eq)]
struct Hunk {
    is_common: bool,
    /// Line indices.
    threads: Vec<usize>,
    /// Line indices.
    processes: Vec<usize>,
}

fn hunks(pair: &Pair) -> Vec<Hunk> {
    TextDiff::from_lines(pair.threads.text, pair.processes.text)
        .ops()
        .iter()
        .map(|op| Hunk {
            is_common: op.tag() == DiffTag::Equal,
            threads: op.old_range().collect(),
            processes: op.new_range().collect(),
        })
        .collect()
}

fn listing(scenario: &str, pair: &Pair) -> Markup {
    let threads = Side::new(scenario, Model::Threads, pair.threads);
    let processes = Side::new(scenario, Model::Processes, pair.processes);
    let label = format!("both sources of {scenario}, {}", pair.threads.name());
    html! {
        // What scrolls must be within reach of the keyboard.
        div.sources tabindex="0" role="region" aria-label=(label) {
            div.hunk.head {
                div { (pair.threads.path) }
                div { (pair.processes.path) }
            }
            @for hunk in hunks(pair) {
                @if hunk.is_common {
                    (common_lines(&hunk, &threads, &processes))
                } @else {
                    div.hunk.changed {
                        (threads.half(&hunk.threads))
                        (processes.half(&hunk.processes))
                    }
                }
            }
        }
    }
}

/// A file of only one side, with the other side left empty.
fn alone(scenario: &str, single: &Single) -> Markup {
    let Single { model, source } = *single;
    let side = Side::new(scenario, model, source);
    let all: Vec<_> = (0..side.lines.len()).collect();
    let is_left = model == Model::Threads;
    let label = format!("source of {scenario}, {}", source.name());
    html! {
        div.sources tabindex="0" role="region" aria-label=(label) {
            div.hunk.head {
                @if !is_left { div {} }
                div { (source.path) }
                @if is_left { div {} }
            }
            div.hunk.changed {
                @if !is_left { pre.threads {} }
                (side.half(&all))
                @if is_left { pre.processes {} }
            }
        }
    }
}

/// The second half is purely visual and hidden on a phone. So the first half
/// carries the ids of both.
fn common_lines(
    hunk: &Hunk,
    threads: &Side<'_>,
    processes: &Side<'_>,
) -> Markup {
    html! {
        div.hunk {
            pre.threads {
                @for (&this, &that) in hunk.threads.iter().zip(&hunk.processes) {
                    span id=(processes.anchor(that)) {
                        (threads.line(this, Some(&threads.anchor(this))))
                    }
                }
            }
            pre.processes.again aria-hidden="true" {
                @for &index in &hunk.processes { (processes.line(index, None)) }
            }
        }
    }
}

struct Side<'all> {
    scenario: &'all str,
    model: Model,
    source: Source,
    lines: Vec<Markup>,
}

impl<'all> Side<'all> {
    fn new(scenario: &'all str, model: Model, source: Source) -> Self {
        let lines = highlight::lines(source.path, source.text);
        Side { scenario, model, source, lines }
    }

    fn half(&self, lines: &[usize]) -> Markup {
        html! {
            pre class=(self.model) {
                @for &index in lines {
                    (self.line(index, Some(&self.anchor(index))))
                }
            }
        }
    }

    /// The number is not text, so it is not copied with the line.
    fn line(&self, index: usize, anchor: Option<&str>) -> Markup {
        html! {
            span.line id=[anchor] data-line=(index + 1) {
                (self.lines[index])
            }
            "\n"
        }
    }

    fn anchor(&self, index: usize) -> String {
        anchor(self.scenario, self.model, self.source.name(), index + 1)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use common::scenarios;

    use super::*;
    use crate::judge::words::Words;

    fn pair(threads: &'static str, processes: &'static str) -> Pair {
        let source = |path, text| Source { path, text };
        Pair {
            threads: source("examples-threads/ipc/src/ring.rs", threads),
            processes: source("examples-processes/ipc/src/ring.rs", processes),
        }
    }

    fn occurrences(text: &str, what: &str) -> usize {
        text.matches(what).count()
    }

    #[test]
    fn lines_are_aligned_by_what_both_have() {
        let hunks = hunks(&pair("a\nb\nc\n", "a\nx\ny\nc\n"));
        let lines: Vec<_> = hunks
            .iter()
            .map(|hunk| {
                (hunk.is_common, hunk.threads.len(), hunk.processes.len())
            })
            .collect();
        assert_eq!(lines, [(true, 1, 1), (false, 1, 2), (true, 1, 1)]);
    }

    #[test]
    fn every_line_of_both_sides_can_be_linked_to() {
        for scenario in scenarios::ALL {
            let page = listings(scenario, &[]).into_string();
            for model in [Model::Threads, Model::Processes] {
                for source in sources::files(scenario.name, model) {
                    for line in 1..=source.text.lines().count() {
                        let name = source.name();
                        let id = anchor(scenario.name, model, name, line);
                        let id = format!("id=\"{id}\"");
                        assert_eq!(occurrences(&page, &id), 1, "{id}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_function_is_found_where_it_begins() {
        let text = "fn runs() {}\n\npub fn run<T>(a: T) {}\nfn run_all() {}\n";
        let source = Source { path: "a/b/src/c.rs", text };
        assert_eq!(line_of(&source, "run"), Some(3));
        assert_eq!(line_of(&source, "run_all"), Some(4));
        assert_eq!(line_of(&source, "ru"), None);
        let main = sources::pairs(&scenarios::ALL[0])[0].threads;
        assert!(line_of(&main, "main").unwrap() > 5);
    }

    #[test]
    fn a_file_has_the_figures_of_its_variant() {
        let row = |id: &str, variant: Option<&str>| Verdict {
            scenario: "ipc",
            id: id.into(),
            label: "trip".into(),
            variant: variant.map(str::to_owned),
            unit: "s".into(),
            is_headline: false,
            threads: None,
            processes: None,
            ratio: None,
            finding: None,
            only: None,
            words: Words::plain(""),
        };
        let ring = pair("", "");
        let spin = Some("which spins");
        assert!(is_about(&ring, &row("trip-64.ring.spin", spin)));
        assert!(is_about(&ring, &row("private.ring-64", spin)));
        assert!(!is_about(&ring, &row("trip-64.ring-in-place.spin", spin)));
        assert!(!is_about(&ring, &row("trip-64", None)));
    }
}
