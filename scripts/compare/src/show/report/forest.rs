//! The rows that answer a scenario's question, as a forest plot: label, both
//! figures, the interval of their ratio, and the verdict, all on one line. The
//! axis is the same in every scenario, so intervals can be compared.

use common::{estimate::Estimate, outcome::Model};
use maud::{Markup, html};

use crate::{
    judge::{finding::Finding, verdict::Verdict, words::times},
    show::report::cells::{unbroken, winner},
};

/// The ends of the axis, as a ratio. What is beyond stands at the end.
const FAR: f64 = 32.0;

/// Where a line helps the eye, on both sides of 1.
const TICK: f64 = 10.0;

const WIDTH: f64 = 208.0;
const HEIGHT: f64 = 20.0;
const SCALE_HEIGHT: f64 = 14.0;
const MARGIN: f64 = 6.0;

/// The rows of the scenario that answer its question.
pub fn plot(scenario: &str, verdicts: &[&Verdict]) -> Markup {
    let label = format!("answer of {scenario}");
    let rows: Vec<_> = verdicts.iter().filter(|it| it.is_headline).collect();
    html! {
        @if !rows.is_empty() {
            div.wide tabindex="0" role="region" aria-label=(label) {
                table.verdicts.forest {
                    thead { tr {
                        th { "what" } th { "threads" } th { "processes" }
                        th {
                            div.axis {
                                span { "← threads" }
                                span { "better" }
                                span { "processes →" }
                            }
                            (scale())
                        }
                        th { "verdict" }
                    } }
                    tbody { @for row in rows { (line(row)) } }
                }
            }
        }
    }
}

fn line(verdict: &Verdict) -> Markup {
    html! {
        tr {
            th scope="row" { (verdict.name()) }
            td.number { (verdict.figure(Model::Threads)) }
            td.number { (verdict.figure(Model::Processes)) }
            td {
                @match (verdict.finding, verdict.ratio) {
                    (Some(finding), Some(ratio)) => (drawing(finding, ratio)),
                    _ => span.quiet { "nothing to compare" },
                }
            }
            td class=[winner(verdict)] { (unbroken(&verdict.words)) }
        }
    }
}

/// What the lines in the rows below stand for.
fn scale() -> Markup {
    let ticks = [(TICK, "10×"), (1.0, "equal"), (1.0 / TICK, "10×")];
    html! {
        svg.forest width=(WIDTH) height=(SCALE_HEIGHT)
            viewBox={ "0 0 " (WIDTH) " " (SCALE_HEIGHT) } aria-hidden="true"
        {
            @for (ratio, name) in ticks {
                text.scale x=(place(ratio)) y=(SCALE_HEIGHT - 3.0) { (name) }
            }
        }
    }
}

/// A circle where threads are better, a square where processes are, and a bar
/// alone where neither is.
fn drawing(finding: Finding, ratio: Estimate) -> Markup {
    let Estimate { low, median, high } = ratio;
    let (left, middle, right) = (place(high), place(median), place(low));
    let told = format!("{} [{}, {}]", times(median), times(low), times(high));
    let centre = HEIGHT / 2.0;
    html! {
        svg.forest width=(WIDTH) height=(HEIGHT)
            viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img"
            aria-label={ "ratio, threads over processes: " (told) }
        {
            @for tick in [TICK, 1.0 / TICK] {
                line.tick x1=(place(tick)) x2=(place(tick)) y1="0" y2=(HEIGHT) {}
            }
            line.one x1=(place(1.0)) x2=(place(1.0)) y1="0" y2=(HEIGHT) {}
            line.interval x1=(left) x2=(right) y1=(centre) y2=(centre) {}
            @match finding {
                Finding::Better(Model::Threads) => {
                    circle.threads cx=(middle) cy=(centre) r="5" {}
                }
                Finding::Better(Model::Processes) => {
                    rect.processes x=(middle - 4.5) y=(centre - 4.5)
                        width="9" height="9" {}
                }
                _ => {
                    line.median x1=(middle) x2=(middle)
                        y1=(centre - 5.0) y2=(centre + 5.0) {}
                }
            }
        }
    }
}

/// From how many times better threads are to a position: 1 in the middle, and
/// equal factors at equal distances.
fn place(ratio: f64) -> f64 {
    let half = WIDTH / 2.0 - MARGIN;
    let share = (ratio.ln() / FAR.ln()).clamp(-1.0, 1.0);
    let place = WIDTH / 2.0 - half * share;
    (place * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_factors_have_equal_distances_on_both_sides_of_one() {
        let middle = place(1.0);
        assert_eq!(middle, WIDTH / 2.0);
        for factor in [1.5, 4.0, FAR, 1e9] {
            let (left, right) = (place(factor), place(1.0 / factor));
            assert!(left < middle && middle < right, "{factor}");
            assert!((middle - left - (right - middle)).abs() < 0.2, "{factor}");
        }
        assert_eq!(place(FAR), place(1e9));
        assert_eq!(place(f64::INFINITY), place(FAR));
        assert_eq!(place(0.0), place(1.0 / FAR));
    }

    #[test]
    fn the_winner_has_its_own_mark() {
        let marks = |low: f64, high: f64| {
            let ratio = Estimate { median: low, low, high };
            let drawn = drawing(Finding::of(ratio), ratio).into_string();
            [drawn.contains("<circle"), drawn.contains("<rect")]
        };
        assert_eq!(marks(2.0, 3.0), [true, false]);
        assert_eq!(marks(0.2, 0.3), [false, true]);
        assert_eq!(marks(1.0, 1.0), [false, false]);
        assert_eq!(marks(0.5, 2.0), [false, false]);
    }
}
