//! The page as a whole.

use common::{escaped::Escaped, outcome::Model, scenarios::Scenario};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{
    judge::{
        beside::Row,
        finding::{CLEAR, LARGE, NEAR},
        stopping::LOOKS,
        verdict::Verdict,
    },
    run::{
        interpreter::Interpreter, measured::Measured, plan::count,
        samples::Heading,
    },
    show::{
        comparison::Comparison,
        report::{
            answer,
            cells::{unbroken, winner},
            claim, fates, forest, listing, plots,
        },
        shell,
        table::MORE_CORES,
    },
};

const STYLE: &str = include_str!("style.css");

/// How every page starts, and no other file.
pub const BEGINNING: &str = "<!DOCTYPE html><html lang=\"en\"><head>\
    <meta name=\"generator\" content=\"scripts/compare.sh\">";

/// The whole page.
pub fn html(comparison: &Comparison) -> String {
    let heading = &comparison.results.heading;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta name="generator" content="scripts/compare.sh";
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                meta name="color-scheme" content="light dark";
                // Browsers request an icon if none is given.
                link rel="icon" href="data:,";
                title { "Threads or processes? " (heading.date) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (navigation(comparison))
                main { (sections(comparison)) }
                footer {
                    p { "Made by scripts/compare.sh from its measurements." }
                }
            }
        }
    };
    page.into_string()
}

fn navigation(comparison: &Comparison) -> Markup {
    html! {
        nav aria-label="Sections" {
            a href="#answer" { "Answer" }
            @if !comparison.claims.is_empty() { a href="#claims" { "Claims" } }
            @for scenario in &comparison.results.scenarios {
                @let name = scenario.plan.scenario.name;
                a href={ "#" (name) } { (name) }
            }
            a href="#method" { "Method" }
        }
    }
}

fn sections(comparison: &Comparison) -> Markup {
    html! {
        header #answer {
            h1 { "Threads or processes?" }
            (circumstances(comparison))
            (answer::lines(comparison))
            p.key {
                span.threads {} " threads (circles, solid lines) "
                span.processes {} " processes (squares, dashed lines)"
            }
            p.quiet {
                "Plots of answers: the bar is the 95 % interval of the ratio, "
                "on a logarithmic scale with grey lines at 10×. A circle says "
                "that threads are better, a square that processes are, and a "
                "stroke neither."
            }
        }
        @if !comparison.claims.is_empty() {
            section #claims {
                h2 { "The claims" }
                (claim::table(&comparison.claims))
            }
        }
        @for scenario in &comparison.results.scenarios {
            (section(comparison, scenario, &comparison.rows(scenario.plan.scenario.name)))
        }
        (method(comparison))
    }
}

fn circumstances(comparison: &Comparison) -> Markup {
    let Heading { machine, date, interpreters, left_out, .. } =
        &comparison.results.heading;
    html! {
        p.quiet {
            (Escaped(machine.processor())) ", "
            (count(machine.cores, "core")) ", "
            (Escaped(&machine.kernel)) ", " (Escaped(&machine.rustc)) "; "
            time datetime=(date) { (date) }
            @for words in Interpreter::introductions(interpreters) {
                "; beside it " (words)
            }
            @if let Some(words) = left_out { "; " (Escaped(words)) }
        }
        @if is_of_debug_builds(comparison) {
            p.warning {
                strong { "Debug build." }
                " These times say nothing about threads or processes."
            }
        }
    }
}

fn is_of_debug_builds(comparison: &Comparison) -> bool {
    let scenarios = comparison.results.scenarios.iter();
    scenarios
        .flat_map(|scenario| &scenario.samples)
        .any(|sample| sample.outcome.machine.profile == "debug")
}

fn section(
    comparison: &Comparison,
    measured: &Measured,
    verdicts: &[&Verdict],
) -> Markup {
    let scenario = measured.plan.scenario;
    html! {
        section id=(scenario.name) {
            h2 { (scenario.name) ": " (scenario.question) }
            p { (measured.legend()) }
            @for refusal in &measured.refusals {
                p.warning {
                    strong { "Refused" } ": " (refusal.model) ", "
                    (refusal.moment()) ": " (refusal.words())
                }
            }
            @if verdicts.is_empty() && measured.plan.needs_more_cores() {
                p.warning { (MORE_CORES) }
            }
            @if !verdicts.is_empty() {
                (forest::plot(scenario.name, verdicts))
                (fates::of(measured))
            }
            h3 { "Both sources" }
            (listing::listings(scenario, verdicts))
            @if !verdicts.is_empty() {
                h3 { "All figures" }
                details {
                    summary { "Every row, and every pair of programs" }
                    div.abreast {
                        (table(scenario.name, verdicts))
                        (plots::rounds(measured, verdicts))
                    }
                }
                (plots::of(measured, verdicts))
            }
            @for table in beside(comparison, scenario) { (table) }
        }
    }
}

