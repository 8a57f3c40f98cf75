//! The measurements as charts: all pairs of every scenario, and charts specific
//! to one of them.

use common::{
    estimate::{self, Estimate},
    outcome::{Better, Metric, Model},
    scenarios::FRAME,
    units,
};
use maud::{Markup, html};
use serde::Deserialize;

use crate::{
    judge::{verdict::Verdict, words::TIMES},
    run::{figures, measured::Measured, samples::Sample},
    show::report::{
        axis::{Axis, Unit},
        chart::{self, Bar, Chart, Curve, Strip},
    },
};

const SIDES: [Model; 2] = [Model::Threads, Model::Processes];

/// Every chart of a scenario except that of its [`rounds`].
pub fn of(measured: &Measured, verdicts: &[&Verdict]) -> Markup {
    html! {
        @match measured.plan.scenario.name {
            "ipc" => (latencies(measured, verdicts)),
            "matrix" => (timelines(measured)),
            "responsive-ui" => (frames(measured)),
            _ => {}
        }
        (in_units(measured, verdicts))
    }
}

/// The judged rows on one axis: each figure over the median of threads.
pub fn rounds(measured: &Measured, verdicts: &[&Verdict]) -> Markup {
    let rows: Vec<Strip> = verdicts
        .iter()
        .filter_map(|verdict| relative(measured, verdict))
        .collect();
    let ends = rows.iter().filter_map(|row| row.interval).flatten();
    let figures = rows.iter().flat_map(all).chain(ends);
    let axis = Axis::logarithmic(Unit::Times, figures);
    let title = "All pairs, as a multiple of the threads' median; the bar is \
                 the interval of the ratio";
    html! {
        @if !rows.is_empty() {
            (chart::strips(title, axis, &rows, Some((1.0, ""))).figure())
        }
    }
}

fn relative(measured: &Measured, verdict: &Verdict) -> Option<Strip> {
    verdict.finding?;
    let ratio = verdict.ratio?;
    let base = verdict.threads.filter(|median| *median > 0.0)?;
    let Estimate { low, median, high } = match direction(measured, verdict)? {
        Better::Higher => ratio.inverse(),
        _ => ratio,
    };
    let [threads, processes] = SIDES.map(|model| {
        let figures = series(measured, model, verdict);
        figures.into_iter().map(|figure| figure / base).collect()
    });
    Some(Strip {
        label: verdict.name(),
        threads,
        processes,
        interval: Some([low, median, high]),
        words: in_words(verdict),
    })
}

fn direction(measured: &Measured, verdict: &Verdict) -> Option<Better> {
    let sample = measured.samples.first()?;
    sample
        .figures
        .iter()
        .find(|metric| is_of(metric, verdict))
        .map(|metric| metric.better)
}

/// One chart per unit, with every row in that unit, including those that only
/// one side has.
fn in_units(measured: &Measured, verdicts: &[&Verdict]) -> Markup {
    let mut units: Vec<&str> = Vec::new();
    for verdict in verdicts {
        if verdict.unit != TIMES && !units.contains(&verdict.unit.as_str()) {
            units.push(&verdict.unit);
        }
    }
    html! {
        details {
            summary { "The pairs in units, including rows of one side only" }
            @for unit in units { (in_unit(measured, verdicts, unit)) }
        }
    }
}

fn in_unit(measured: &Measured, verdicts: &[&Verdict], unit: &str) -> Markup {
    let rows: Vec<Strip> = verdicts
        .iter()
        .filter(|verdict| verdict.unit == unit)
        .map(|verdict| strip(measured, verdict))
        .collect();
    // Zero has no place on a logarithmic axis.
    if rows.iter().flat_map(all).all(|figure| figure <= 0.0) {
        return Markup::default();
    }
    let axis = Axis::logarithmic(Unit::Base(unit), rows.iter().flat_map(all));
    let title = format!("All pairs, {}", in_full(unit));
    chart::strips(&title, axis, &rows, None).figure()
}

fn in_full(unit: &str) -> String {
    match unit {
        "s" => "in seconds".into(),
        "B" => "in bytes".into(),
        "1" => "counted".into(),
        "share" => "in percent".into(),
        "/s" => "per second".into(),
        rate => format!("in {rate}"),
    }
}

fn strip(measured: &Measured, verdict: &Verdict) -> Strip {
    let [threads, processes] =
        SIDES.map(|model| series(measured, model, verdict));
    Strip {
        label: verdict.name(),
        threads,
        processes,
        interval: None,
        words: in_words(verdict),
    }
}

