//! Charts as SVG: strips, curves and bars.
//!
//! Horizontal positions are in percent, vertical ones in pixels. So a chart is
//! as wide as the page, even on a phone, while text and marks keep their size;
//! a `viewBox` would scale them too. Colours are classes of the style sheet,
//! because they differ in dark mode. That is why `plotters`, which writes
//! colours and pixels into its SVG, was rejected.

use common::outcome::Model;
use maud::{Markup, html};

use crate::show::report::axis::Axis;

/// Percent left free at either end, so that no mark is cut off.
const INSET: f64 = 3.0;

/// Pixels of a row of strips: a line of text, and a lane for each side.
const ROW: usize = 46;

/// Pixels of a row of bars.
const LANE: usize = 32;

/// Pixels of a panel of curves.
const PANEL: usize = 190;

/// Pixels of an axis.
const AXIS: usize = 24;

/// A chart with a text description, for those who cannot see it.
#[derive(Debug)]
pub struct Chart {
    /// What is shown, and in which unit.
    pub title: String,
    /// The figures.
    pub description: String,
    /// Pixels.
    pub height: usize,
    /// The drawing.
    pub drawing: Markup,
}

impl Chart {
    /// A figure of the page, with its title above.
    pub fn figure(&self) -> Markup {
        html! {
            figure {
                figcaption { (self.title) }
                svg.chart role="img" width="100%" height=(self.height) {
                    title { (self.title) }
                    desc { (self.description) }
                    (self.drawing)
                }
            }
        }
    }
}

/// A row of dots: all pairs of programs, both sides.
#[derive(Debug)]
pub struct Strip {
    /// What was measured.
    pub label: String,
    /// Pair by pair.
    pub threads: Vec<f64>,
    /// Pair by pair.
    pub processes: Vec<f64>,
    /// The bounds of an interval of processes, with its median between them.
    pub interval: Option<[f64; 3]>,
    /// The row as text.
    pub words: String,
}

/// Rows of dots over one axis, optionally with a line to compare them with.
pub fn strips(
    title: &str,
    axis: Axis<'_>,
    strips: &[Strip],
    mark: Option<(f64, &str)>,
) -> Chart {
    let bottom = AXIS + strips.len() * ROW;
    let words: Vec<&str> =
        strips.iter().map(|strip| strip.words.as_str()).collect();
    Chart {
        title: title.to_owned(),
        description: words.join("; "),
        height: bottom + AXIS,
        drawing: html! {
            (grid(axis, AXIS, bottom))
            @if let Some((figure, label)) = mark {
                (upright("mark", axis, figure, AXIS, bottom))
                text.mark-label x=(percent(axis, figure)) y=(bottom + 18)
                    text-anchor=(anchor(axis.place(figure))) { (label) }
            }
            @for (index, strip) in strips.iter().enumerate() {
                (draw_strip(axis, strip, AXIS + index * ROW))
            }
        },
    }
}

fn draw_strip(axis: Axis<'_>, strip: &Strip, top: usize) -> Markup {
    let (threads, processes) = (top + 25, top + 37);
    html! {
        text.label x="0" y=(top + 15) { (strip.label) }
        @if let Some([low, middle, high]) = strip.interval {
            line.interval x1=(percent(axis, low)) x2=(percent(axis, high))
                y1=(processes) y2=(processes) {}
            line.interval x1=(percent(axis, middle)) y1=(processes - 5)
                x2=(percent(axis, middle)) y2=(processes + 5) {}
        }
        (marks(axis, Model::Threads, &strip.threads, threads))
        (marks(axis, Model::Processes, &strip.processes, processes))
    }
}

fn marks(axis: Axis<'_>, model: Model, figures: &[f64], y: usize) -> Markup {
    let shown = figures.iter().filter(|figure| axis.shows(**figure));
    html! { @for &figure in shown { (mark(model, percent(axis, figure), y)) } }
}

/// A circle for threads, a square for processes: the sides also differ in
/// shape, for those who cannot distinguish their colours.
fn mark(model: Model, x: String, y: usize) -> Markup {
    html! {
        @match model {
            Model::Threads => circle.threads cx=(x) cy=(y) r="4" {},
            Model::Processes => rect.processes x=(x) y=(y - 3) width="7"
                height="7" transform="translate(-3.5)" {},
        }
    }
}

