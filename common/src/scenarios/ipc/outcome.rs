//! What a ladder came to: checked, in figures, and as a page.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Plan, Report, Task, Transcript, Waiting, bytes};
use crate::{
    arguments::name,
    digest::Digest,
    laps::Laps,
    latency::Quantiles,
    outcome::{Better, Metric, Model, Outcome},
    units,
};

/// The sizes whose figures stand in the comparison; of all others they are
/// details. What is short is limited by waking, what is long by copying.
const SHORT: usize = 64;
const LONG: usize = 1 << 20;

/// One measurement, done.
#[derive(Debug)]
pub struct Finished {
    /// What was to be done.
    pub plan: Plan,
    /// The end that asked, or poured.
    pub near: Report,
    /// The end that answered, or drained.
    pub far: Report,
    /// What it took.
    pub laps: Laps,
}

/// Checks what every end received and tells what came out.
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
    outcome.meaning = meaning(model, finished);
    Ok(outcome)
}

impl Finished {
    /// Every message was checked as it came. That none is missing, and that
    /// they are the right ones, shows here.
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
        let name = plan.name();
        let metrics = match (self.near.trips, self.near.stream) {
            (Some(trips), _) => self.trip_metrics(&trips),
            (None, Some(seconds)) => self.stream_metrics(seconds),
            (None, None) => Vec::new(),
        };
        let metrics = metrics.into_iter().map(|metric| metric.of(&name));
        match plan.mechanism.only() {
            Some(model) => metrics.map(|one| one.only(model)).collect(),
            None => metrics.collect(),
        }
    }

    fn trip_metrics(&self, trips: &Quantiles) -> Vec<Metric> {
        let mut metrics = trips.metrics("round trip");
        if self.plan.size != SHORT {
            metrics = metrics.into_iter().map(Metric::detail).collect();
        }
        metrics.extend(self.expenses("round trip"));
        metrics
    }

    fn stream_metrics(&self, seconds: f64) -> Vec<Metric> {
        let rate = f64::from(self.plan.messages) / seconds;
        let flow = rate * self.plan.size as f64;
        let shown = |metric: Metric, at| match self.plan.size == at {
            true => metric,
            false => metric.detail(),
        };
        let rate = Metric::new("messages", "op/s", Better::Higher, rate);
        let flow = Metric::new("bytes", "B/s", Better::Higher, flow);
        let mut metrics = vec![shown(rate, SHORT), shown(flow, LONG)];
        metrics.extend(self.expenses("stream"));
        metrics
    }

    /// What a message took of both ends.
    fn expenses(&self, task: &str) -> [Metric; 2] {
        let cost = |what, unit, value| {
            let name = format!("{task} {what}");
            Metric::new(&name, unit, Better::Lower, value).detail()
        };
        [cost("CPU", "s", self.cpu()), cost("switches", "1", self.switches())]
    }

    /// Seconds of CPU time a message, of both ends. A round trip is two.
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

/// Which messages were carried: those of a size and a way of waiting are the
/// same for each mechanism that has it, on whichever side.
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

/// A table for each task and size. Those who spin and those who sleep stand
/// apart in it: between them lie one to two orders of magnitude.
fn story(finished: &[Finished]) -> Vec<String> {
    let groups = finished.chunk_by(|one, other| {
        (one.plan.task, one.plan.size) == (other.plan.task, other.plan.size)
    });
    let tables: Vec<_> = groups.map(table).collect();
    tables.join(&String::new()).to_vec()
}

fn table(group: &[Finished]) -> Vec<String> {
    let Some(Finished { plan, .. }) = group.first() else {
        return Vec::new();
    };
    let mut lines = vec![String::new(), heading(plan)];
    for waiting in Waiting::ALL {
        let rows = group.iter().filter(|one| one.plan.waiting == waiting);
        let rows: Vec<_> = rows.map(row).collect();
        if !rows.is_empty() {
            lines.push(format!("  {}", words(waiting)));
            lines.extend(rows);
        }
    }
    lines
}

fn heading(plan: &Plan) -> String {
    let size = bytes(plan.size);
    let columns = match plan.task {
        Task::RoundTrip => {
            columns(["p50", "p90", "p99", "p99.9", "max", "CPU", "switches"])
        }
        Task::Stream => {
            columns(["messages", "bytes", "CPU", "switches", "", "", ""])
        }
    };
    let what = match plan.task {
        Task::RoundTrip => format!("round trip, {size}"),
        Task::Stream => format!("stream, {size}"),
    };
    format!("{what:19}{columns}")
}

fn words(waiting: Waiting) -> &'static str {
    match waiting {
        Waiting::Spin => "both spin",
        Waiting::SpinThenPark => "spin, then sleep",
        Waiting::Block => "sleep at once",
    }
}

fn row(finished: &Finished) -> String {
    let seconds = |value| units::human(value, "s");
    let cpu = seconds(finished.cpu());
    let switches = units::three_digits(finished.switches());
    let cells = match (finished.near.trips, finished.near.stream) {
        (Some(trips), _) => {
            let Quantiles { p50, p90, p99, p999, max, .. } = trips;
            let [p50, p90, p99, p999, max] =
                [p50, p90, p99, p999, max].map(seconds);
            columns([&p50, &p90, &p99, &p999, &max, &cpu, &switches])
        }
        (None, stream) => {
            let messages = f64::from(finished.plan.messages);
            let rate = messages / stream.unwrap_or(f64::NAN);
            let flow = rate * finished.plan.size as f64;
            let rate = units::human(rate, "/s");
            let flow = units::human(flow, "B/s");
            columns([&rate, &flow, &cpu, &switches, "", "", ""])
        }
    };
    let mechanism = name(&finished.plan.mechanism);
    format!("    {mechanism:15}{cells}")
}

/// Seven columns, which with what stands before them are 79 wide.
fn columns(cells: [&str; 7]) -> String {
    let [one, two, three, four, five, six, seven] = cells;
    let line = format!(
        "{one:>8}{two:>9}{three:>8}{four:>9}{five:>8}{six:>8}{seven:>9}"
    );
    line.trim_end().to_owned()
}

fn meaning(model: Model, finished: &[Finished]) -> String {
    let trip = |waiting| {
        let rows = finished.iter().filter(|one| one.plan.waiting == waiting);
        let trips = rows.filter_map(|one| Some(one.near.trips?.p50));
        trips.min_by(f64::total_cmp)
    };
    match (trip(Waiting::Spin), trip(Waiting::Block)) {
        (Some(spin), Some(block)) => format!(
            "Among {model}, the fastest round trip took {} where both ends \
             spin, and {} where\nthey sleep: to be woken costs {} times what \
             the message costs.",
            units::human(spin, "s"),
            units::human(block, "s"),
            units::three_digits(block / spin),
        ),
        _ => format!(
            "CPU and switches are of a message, both ends together; every \
             message came\nwhole and in order among {model}."
        ),
    }
}