fn in_words(verdict: &Verdict) -> String {
    let sides = SIDES.map(|model| match verdict.figure(model) {
        figure if figure.is_empty() => format!("{model} have none"),
        figure => format!("{model} {figure}"),
    });
    let [threads, processes] = sides;
    let Verdict { words, .. } = verdict;
    format!("{}: {threads}, {processes}, {words}", verdict.name())
}

fn all(strip: &Strip) -> impl Iterator<Item = f64> {
    strip.threads.iter().chain(&strip.processes).copied()
}

fn series(measured: &Measured, model: Model, verdict: &Verdict) -> Vec<f64> {
    collect(measured, model, |metric| is_of(metric, verdict))
}

fn is_of(metric: &Metric, verdict: &Verdict) -> bool {
    metric.id == verdict.id
}

fn collect(
    measured: &Measured,
    model: Model,
    is_wanted: impl Fn(&Metric) -> bool,
) -> Vec<f64> {
    let wanted = |sample: &Sample| {
        let mut figures = sample.figures.iter();
        figures.find(|one| is_wanted(one)).map(|metric| metric.value)
    };
    let pairs = measured.by_pair(model, measured.plan.workers, wanted);
    pairs.unwrap_or_default()
}

fn median(measured: &Measured, model: Model, id: &str) -> Option<f64> {
    estimate::median(&collect(measured, model, |metric| metric.id == id))
}

/// The time of a round trip: by message size, and its distribution. A panel for
/// each mechanism and way of waking, all of the same height, so that they can
/// be compared.
fn latencies(measured: &Measured, verdicts: &[&Verdict]) -> Markup {
    let sizes = sizes(measured);
    let by_size: Vec<Tick> = sizes
        .iter()
        .map(|&size| (size as f64, units::binary(size), trip(size)))
        .collect();
    let is_trip = |verdict: &&&Verdict| is_trip(&verdict.id);
    let shown = verdicts.iter().find(is_trip).copied();
    let key = shown.and_then(|row| row.id.split('.').next());
    let spread: Vec<Tick> = [
        ("", "p50"),
        ("-p90", "p90"),
        ("-p99", "p99"),
        ("-p999", "p99.9"),
        ("-max", "max"),
    ]
    .into_iter()
    .zip(0_u8..)
    .map(|((suffix, name), place)| {
        let id = format!("{}{suffix}", key.unwrap_or_default());
        (f64::from(place), name.into(), id)
    })
    .collect();
    let shown = shown.map_or("", |row| row.label.as_str());
    let across =
        Axis::logarithmic(Unit::Size, by_size.iter().map(|tick| tick.0));
    let along = Axis::linear(Unit::Times, spread.iter().map(|tick| tick.0));
    html! {
        h3 { "Round trip by message size (log–log), median" }
        (panels(measured, across, &by_size))
        details {
            summary { (shown) ": percentiles, the median over the pairs" }
            (panels(measured, along, &spread))
        }
    }
}

/// The prefix of all ids about a round trip.
pub const TRIP: &str = "trip-";

fn trip(size: usize) -> String {
    format!("{TRIP}{size}")
}

/// The message size, if this is the id of a round trip's time.
fn size_of_trip(id: &str) -> Option<usize> {
    let (figure, _) = id.split_once('.')?;
    figure.strip_prefix(TRIP)?.parse().ok()
}

fn is_trip(id: &str) -> bool {
    size_of_trip(id).is_some()
}

