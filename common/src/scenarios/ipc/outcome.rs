//! Checks the measurements and turns them into figures and a page.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{EndReport, Plan, Task, Transcript, Waiting, bytes};
use crate::{
    arguments::name,
    digest::Digest,
    laps::Laps,
    latency::Quantiles,
    outcome::{Better, Metric, Model, Outcome},
    units,
};

/// The sizes whose figures go into the comparison; all others are details.
/// Short messages are limited by waking, long ones by copying.
const SHORT: usize = 64;
const LONG: usize = 1 << 20;

/// A finished measurement.
#[derive(Debug)]
pub struct Finished {
    /// What was to be done.
    pub plan: Plan,
    /// The end that sent first.
    pub near: EndReport,
    /// The end that answered or received.
    pub far: EndReport,
    /// Time and resources.
    pub laps: Laps,
}

/// Checks what each end received and builds the outcome.
///
/// # Errors
///
/// Fails if an end received other messages than were sent.
pub fn outcome(model: Model, finished: &[Finished]) -> Result<Outcome> {
    let mut laps = Laps::none();
    for one in finished {
        one.check()?;
        laps.add(&one.laps);
    }
    let mut outcome = Outcome::new("ipc", model, &laps);
    outcome.parameters = parameters(finished);
    outcome.answer = answer(finished);
    outcome.result = result(finished);
    outcome.metrics = finished.iter().flat_map(Finished::metrics).collect();
    outcome.story = story(finished);
    outcome.is_told = true;
    outcome.meaning = meaning(model, finished);
    Ok(outcome)
}

impl Finished {
    /// Each message was checked as it came. This checks that none is missing
    /// and that they are the right ones.
    fn check(&self) -> Result<()> {
        let Finished { plan, near, far, .. } = self;
        let back = match plan.task {
            Task::RoundTrip => plan.messages,
            Task::Stream => 1,
        };
        for (end, report, messages) in
            [("near", near, back), ("far", far, plan.messages)]
        {
            ensure!(
                report.digest == Transcript::reference(plan, messages),
                "{}: the {end} end received other messages than were sent",
                plan.name()
            );
        }
        Ok(())
    }

    fn metrics(&self) -> Vec<Metric> {
        let plan = &self.plan;
        let (key, variant) = (plan.key(), plan.variant());
        let metrics = match (self.near.trips, self.near.stream) {
            (Some(trips), _) => self.trip_metrics(&trips),
            (None, Some(seconds)) => self.stream_metrics(seconds),
            (None, None) => Vec::new(),
        };
        let of_this = |metric: Metric| metric.of_called(&key, &variant);
        let metrics = metrics.into_iter().map(of_this);
        match plan.mechanism.only() {
            Some(model) => metrics.map(|one| one.only(model)).collect(),
            None => metrics.collect(),
        }
    }

    fn trip_metrics(&self, trips: &Quantiles) -> Vec<Metric> {
        let id = format!("trip-{}", self.plan.size);
        let label = format!("round trip of {}", bytes(self.plan.size));
        let mut metrics = trips.metrics(&id, &label);
        if self.plan.size != SHORT {
            metrics = metrics.into_iter().map(Metric::detail).collect();
        }
        metrics.extend(self.expenses(&id, &label));
        metrics
    }

    fn stream_metrics(&self, seconds: f64) -> Vec<Metric> {
        let (size, label) = (self.plan.size, bytes(self.plan.size));
        let rate = f64::from(self.plan.messages) / seconds;
        let flow = rate * self.plan.size as f64;
        let metric = |[name, words]: [&str; 2], unit, value, shown| {
            let id = format!("{name}-{size}");
            let label = format!("{words} {label}");
            let metric = Metric::new(&id, &label, unit, Better::Higher, value);
            if self.plan.size == shown { metric } else { metric.detail() }
        };
        let mut metrics = vec![
            metric(["rate", "messages of"], "/s", rate, SHORT),
            metric(["flow", "data in messages of"], "B/s", flow, LONG),
        ];
        let (id, label) =
            (format!("stream-{size}"), format!("stream of {label}"));
        metrics.extend(self.expenses(&id, &label));
        metrics
    }

    /// What each message cost both ends.
    fn expenses(&self, id: &str, label: &str) -> [Metric; 2] {
        let cost = |[key, name]: [&str; 2], unit, value| {
            let (id, label) =
                (format!("{id}-{key}"), format!("{label}, {name}"));
            Metric::new(&id, &label, unit, Better::Lower, value).detail()
        };
        [
            cost(["cpu", "CPU per message"], "s", self.cpu()),
            cost(["switches", "switches per message"], "1", self.switches()),
        ]
    }

    /// CPU seconds per message, both ends together. A round trip is two
    /// messages.
    fn cpu(&self) -> f64 {
        (self.near.used.cpu + self.far.used.cpu) / self.messages()
    }

    fn switches(&self) -> f64 {
        let switches = self.near.used.switches + self.far.used.switches;
        switches as f64 / self.messages()
    }