/// The scenario in both languages, a table for each interpreter.
fn beside(comparison: &Comparison, scenario: &Scenario) -> Vec<Markup> {
    let Some(beside) = comparison.results.find_beside(scenario.name) else {
        return Vec::new();
    };
    let interpreters = &comparison.results.heading.interpreters;
    let tables = interpreters.iter().zip(0..).map(|(interpreter, number)| {
        html! {
            h3 {
                (Escaped(&interpreter.words)) ", and Rust at the same size"
            }
            @for refusal in beside.refusals(number) {
                p.warning {
                    strong { "Refused" } ": " (refusal.series)
                    (refusal.model) ", " (refusal.moment()) ": "
                    (refusal.words())
                }
            }
            (table_beside(scenario.name, number, &beside.rows(number)))
        }
    });
    tables.collect()
}

fn table_beside(scenario: &str, number: usize, rows: &[Row]) -> Markup {
    let label = format!("{scenario} in two languages, {number}");
    html! {
        div.wide tabindex="0" role="region" aria-label=(label) {
            table.verdicts {
                thead { tr {
                    th { "what" } th { "Rust: threads" } th { "processes" }
                    th { "CPython: threads" } th { "processes" }
                    th { "CPython verdict" }
                } }
                tbody { @for row in rows { tr {
                    th scope="row" { (row.name) }
                    @for figure in row.rust.iter().chain(&row.cpython) {
                        td.number { (figure) }
                    }
                    td { (unbroken(&row.words)) }
                } } }
            }
        }
    }
}

fn table(scenario: &str, verdicts: &[&Verdict]) -> Markup {
    let label = format!("verdicts of {scenario}");
    html! {
        div.wide tabindex="0" role="region" aria-label=(label) {
            table.verdicts {
                thead { tr {
                    th { "what" } th { "threads" } th { "processes" }
                    th { "verdict" }
                } }
                tbody { @for verdict in verdicts { tr {
                    th scope="row" { (verdict.name()) }
                    td.number { (verdict.figure(Model::Threads)) }
                    td.number { (verdict.figure(Model::Processes)) }
                    td class=[winner(verdict)] { (unbroken(&verdict.words)) }
                } } }
            }
        }
    }
}

fn method(comparison: &Comparison) -> Markup {
    let Heading { command, workers, .. } = &comparison.results.heading;
    html! {
        section #method {
            h2 { "Method, and how to reproduce the results" }
            p {
                "Every program is built once, in release mode. A pair of "
                "programs stays alive and is asked for one short slice of "
                "work after another, in random order; then the next pair is "
                "started. Where work is shared out, each side has "
                (count(*workers, "worker")) ". An outcome counts only if both "
                "sides give the same, correct answer; if not, the scenario is "
                "refused and not judged."
            }
            p {
                "Each pair of programs gives one ratio, the median of its "
                "slices. The verdict rests on the median over the pairs and "
                "its exact confidence interval, from order statistics. The "
                "results are examined after "
                (looks()) " pairs, until a row is decided; all of these looks "
                "together miss the true median with a probability of less "
                "than 5 %. A side is ahead if "
                "the whole interval is beyond " (CLEAR) "×. There is no clear "
                "difference if the whole interval is within " (NEAR) "× "
                "either way, and no large one if it is within " (LARGE) "×. "
                "Anything else is too noisy to tell. Without a "
                "winner, a ratio above 1 favours threads."
            }
            p {
                "Total: one slice of the part that stands for the pair, from "
                "the first start to the last stop. Memory: of all processes, "
                "when the answers are in; shared pages are divided among "
                "their users (PSS)."
            }
            p { "To repeat the measurement on this or another machine:" }
            pre tabindex="0" { code {
                "scripts/compare.sh " (shell::line(command))
            } }
            p {
                "To rebuild this page from its samples, the .json file of "
                "the same name beside it:"
            }
            pre tabindex="0" { code {
                "scripts/compare.sh --report target/compare/samples.json"
            } }
            p.quiet {
                "Colours: M. Okabe and K. Ito, Color Universal Design, 2008."
            }
        }
    }
}

fn looks() -> String {
    let looks = LOOKS.map(|(pairs, _)| pairs.to_string());
    looks.join(", ")
}

#[cfg(test)]
mod tests {
    use common::estimate::Estimate;

    use super::*;
    use crate::judge::{finding::Finding, words::Words};

    #[test]
    fn who_is_ahead_is_marked_by_a_class() {
        let row = |low, high| {
            let ratio = Estimate { median: low, low, high };
            let verdict = Verdict {
                scenario: "ipc",
                id: "trip".into(),
                label: "trip".into(),
                variant: None,
                unit: "s".into(),
                is_headline: false,
                threads: Some(1e-3),
                processes: None,
                ratio: Some(ratio),
                finding: Some(Finding::of(ratio)),
                only: None,
                words: Words::plain("so"),
            };
            table("ipc", &[&verdict]).into_string()
        };
        assert!(row(2.0, 3.0).contains("class=\"better threads\""));
        assert!(row(0.1, 0.2).contains("class=\"better processes\""));
        assert!(!row(1.0, 1.0).contains("better"));
        assert!(row(1.0, 1.0).contains("1.00 ms"));
    }
}
