//! The results, as a table.

use comfy_table::{CellAlignment, Table, presets};
use common::{
    estimate,
    goals::{Goal, Goals},
    machine::Machine,
    scenarios::ipc::Task,
    units::{human, three_digits},
};

use crate::job::{Link, Row};

const COLUMNS: [&str; 4] = ["", "median", "ring / this", "range"];

const HOW_TO_READ: &str = "\
ring / this: for a round trip, the ring's time divided by this link's time, and
the ring is faster below 1; for a stream, the ring's rate divided by this
link's rate, and the ring is faster above 1. It is the median of the rounds'
ratios; the range is from the lowest of them to the highest.";

/// Seconds per round trip, or per message of a stream: for each row, one figure
/// per round.
pub struct Samples(Vec<(Row, Vec<f64>)>);

impl Samples {
    /// None yet.
    pub fn new(rows: &[Row]) -> Self {
        Samples(rows.iter().map(|row| (*row, Vec::new())).collect())
    }

    /// Adds the figure of a row in the next round.
    pub fn add(&mut self, row: Row, seconds: f64) {
        let found = self.0.iter_mut().find(|(other, _)| *other == row);
        if let Some((_, samples)) = found {
            samples.push(seconds);
        }
    }

    /// The table, the machine, how to read it, and the goals.
    pub fn report(&self, machine: &Machine) -> String {
        let rounds = self.0.first().map_or(0, |(_, samples)| samples.len());
        let (heading, goals) = (heading(machine, rounds), self.goals());
        let table = self.table().trim_fmt();
        format!("{heading}\n\n{table}\n\n{HOW_TO_READ}\n\n{goals}")
    }

    fn goals(&self) -> Goals {
        let mut goals = Goals::default();
        for (row, ratio) in self.groups().flat_map(ratios_of) {
            let Some(asked) = row.asked() else { continue };
            let what = format!("{}, ring / {}", row.group.title(), row.label());
            goals.add(Goal { what, figure: ratio, unit: "", asked });
        }
        goals
    }

    /// The links that are compared with one another.
    fn groups(&self) -> impl Iterator<Item = &[(Row, Vec<f64>)]> {
        self.0.chunk_by(|(one, _), (other, _)| one.group == other.group)
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).add_row(COLUMNS);
        for rows in self.groups().map(rows) {
            table.add_rows(rows);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

fn heading(machine: &Machine, rounds: usize) -> String {
    let cpu = machine.processor();
    let Machine { cores, kernel, rustc, profile, .. } = machine;
    format!(
        "cargo bench -p ipc-processes\n\
         {cpu}, {cores} cores, {kernel}, {rustc}, {profile}\n\
         two processes, each on its own core; {rounds} rounds after a warm-up"
    )
}

/// The median ratio of each row but the first, which is the ring's.
fn ratios_of(group: &[(Row, Vec<f64>)]) -> Vec<(Row, f64)> {
    let Some(((_, ring), others)) = group.split_first() else {
        return Vec::new();
    };
    let ratio = |(row, samples): &(Row, Vec<f64>)| {
        (*row, median(&ratios(row, samples, ring)))
    };
    others.iter().map(ratio).collect()
}

/// The first row of a group is the ring's.
fn rows(group: &[(Row, Vec<f64>)]) -> Vec<[String; 4]> {
    let Some((first, ring)) = group.first() else {
        return Vec::new();
    };
    let mut rows = vec![blank(""), blank(first.group.title())];
    rows.extend(group.iter().map(|(row, samples)| cells(row, samples, ring)));
    rows
}

fn blank(title: &str) -> [String; 4] {
    [title, "", "", ""].map(str::to_owned)
}

fn cells(row: &Row, samples: &[f64], ring: &[f64]) -> [String; 4] {
    let label = format!("  {}", row.label());
    let figure = figure(row, median(samples));
    if row.link == Link::Ring {
        return [label, figure, "".into(), "".into()];
    }
    let ratios = ratios(row, samples, ring);
    let ratio = median(&ratios);
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = ratios.iter().copied().fold(0.0, f64::max);
    let [least, greatest] = [least, greatest].map(three_digits);
    let range = format!("[{least}, {greatest}]");
    [label, figure, three_digits(ratio), range]
}

/// A time, messages per second, or bytes per second.
fn figure(row: &Row, seconds: f64) -> String {
    let size = row.group.size();
    match row.group.task() {
        Task::RoundTrip => human(seconds, "s"),
        Task::Stream if size < 1 << 10 => human(1.0 / seconds, "/s"),
        Task::Stream => human(size as f64 / seconds, "B/s"),
    }
}

/// The ring's figure divided by this one's, round by round.
fn ratios(row: &Row, samples: &[f64], ring: &[f64]) -> Vec<f64> {
    let pairs = ring.iter().zip(samples);
    let ratios = pairs.map(|(ring, this)| match row.group.task() {
        Task::RoundTrip => ring / this,
        Task::Stream => this / ring,
    });
    ratios.collect()
}

/// Not a number if there are no values.
fn median(values: &[f64]) -> f64 {
    estimate::median(values).unwrap_or(f64::NAN)
}
