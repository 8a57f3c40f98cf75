//! Checks the sessions and turns them into figures and text.

use std::{iter, time::Duration};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{
    Plan,
    perform::{Record, Session},
    session::FRAME,
};
use crate::{
    columns::{self, columns},
    digest::Digest,
    laps::Laps,
    outcome::{Better, Metric, Model, Outcome},
    units,
};

/// Checks that the rows are the same with and without a worker, and builds the
/// outcome.
///
/// # Errors
///
/// Fails if the rows differ.
pub fn outcome(
    model: Model,
    plan: &Plan,
    record: &Record,
    laps: &Laps,
) -> Result<Outcome> {
    let answers: Vec<_> =
        record.sessions().map(|(_, it)| it.answer()).collect();
    ensure!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{model} return other rows than a run without a worker: {}",
        answers.join(" and ")
    );
    let mut outcome = Outcome::new("responsive-ui", model, laps);
    outcome.parameters = parameters(plan);
    outcome.answer = answers.into_iter().next().unwrap_or_default();
    outcome.result = result(record);
    outcome.metrics = metrics(record);
    outcome.story = story(record);
    outcome.is_told = true;
    outcome.meaning = meaning(record);
    Ok(outcome)
}

impl Record {
    /// With the key and the name of each.
    fn sessions(&self) -> impl Iterator<Item = ([&'static str; 2], &Session)> {
        let all = [
            (["no-worker", "no worker"], &self.no_worker),
            (["worker", "worker"], &self.worker),
        ];
        all.into_iter().filter_map(|(name, it)| Some((name, it.as_ref()?)))
    }
}

impl Session {
    /// The rows of all queries, in the order of the queries: how the rows of
    /// parallel queries interleave is a matter of luck.
    fn answer(&self) -> String {
        let mut answer = Digest::new();
        for run in &self.runs {
            answer.count(run.count).text(&run.digest.hex());
        }
        answer.hex()
    }

    fn rows(&self) -> u64 {
        self.runs.iter().map(|run| run.count).sum()
    }

    fn bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.bytes).sum()
    }

    /// The time that the screen spent on one row, in seconds.
    fn taking_a_row(&self) -> f64 {
        self.felt.taking.as_secs_f64() / self.rows().max(1) as f64
    }

    fn taking_a_megabyte(&self) -> f64 {
        self.felt.taking.as_secs_f64() * 1e6 / self.bytes().max(1) as f64
    }

    fn took(&self) -> Duration {
        self.runs.iter().map(|run| run.took()).max().unwrap_or_default()
    }
}

fn parameters(plan: &Plan) -> Value {
    json!({
        "seed": plan.walk.seed,
        "steps": plan.walk.steps,
        "queries": plan.at_once,
        "cancels": plan.cancels,
        "no_worker": plan.no_worker,
    })
}

fn result(record: &Record) -> Value {
    let sessions = record.sessions().map(|([_, name], session)| {
        let one = json!({
            "rows": session.rows(),
            "bytes": session.bytes(),
            "frames": session.felt.frames,
            "inputs": session.felt.input_to_frame.quantiles().count,
        });
        (name.to_owned(), one)
    });
    json!({
        "sessions": sessions.collect::<serde_json::Map<_, _>>(),
        "cancelled": record.cancelled,
    })
}

fn metrics(record: &Record) -> Vec<Metric> {
    let mut metrics = Vec::new();
    let lower = |id: &str, label: &str, value| {
        Metric::new(id, label, "s", Better::Lower, value)
    };
    for ([key, name], Session { felt, .. }) in record.sessions() {
        let latency = felt.input_to_frame.quantiles();
        let longest = felt.longest_gap.as_secs_f64();
        let gap = felt.gaps.quantiles().p99;
        // A single hiccup of the machine determines it: it is shown, but not
        // judged.
        let longest = Metric::new(
            "longest-frame-gap",
            "longest gap between frames",
            "s",
            Better::Neither,
            longest,
        );
        let input = |key: &str, value| {
            let id = format!("input-to-frame-{key}");
            lower(&id, &format!("key to frame {key}"), value)
        };
        let of_session = [
            input("p50", latency.p50),
            input("p90", latency.p90).detail(),
            input("p99", latency.p99),
            input("max", latency.max).detail(),
            lower("frame-gap-p99", "gap between frames p99", gap),
            longest,
        ];
        let of_session = of_session.map(|one| one.of_called(key, name));
        metrics.extend(of_session);
    }
    if let Some(cancels) = &record.cancels {
        let cancel = |key: &str, value| {
            let id = format!("cancel-to-answer-{key}");
            lower(&id, &format!("cancel to next answer {key}"), value)
        };
        metrics.push(cancel("p50", cancels.p50));
        metrics.push(cancel("p99", cancels.p99));
        metrics.push(cancel("max", cancels.max).detail());
    }
    if let Some(worker) = &record.worker {
        let (row, megabyte) =
            (worker.taking_a_row(), worker.taking_a_megabyte());
        metrics.push(lower("hand-over-row", "hand-over per row", row));
        metrics.push(lower("hand-over-mb", "hand-over per MB", megabyte));
    }
    for ([key, name], session) in record.sessions() {
        let query = session.took().as_secs_f64();
        metrics.push(lower("query", "query time", query).of_called(key, name));
    }
    metrics
}

fn story(record: &Record) -> Vec<String> {
    let mut table = columns([
        "key to frame",
        "p50",
        "p90",
        "p99",
        "max",
        "frozen",
        "query",
    ]);
    for ([_, name], session) in record.sessions() {
        let latency = session.felt.input_to_frame.quantiles();
        let longest = session.felt.longest_gap.as_secs_f64();
        let query = session.took().as_secs_f64();
        let times = [latency.p50, latency.p90, latency.p99, latency.max];
        let times = times.into_iter().chain([longest, query]).map(seconds);
        table.add_row(iter::once(name.to_owned()).chain(times));
    }
    let mut lines = columns::lines(&table);
    lines.push(String::new());
    lines.extend(record.worker.as_ref().map(taken));
    if let Some(cancels) = &record.cancels {
        lines.push(format!(
            "Escape to next answer: p50 {}, p99 {}, max {}, of {} cancels.",
            seconds(cancels.p50),
            seconds(cancels.p99),
            seconds(cancels.max),
            cancels.count,
        ));
    }
    lines
}

fn taken(session: &Session) -> String {
    format!(
        "The screen took over {} rows: {} per row, {} per MB.",
        units::human(session.rows() as f64, "1"),
        seconds(session.taking_a_row()),
        seconds(session.taking_a_megabyte()),
    )
}

fn seconds(value: f64) -> String {
    units::human(value, "s")
}

fn meaning(record: &Record) -> String {
    let longest = |session: &Option<Session>| {
        session.as_ref().map(|session| session.felt.longest_gap)
    };
    let text = |gap: Duration| seconds(gap.as_secs_f64());
    match (longest(&record.no_worker), longest(&record.worker)) {
        (Some(frozen), Some(felt)) => format!(
            "Without a worker the screen froze for {}; with one, for\n{} at \
             most. One frame is {}.",
            text(frozen),
            text(felt),
            text(FRAME)
        ),
        (Some(felt), None) | (None, Some(felt)) => {
            format!("The screen froze for {} at most.", text(felt))
        }
        (None, None) => String::new(),
    }
}
