//! The outcome for a person: a table, and a chart of who did what when.

use std::{collections::BTreeSet, time::Duration};

use comfy_table::ContentArrangement;

use super::{Figures, Report, Span, Timeline, outcome::Busy};
use crate::{
    columns::{self, columns},
    escaped::Escaped,
    units,
};

/// Fits on a terminal, or next to another one like it.
const WIDTH: usize = 80;

const LOAD: char = '░';
const TRANSFORM: char = '█';

/// What happened, and how long a serial run takes.
pub(super) fn lines(
    reports: &[&Report],
    zero: Duration,
    one_after_the_other: Option<f64>,
) -> Vec<String> {
    let mut lines = table(reports);
    lines.extend(left_out(reports));
    lines.extend(made_constant(reports));
    lines.push(String::new());
    lines.extend(chart(reports, zero));
    if let Some(seconds) = one_after_the_other {
        lines.push(String::new());
        lines.push(format!(
            "serial check, one after another: {}",
            units::human(seconds, "s")
        ));
    }
    lines
}

/// What the figures mean.
pub(super) fn meaning(busy: &Busy, work: f64) -> String {
    format!(
        "{} of work was done in {}: {} cores were busy on average.",
        units::human(busy.seconds(), "s"),
        units::human(work, "s"),
        units::three_digits(busy.seconds() / work),
    )
}

fn table(reports: &[&Report]) -> Vec<String> {
    let mut table = columns([
        "database",
        "rows",
        "left out",
        "columns",
        "left out",
        "kept",
        "load",
        "transform",
    ]);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH as u16);
    table.add_rows(reports.iter().map(|report| row(report)));
    columns::lines(&table)
}

fn row(report: &Report) -> [String; 8] {
    let (figures, timeline) = (&report.figures, &report.timeline);
    let count = |count: usize| units::human(count as f64, "1");
    [
        Escaped(&figures.name).to_string(),
        count(figures.rows_used),
        count(figures.rows_left_out),
        count(figures.columns_used.len()),
        count(figures.columns_left_out.len()),
        count(figures.components_kept),
        units::human(timeline.load.seconds(), "s"),
        units::human(timeline.transform.seconds(), "s"),
    ]
}

/// The names of the columns that are left out: only once if they are the same
/// in all databases.
fn left_out(reports: &[&Report]) -> Vec<String> {
    listed("not numeric", reports, |figures| &figures.columns_left_out)
}

/// The same for columns that carry no information although they are not
/// constant.
fn made_constant(reports: &[&Report]) -> Vec<String> {
    let what = "constant once rounded to floats (integers of 2^53 or more)";
    listed(what, reports, |figures| &figures.columns_made_constant)
}

/// Some names of each database: only once if all have the same.
fn listed(
    what: &str,
    reports: &[&Report],
    names: impl Fn(&Figures) -> &Vec<String>,
) -> Vec<String> {
    let shown = |name: &String| Escaped(name).to_string();
    let names = |report: &Report| -> Vec<String> {
        names(&report.figures).iter().map(shown).collect()
    };
    let distinct: BTreeSet<Vec<String>> =
        reports.iter().map(|report| names(report)).collect();
    let mut paragraphs: Vec<(String, Vec<String>)> = match distinct.len() {
        1 => vec![(format!("{what}:"), names(reports[0]))],
        _ => reports
            .iter()
            .map(|report| {
                let name = Escaped(&report.figures.name);
                (format!("{what} in {name}:"), names(report))
            })
            .collect(),
    };
    paragraphs.retain(|(_, names)| !names.is_empty());
    paragraphs.iter().flat_map(|(title, names)| wrapped(title, names)).collect()
}

/// A list that is wrapped at the line width.
fn wrapped(title: &str, names: &[String]) -> Vec<String> {
    let mut lines = vec![title.to_owned()];
    for (index, name) in names.iter().enumerate() {
        let comma = if index + 1 < names.len() { "," } else { "" };
        match lines.last_mut() {
            Some(line)
                if line.chars().count() + name.chars().count() + 2 <= WIDTH =>
            {
                *line += &format!(" {name}{comma}");
            }
            _ => lines.push(format!("  {name}{comma}")),
        }
    }
    lines
}

/// One line per worker, from the opening of the gate to the end of the last
/// transformation, and a legend.
fn chart(reports: &[&Report], zero: Duration) -> Vec<String> {
    let timelines = || reports.iter().map(|report| &report.timeline);
    let ends = timelines().map(|timeline| timeline.transform.end);
    let length = ends.max().unwrap_or(zero).saturating_sub(zero);
    let workers: BTreeSet<usize> =
        timelines().map(|timeline| timeline.worker).collect();
    let digits = workers.last().map_or(1, |last| last.to_string().len());
    let mut lines: Vec<String> = Vec::new();
    for worker in workers {
        let label = format!("worker {worker:>digits$} ");
        let own = || timelines().filter(|line| line.worker == worker);
        let cells = WIDTH - label.len();
        let marks: String = (0..cells)
            .map(|cell| (cell as f64 + 0.5) / cells as f64)
            .map(|part| mark(own(), zero + length.mul_f64(part)))
            .collect();
        lines.push(label + marks.trim_end());
    }
    let length = units::human(length.as_secs_f64(), "s");
    lines.push(format!("{LOAD} load  {TRANSFORM} transform, in {length}"));
    lines
}

/// What a worker did at a given time.
fn mark<'a>(
    mut timelines: impl Iterator<Item = &'a Timeline>,
    time: Duration,
) -> char {
    let is_in = |span: &Span| (span.start..span.end).contains(&time);
    timelines
        .find_map(|timeline| match timeline {
            line if is_in(&line.load) => Some(LOAD),
            line if is_in(&line.transform) => Some(TRANSFORM),
            _ => None,
        })
        .unwrap_or(' ')
}