/// One side's values as a parameter grows.
#[derive(Debug)]
pub struct Curve {
    /// The side.
    pub model: Model,
    /// Horizontal and vertical.
    pub points: Vec<[f64; 2]>,
}

/// A panel of curves. The horizontal ticks are given: sizes or percentiles.
pub fn curves(
    title: &str,
    [across, up]: [Axis<'_>; 2],
    ticks: &[(f64, String)],
    curves: &[Curve],
) -> Chart {
    let words: Vec<String> =
        curves.iter().map(|curve| curve_in_words(up, ticks, curve)).collect();
    let (top, bottom) = (AXIS, PANEL - AXIS);
    let y =
        |figure| bottom - (up.place(figure) * (bottom - top) as f64) as usize;
    Chart {
        title: title.to_owned(),
        description: words.join("; "),
        height: PANEL,
        drawing: html! {
            @for tick in up.ticks() {
                line.grid x1="0" x2="100%" y1=(y(tick)) y2=(y(tick)) {}
                text.tick x="0" y=(y(tick) - 3) { (up.name(tick)) }
            }
            @for (place, name) in ticks {
                text.tick x=(beside(across, *place)) y=(bottom + 18)
                    text-anchor="middle" { (name) }
            }
            @for curve in curves {
                @for pair in curve.points.windows(2) {
                    (segment(curve.model, across, &y, pair))
                }
                @for &[x, figure] in &curve.points {
                    (mark(curve.model, beside(across, x), y(figure)))
                }
            }
        },
    }
}

fn segment(
    model: Model,
    across: Axis<'_>,
    y: &impl Fn(f64) -> usize,
    pair: &[[f64; 2]],
) -> Markup {
    let [from, to] = [pair[0], pair[1]];
    html! {
        line class=(model) x1=(beside(across, from[0])) y1=(y(from[1]))
            x2=(beside(across, to[0])) y2=(y(to[1])) {}
    }
}

fn curve_in_words(
    up: Axis<'_>,
    ticks: &[(f64, String)],
    curve: &Curve,
) -> String {
    let name = |x: f64| {
        let tick = ticks.iter().find(|(place, _)| *place == x);
        tick.map_or("", |(_, name)| name)
    };
    let points = curve
        .points
        .iter()
        .map(|&[x, figure]| format!("{} at {}", up.name(figure), name(x)));
    format!("{}: {}", curve.model, points.collect::<Vec<_>>().join(", "))
}

/// What was done from when to when.
#[derive(Debug)]
pub struct Bar {
    /// What was done, as a class of the style sheet.
    pub class: &'static str,
    /// The same, for people.
    pub label: String,
    /// Seconds.
    pub from: f64,
    /// Seconds.
    pub to: f64,
}

/// Bars on named lanes.
pub fn bars(
    title: &str,
    axis: Axis<'_>,
    lanes: &[(String, Vec<Bar>)],
) -> Chart {
    let bottom = lanes.len() * LANE;
    let words = lanes.iter().map(|(name, bars)| {
        let bars = bars.iter().map(|bar| bar.label.as_str());
        format!("{name}: {}", bars.collect::<Vec<_>>().join(", "))
    });
    Chart {
        title: title.to_owned(),
        description: words.collect::<Vec<_>>().join("; "),
        height: bottom + AXIS,
        drawing: html! {
            (grid(axis, 0, bottom))
            @for (index, (name, bars)) in lanes.iter().enumerate() {
                @for bar in bars { (draw_bar(axis, bar, index * LANE + 16)) }
                text.label.small x="0" y=(index * LANE + 12) { (name) }
            }
        },
    }
}

fn draw_bar(axis: Axis<'_>, bar: &Bar, y: usize) -> Markup {
    let width = axis.place(bar.to) - axis.place(bar.from);
    let width = format!("{:.2}%", width * (100.0 - 2.0 * INSET));
    html! {
        rect class=(bar.class) x=(percent(axis, bar.from)) y=(y) width=(width)
            height="12" { title { (bar.label) } }
    }
}

/// Vertical lines at the ticks, labelled below, and also above if that is far
/// away.
fn grid(axis: Axis<'_>, top: usize, bottom: usize) -> Markup {
    html! {
        @for figure in axis.ticks() {
            (upright("grid", axis, figure, top, bottom))
            (tick(axis, figure, &axis.name(figure), bottom + 16))
            @if bottom > 8 * ROW && top > 0 {
                (tick(axis, figure, &axis.name(figure), top - 8))
            }
        }
    }
}

fn upright(
    class: &str,
    axis: Axis<'_>,
    figure: f64,
    top: usize,
    bottom: usize,
) -> Markup {
    let x = percent(axis, figure);
    html! { line class=(class) x1=(x) x2=(x) y1=(top) y2=(bottom) {} }
}

fn tick(axis: Axis<'_>, figure: f64, name: &str, y: usize) -> Markup {
    html! {
        text.tick x=(percent(axis, figure)) y=(y)
            text-anchor=(anchor(axis.place(figure))) { (name) }
    }
}

/// Text at the ends must not extend beyond the chart.
fn anchor(place: f64) -> &'static str {
    match place {
        left if left < 0.06 => "start",
        right if right > 0.94 => "end",
        _ => "middle",
    }
}