fn sizes(measured: &Measured) -> Vec<usize> {
    let metrics = measured.samples.iter().flat_map(|sample| &sample.figures);
    let mut sizes: Vec<usize> =
        metrics.filter_map(|metric| size_of_trip(&metric.id)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// A position, its label, and the prefix of the id of the metric shown there.
type Tick = (f64, String, String);

fn panels(measured: &Measured, across: Axis<'_>, ticks: &[Tick]) -> Markup {
    let panels: Vec<(String, Vec<Curve>)> = variants(measured, ticks)
        .into_iter()
        .map(|(key, label)| {
            let curves = SIDES
                .map(|model| curve(measured, model, key, ticks))
                .into_iter()
                .filter(|curve| !curve.points.is_empty())
                .collect();
            (label, curves)
        })
        .collect();
    let curves = panels.iter().flat_map(|(_, curves)| curves);
    let points = curves.flat_map(|curve| &curve.points);
    let up = Axis::logarithmic(Unit::Base("s"), points.map(|point| point[1]));
    let names: Vec<(f64, String)> =
        ticks.iter().map(|(at, name, _)| (*at, name.clone())).collect();
    html! {
        div.panels {
            @for (variant, curves) in &panels {
                (chart::curves(variant, [across, up], &names, curves).figure())
            }
        }
    }
}

/// The keys of the variants that have a figure at some tick, and their labels.
fn variants<'all>(
    measured: &'all Measured,
    ticks: &[Tick],
) -> Vec<(&'all str, String)> {
    let mut variants: Vec<(&str, String)> = Vec::new();
    let [threads, processes] = SIDES.map(|model| measured.metrics(model));
    for metric in figures::merged(threads, processes) {
        if let Some((figure, key)) = metric.id.split_once('.')
            && ticks.iter().any(|(_, _, id)| id == figure)
            && !variants.iter().any(|(known, _)| *known == key)
        {
            let label = metric.variant.clone().unwrap_or_default();
            variants.push((key, label));
        }
    }
    variants
}

fn curve(
    measured: &Measured,
    model: Model,
    variant: &str,
    ticks: &[Tick],
) -> Curve {
    let points = ticks.iter().filter_map(|(place, _, figure)| {
        let id = format!("{figure}.{variant}");
        Some([*place, median(measured, model, &id)?])
    });
    Curve { model, points: points.collect() }
}

/// What each worker did when, in the last slice.
fn timelines(measured: &Measured) -> Markup {
    let sides: Vec<(Model, Vec<Database>)> = SIDES
        .into_iter()
        .filter_map(|model| Some((model, databases(measured, model)?)))
        .collect();
    let ends = sides.iter().flat_map(|(_, databases)| databases);
    let ends = ends.map(|database| database.timeline.transform[1]);
    let axis = Axis::linear(Unit::Base("s"), ends.collect::<Vec<_>>());
    html! {
        h3 { "Loading and transforming, in the last slice" }
        p.key { span.load {} " load " span.transform {} " transform" }
        div.panels {
            @for (model, databases) in &sides {
                (timeline(*model, axis, databases).figure())
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Database {
    name: String,
    timeline: Timeline,
}

/// Seconds since the start, from and to.
#[derive(Debug, Deserialize)]
struct Timeline {
    load: [f64; 2],
    transform: [f64; 2],
    worker: usize,
}

fn databases(measured: &Measured, model: Model) -> Option<Vec<Database>> {
    let last = measured.of(model).last()?;
    Vec::deserialize(&last.outcome.result).ok()
}

fn timeline(model: Model, axis: Axis<'_>, databases: &[Database]) -> Chart {
    let bar = |class, [from, to]: [f64; 2]| Bar {
        class,
        label: format!("{class} from {} to {}", axis.name(from), axis.name(to)),
        from,
        to,
    };
    let lanes: Vec<(String, Vec<Bar>)> = databases
        .iter()
        .map(|Database { name, timeline }| {
            let lane =
                format!("{name}, worker {}", timeline.worker.saturating_add(1));
            let load = bar("load", timeline.load);
            (lane, vec![load, bar("transform", timeline.transform)])
        })
        .collect();
    chart::bars(&format!("{model}: seconds since the start"), axis, &lanes)
}

/// Whether the screen keeps up: every percentile, and the longest gap.
fn frames(measured: &Measured) -> Markup {
    let frame = FRAME.as_secs_f64();
    let rows: Vec<Strip> = frame_metrics(measured)
        .iter()
        .map(|metric| frame_strip(measured, metric))
        .collect();
    let figures = rows.iter().flat_map(all).chain([frame]);
    let axis = Axis::logarithmic(Unit::Base("s"), figures.collect::<Vec<_>>());
    let mark = format!("one frame: {}", units::human(frame, "s"));
    let title = "From input to frame, and between frames, in seconds, \
                 compared with the time of one frame";
    chart::strips(title, axis, &rows, Some((frame, &mark))).figure()
}

/// The prefixes of the ids that are compared with a frame.
pub const FRAMES: [&str; 3] =
    ["input-to-frame-", "frame-gap-", "longest-frame-gap."];

fn frame_metrics(measured: &Measured) -> Vec<&Metric> {
    let mut figures = measured.metrics(Model::Threads);
    figures.retain(|metric| {
        FRAMES.iter().any(|begin| metric.id.starts_with(begin))
    });
    figures
}

fn frame_strip(measured: &Measured, wanted: &Metric) -> Strip {
    let is_wanted = |metric: &Metric| metric.id == wanted.id;
    let [threads, processes] =
        SIDES.map(|model| collect(measured, model, is_wanted));
    let label = wanted.name();
    let middle = |figures: &[f64]| {
        estimate::median(figures).map(|figure| units::human(figure, "s"))
    };
    let words = format!(
        "{label}: threads {}, processes {}",
        middle(&threads).unwrap_or_default(),
        middle(&processes).unwrap_or_default()
    );
    Strip { label, threads, processes, interval: None, words }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {

    use common::{laps::Laps, outcome::Outcome, scenarios};
    use serde_json::value::RawValue;

    use super::*;
    use crate::{
        judge::{stopping::FEWEST, verdict},
        run::plan::{Plan, Series, Slice},
    };

    /// Pairs in which threads do twice as much.
    fn measured() -> Measured {
        let named = |one: &&scenarios::Scenario| one.name == "ipc";
        let scenario = scenarios::ALL.iter().find(named).unwrap();
        let pairs = 1..=FEWEST;
        let slices = pairs.flat_map(|pair| SIDES.map(|model| (pair, model)));
        Measured {
            plan: Plan::of(scenario, 2, false),
            samples: slices.map(|(pair, model)| sample(pair, model)).collect(),
            refusals: Vec::new(),
        }
    }

    fn sample(pair: usize, model: Model) -> Sample {
        let share = if model == Model::Threads { 1.0 } else { 0.5 };
        let trip = |size: usize, time: f64| {
            let label = format!("{} trip", units::binary(size));
            Metric::new(&trip(size), &label, "s", Better::Lower, time)
                .of_called("ring.spin", "ring, spin")
        };
        let outcome = Outcome {
            metrics: vec![
                Metric::new(
                    "rate",
                    "rate",
                    "/s",
                    Better::Higher,
                    100.0 * share,
                ),
                trip(8, 1e-6 / share),
                trip(4096, 1e-3 / share),
            ],
            ..Outcome::new("ipc", model, &Laps::none())
        };
        let (series, part, workers) = (Series::Pair, "planted", 2);
        let slice =
            Slice { series, model, part, workers, pair, slice: 1, turn: 1 };
        let document = RawValue::from_string("{}".into()).unwrap();
        Sample::new(slice, document, outcome)
    }

    fn row(measured: &Measured, id: &str) -> Verdict {
        let mut verdicts = verdict::verdicts(measured).into_iter();
        verdicts.find(|verdict| verdict.id == id).unwrap()
    }

    /// The ratio of a rate is inverted: threads are twice as good, so processes
    /// have half the figure; for a time, they have twice the figure.
    #[test]
    fn the_interval_lies_where_the_dots_of_processes_do() {
        let measured = measured();
        for (metric, factor) in [("rate", 0.5), ("trip-8.ring.spin", 2.0)] {
            let row = row(&measured, metric);
            let strip = relative(&measured, &row).unwrap();
            assert_eq!(strip.threads, [1.0; FEWEST], "{metric}");
            assert_eq!(strip.processes, [factor; FEWEST], "{metric}");
            assert_eq!(strip.interval, Some([factor; 3]), "{metric}");
        }
    }

    #[test]
    fn what_is_not_judged_has_no_ratio_to_show() {
        let measured = measured();
        let judged = row(&measured, "rate");
        let shown = Verdict { finding: None, ..judged };
        assert!(relative(&measured, &shown).is_none());
    }

    #[test]
    fn each_unit_has_a_chart_of_its_own_rows() {
        let measured = measured();
        let verdicts = verdict::verdicts(&measured);
        let verdicts: Vec<&Verdict> = verdicts.iter().collect();
        let chart = in_unit(&measured, &verdicts, "/s").into_string();
        assert!(chart.contains("rate: threads 100 /s, processes 50.0 /s"));
        assert!(!chart.contains("8 B trip"));
        assert_eq!(chart.matches("<circle").count(), FEWEST);
    }

    #[test]
    fn what_is_peculiar_to_a_scenario_is_shown() {
        for (name, what) in [
            ("ipc", "Round trip by message size"),
            ("matrix", "Loading and transforming"),
            ("responsive-ui", "one frame: 16.7 ms"),
        ] {
            let mut measured = measured();
            let named = |one: &&scenarios::Scenario| one.name == name;
            measured.plan.scenario = scenarios::ALL.iter().find(named).unwrap();
            let page = of(&measured, &[]).into_string();
            assert!(page.contains(what), "{name}");
        }
    }

    #[test]
    fn a_curve_goes_by_the_size_of_the_message() {
        let measured = measured();
        assert_eq!(sizes(&measured), [8, 4096]);
        let ticks = [8_usize, 4096]
            .map(|size| (size as f64, units::binary(size), trip(size)));
        let curve = curve(&measured, Model::Processes, "ring.spin", &ticks);
        assert_eq!(curve.points, [[8.0, 2e-6], [4096.0, 2e-3]]);
    }
}