    fn messages(&self) -> f64 {
        let there = f64::from(self.plan.messages);
        match self.plan.task {
            Task::RoundTrip => 2.0 * there,
            Task::Stream => there,
        }
    }
}

fn parameters(finished: &[Finished]) -> Value {
    let Some(Finished { plan, .. }) = finished.first() else {
        return Value::Null;
    };
    json!({"seed": plan.seed, "cores": plan.cores})
}

/// Which messages were carried: for a given size and way of waiting they are
/// the same for every mechanism, on both sides.
fn answer(finished: &[Finished]) -> String {
    let mut carried: Vec<_> = finished
        .iter()
        .map(|Finished { plan, far, .. }| {
            let task = plan.task as usize;
            (task, plan.size, plan.waiting, plan.messages, far.digest)
        })
        .collect();
    carried.sort_unstable();
    carried.dedup();
    let mut answer = Digest::new();
    for (task, size, waiting, messages, digest) in carried {
        answer.count(task as u64).count(size as u64).text(&name(&waiting));
        answer.count(messages.into()).count(digest);
    }
    answer.hex()
}

fn result(finished: &[Finished]) -> Value {
    let rows = finished.iter().map(|Finished { plan, far, .. }| {
        json!({
            "task": plan.task,
            "mechanism": plan.mechanism,
            "waiting": plan.waiting,
            "size": plan.size,
            "messages": plan.messages,
            "digest": format!("{:016x}", far.digest),
        })
    });
    json!(rows.collect::<Vec<_>>())
}

/// A table for each task and size. Spinning and sleeping are listed separately:
/// they are one to two orders of magnitude apart.
fn story(finished: &[Finished]) -> Vec<String> {
    let groups = finished.chunk_by(|one, other| {
        (one.plan.task, one.plan.size) == (other.plan.task, other.plan.size)
    });
    let mut lines: Vec<_> = groups.flat_map(table).collect();
    lines.push("CPU and switches: per message, both ends together.".into());
    lines
}

fn table(group: &[Finished]) -> Vec<String> {
    let mut lines: Vec<_> = group.first().map(heading).into_iter().collect();
    for waiting in Waiting::ALL {
        let rows = group.iter().filter(|one| one.plan.waiting == waiting);
        let rows: Vec<_> = rows.map(row).collect();
        if !rows.is_empty() {
            lines.push(format!(" {}", words(waiting)));
            lines.extend(rows);
        }
    }
    lines.push(String::new());
    lines
}

fn heading(first: &Finished) -> String {
    let size = bytes(first.plan.size);
    match first.plan.task {
        Task::RoundTrip => line(
            &format!("{size} round trip"),
            &["p50", "p90", "p99", "p99.9", "max", "CPU", "switches"],
        ),
        Task::Stream => line(
            &format!("{size} stream"),
            &["messages", "bytes", "CPU", "switches"],
        ),
    }
}

pub(super) fn words(waiting: Waiting) -> &'static str {
    match waiting {
        Waiting::Spin => "both ends spin",
        Waiting::SpinThenPark => "spin, then sleep",
        Waiting::Block => "both ends sleep",
    }
}

fn row(finished: &Finished) -> String {
    let seconds = |value| units::human(value, "s");
    let mut cells = match (finished.near.trips, finished.near.stream) {
        (Some(Quantiles { p50, p90, p99, p999, max, .. }), _) => {
            [p50, p90, p99, p999, max].map(seconds).to_vec()
        }
        (None, stream) => {
            let messages = f64::from(finished.plan.messages);
            let rate = messages / stream.unwrap_or(f64::NAN);
            let flow = rate * finished.plan.size as f64;
            vec![units::human(rate, "/s"), units::human(flow, "B/s")]
        }
    };
    cells.push(seconds(finished.cpu()));
    cells.push(units::three_digits(finished.switches()));
    line(&format!("  {}", name(&finished.plan.mechanism)), &cells)
}

/// At most seven cells, which make it 79 columns wide.
fn line(first: &str, cells: &[impl AsRef<str>]) -> String {
    let mut line = format!("{first:16}");
    for cell in cells {
        let width = 9 + 3 * usize::from(cells.len() < 7);
        line += &format!("{:>width$}", cell.as_ref());
    }
    line
}

fn meaning(model: Model, finished: &[Finished]) -> String {
    let trip = |waiting| {
        let rows = finished.iter().filter(|one| one.plan.waiting == waiting);
        let trips = rows.filter_map(|one| Some(one.near.trips?.p50));
        trips.min_by(f64::total_cmp)
    };
    match (trip(Waiting::Spin), trip(Waiting::Block)) {
        (Some(spin), Some(block)) => format!(
            "With {model}, the fastest round trip takes {} if both ends \
             spin,\nand {} if they sleep, {} times as long.",
            units::human(spin, "s"),
            units::human(block, "s"),
            units::three_digits(block / spin),
        ),
        _ => {
            format!("With {model}, every message arrived whole and in order.")
        }
    }
}