fn percent(axis: Axis<'_>, figure: f64) -> String {
    format!("{:.2}%", INSET + axis.place(figure) * (100.0 - 2.0 * INSET))
}

/// The same to the right of the labels of a panel's vertical ticks.
fn beside(axis: Axis<'_>, figure: f64) -> String {
    const NAMES: f64 = 16.0;
    const END: f64 = 7.0;
    format!("{:.2}%", NAMES + axis.place(figure) * (100.0 - NAMES - END))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::report::axis::Unit;

    fn strip() -> Strip {
        Strip {
            label: "trip, <ring>".into(),
            threads: vec![1.0, 2.0],
            processes: vec![4.0, f64::INFINITY],
            interval: Some([1.0, 2.0, 4.0]),
            words: "threads 1.5".into(),
        }
    }

    #[test]
    fn a_chart_says_what_it_shows() {
        let axis = Axis::logarithmic(Unit::Times, [1.0, 4.0]);
        let chart = strips("trip", axis, &[strip()], None);
        let text = chart.figure().into_string();
        assert!(text.contains("role=\"img\""));
        assert!(text.contains("<title>trip</title><desc>threads 1.5</desc>"));
        assert!(text.contains("trip, &lt;ring&gt;"));
    }

    #[test]
    fn each_round_has_its_mark_at_its_place() {
        let axis = Axis::logarithmic(Unit::Times, [1.0, 4.0]);
        let text = strips("", axis, &[strip()], None).drawing.into_string();
        assert_eq!(text.matches("<circle class=\"threads\"").count(), 2);
        assert_eq!(text.matches("<rect class=\"processes\"").count(), 1);
        assert!(text.contains("<circle class=\"threads\" cx=\"3.00%\""));
        assert!(text.contains("<circle class=\"threads\" cx=\"50.00%\""));
        assert!(text.contains("<rect class=\"processes\" x=\"97.00%\""));
    }

    #[test]
    fn a_curve_is_told_in_words() {
        let across = Axis::logarithmic(Unit::Size, [8.0, 64.0]);
        let up = Axis::logarithmic(Unit::Base("s"), [1e-6, 1e-3]);
        let ticks = [(8.0, "8 B".to_owned()), (64.0, "64 B".to_owned())];
        let points = vec![[8.0, 1e-6], [64.0, 1e-3]];
        let curve = Curve { model: Model::Threads, points };
        let chart = curves("ring", [across, up], &ticks, &[curve]);
        assert_eq!(chart.description, "threads: 1 µs at 8 B, 1 ms at 64 B");
        let text = chart.drawing.into_string();
        assert_eq!(text.matches("<line class=\"threads\"").count(), 1);
    }

    #[test]
    fn a_bar_is_as_long_as_what_it_shows() {
        let axis = Axis::linear(Unit::Base("s"), [2.0]);
        let bar = Bar { class: "load", label: "".into(), from: 0.5, to: 1.5 };
        let lanes = [("database".to_owned(), vec![bar])];
        let text = bars("", axis, &lanes).drawing.into_string();
        assert!(text.contains("x=\"26.50%\""), "{text}");
        assert!(text.contains("width=\"47.00%\""), "{text}");
    }
}
