//! Checks the measurements and turns them into figures and a page.

use std::iter;

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};

use super::{Operation, Plan, WorkReport, bytes};
use crate::{
    columns::{self, columns},
    digest::Digest,
    laps::Laps,
    outcome::{Better, Metric, Model, Outcome},
    resources::Resources,
    units,
};

/// A finished measurement.
#[derive(Debug)]
pub struct Finished {
    /// What was to be done.
    pub plan: Plan,
    /// The report of each worker.
    pub reports: Vec<WorkReport>,
    /// Time and resources.
    pub laps: Laps,
}

/// Checks every worker's result and builds the outcome.
///
/// # Errors
///
/// Fails if an operation was left out or had a wrong result.
pub fn outcome(model: Model, finished: &[Finished]) -> Result<Outcome> {
    let mut laps = Laps::none();
    for one in finished {
        one.check()?;
        laps.add(&one.laps);
    }
    let rows: Vec<_> = rows(finished).collect();
    let mut outcome = Outcome::new("address-space", model, &laps);
    outcome.parameters = parameters(finished);
    outcome.answer = answer(&rows);
    outcome.result = result(finished);
    outcome.metrics = metrics(&rows);
    outcome.story = story(model, &rows);
    outcome.is_told = true;
    outcome.meaning = meaning(model, &rows);
    Ok(outcome)
}

/// One operation at one size, with all its crews, the smallest first.
type Row<'all> = &'all [Finished];

fn rows(finished: &[Finished]) -> impl Iterator<Item = Row<'_>> {
    finished.chunk_by(|one, other| one.plan.row() == other.plan.row())
}

impl Finished {
    fn check(&self) -> Result<()> {
        let Finished { plan, .. } = self;
        let (found, expected) = (self.found(), plan.reference());
        ensure!(
            found == expected,
            "{}: wrong result: got {found}, expected {expected}",
            plan.name()
        );
        Ok(())
    }

    fn found(&self) -> u64 {
        let found = self.reports.iter().map(|report| report.found);
        found.fold(0, u64::wrapping_add)
    }

    /// Seconds from when the first worker started until the last was done.
    fn seconds(&self) -> f64 {
        let began = self.reports.iter().map(|report| report.began).min();
        let ended = self.reports.iter().map(|report| report.ended).max();
        let time = ended.zip(began).map(|(ended, began)| ended - began);
        time.unwrap_or_default().as_secs_f64()
    }

    /// Operations per second, of all workers together.
    fn rate(&self) -> f64 {
        self.plan.operations as f64 / self.seconds()
    }

    /// The mean cost of one operation.
    fn each(&self, of: impl Fn(&Resources) -> f64) -> f64 {
        let all = self.reports.iter().map(|report| of(&report.used));
        all.sum::<f64>() / self.plan.operations as f64
    }

    /// How often a worker slept because it had to wait.
    fn waits(&self) -> f64 {
        self.each(|used| used.voluntary_switches as f64)
    }

    /// How often the kernel gave its core to another thread.
    fn preemptions(&self) -> f64 {
        self.each(|used| used.involuntary_switches as f64)
    }

    fn faults(&self) -> f64 {
        self.each(|used| used.minor_faults as f64)
    }

    /// CPU seconds, nearly all of them in the kernel. Only the sum of user and
    /// system time is exact: how the kernel splits it is a guess based on clock
    /// ticks (proc(5), `utime`), too coarse for this.
    fn cpu(&self) -> f64 {
        self.each(|used| used.cpu_user + used.cpu_system)
    }

    /// The rate of the requested crew is compared; all else is details.
    fn metrics(&self) -> Vec<Metric> {
        let Plan { workers, asked, .. } = self.plan;
        let (key, row) = (self.plan.row_key(), self.plan.row());
        let rate = Metric::new(&key, &row, "op/s", Better::Higher, self.rate());
        let cost = |what: &str, unit, value| {
            let id = format!("{key}-{}", what.to_lowercase());
            let label = format!("{row}: {what} per operation");
            Metric::new(&id, &label, unit, Better::Lower, value).detail()
        };
        let metrics = [
            if workers == asked { rate } else { rate.detail() },
            cost("switches", "1", self.waits()),
            cost("preemptions", "1", self.preemptions()),
            cost("faults", "1", self.faults()),
            cost("CPU", "s", self.cpu()),
        ];
        let (key, crew) = (self.plan.crew_key(), self.plan.crew());
        metrics.map(|metric| metric.of_called(key, &crew)).into()
    }
}

/// How much faster the requested crew is than one worker. None if it is one
/// worker.
fn speed_up(row: Row) -> Option<f64> {
    let [one, all, ..] = row else { return None };
    let is_asked = all.plan.workers == all.plan.asked;
    is_asked.then(|| all.rate() / one.rate())
}

/// The rates first, then what becomes of them with more workers.
fn metrics(rows: &[Row]) -> Vec<Metric> {
    let all = rows.iter().flat_map(|row| row.iter());
    let rates = all.flat_map(Finished::metrics);
    let speed_ups = rows.iter().filter_map(|row| {
        let (id, label) = (row[0].plan.row_key(), row[0].plan.row());
        let metric =
            Metric::new(&id, &label, "1", Better::Higher, speed_up(row)?);
        Some(metric.of("speed-up"))
    });
    rates.chain(speed_ups).collect()
}

fn parameters(finished: &[Finished]) -> Value {
    let Some(Finished { plan, .. }) = finished.first() else {
        return Value::Null;
    };
    let operations: Map<String, Value> = finished
        .iter()
        .map(|one| (one.plan.row(), json!(one.plan.operations)))
        .collect();
    json!({
        "workers": plan.asked,
        "seed": plan.seed,
        "operations": operations,
    })
}

/// The total result of each row: it is the same for all its crews.
fn answer(rows: &[Row]) -> String {
    let mut answer = Digest::new();
    for first in rows.iter().filter_map(|row| row.first()) {
        let Plan { operations, touched, .. } = first.plan;
        answer.text(&first.plan.row()).count(touched as u64);
        answer.count(operations).count(first.found());
    }
    answer.hex()
}

fn result(finished: &[Finished]) -> Value {
    let rows = finished.iter().map(|one| {
        let Plan { operation, size, touched, .. } = one.plan;
        json!({
            "operation": operation,
            "size": size,
            "touched": touched,
            "workers": one.plan.workers,
            "operations": one.plan.operations,
            "found": one.found(),
        })
    });
    json!(rows.collect::<Vec<_>>())
}

/// One line per operation and size, then what each operation contends for.
fn story(model: Model, rows: &[Row]) -> Vec<String> {
    let mut lines = rows.first().map_or_else(Vec::new, |first| {
        let mut table = columns(heading(first));
        table.add_rows(rows.iter().map(cells));
        columns::lines(&table)
    });
    lines.push(String::new());
    lines.push(legend(rows));
    lines.extend(rows.iter().filter_map(|row| untouched(&row[0].plan)));
    lines.push(String::new());
    lines.push(whose(model).into());
    let mut operations: Vec<_> =
        rows.iter().map(|row| row[0].plan.operation).collect();
    operations.dedup();
    lines.extend(operations.into_iter().map(meeting_place));
    lines
}

fn heading(row: &Row) -> Vec<String> {
    let crews = row.iter().map(|one| one.plan.workers.to_string());
    let costs = ["speed-up", "slept", "faults", "CPU"].map(str::to_owned);
    let what = "op/s, by workers".to_owned();
    iter::once(what).chain(crews).chain(costs).collect()
}

fn cells(row: &Row) -> Vec<String> {
    let rate = |one: &Finished| units::human(one.rate(), "");
    let rates = row.iter().map(|one| rate(one).trim_end().to_owned());
    let asked = row.iter().find(|one| one.plan.workers == one.plan.asked);
    let speed_up = speed_up(row).map(units::three_digits);
    let costs = asked.map(|asked| {
        [
            speed_up.unwrap_or_default(),
            units::three_digits(asked.waits()),
            units::human(asked.faults(), "1"),
            units::human(asked.cpu(), "s"),
        ]
    });
    let what = iter::once(row[0].plan.row());
    what.chain(rates).chain(costs.into_iter().flatten()).collect()
}

fn legend(rows: &[Row]) -> String {
    let asked = rows.first().map_or(1, |row| row[0].plan.asked);
    match asked {
        1 => "op/s: all workers together. The rest: one worker.".into(),
        many => format!(
            "op/s: all workers together. Speed-up: {many} workers over 1. \
             Slept, faults\nand CPU time: per operation, with {many} workers."
        ),
    }
}

/// A note about a mapping too large to be touched by this many workers.
fn untouched(plan: &Plan) -> Option<String> {
    let is_cut = plan.operation == Operation::Touch && plan.touched < plan.size;
    is_cut.then(|| {
        format!(
            "Of {} only {} are touched, so that the memory suffices for all.",
            plan.row(),
            bytes(plan.touched)
        )
    })
}

fn whose(model: Model) -> &'static str {
    match model {
        Model::Threads => "What they contend for:",
        Model::Processes => {
            "What threads would contend for, and each process has to itself:"
        }
    }
}

/// What the kernel serialises within a process; see [`super`].
fn meeting_place(operation: Operation) -> String {
    let words = match operation {
        Operation::Map => {
            "the lock of the address space, once to map and once to unmap"
        }
        Operation::Touch => {
            "as map; a page fault needs it only during such a change"
        }
        Operation::Allocate => {
            "an arena of malloc's; for a large block, as map"
        }
        Operation::Protect => {
            "as map; and all cores in use must flush the pages' TLB entries"
        }
        Operation::Files => "the lock of the descriptor table",
    };
    format!("{operation:9} {words}")
}

fn meaning(model: Model, rows: &[Row]) -> String {
    let mut speed_ups: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((speed_up(row)?, row[0].plan)))
        .collect();
    speed_ups.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (Some((least, slow)), Some((most, fast))) =
        (speed_ups.first(), speed_ups.last())
    else {
        return "One worker alone contends with nobody.".into();
    };
    format!(
        "With {model}, {} workers are {} times as fast as one in `{}`,\n\
         and {} times in `{}`.",
        slow.asked,
        units::three_digits(*least),
        slow.row(),
        units::three_digits(*most),
        fast.row(),
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::time::Duration;

    use clap::Parser as _;
    use proptest::prelude::*;

    use super::{super::Args, *};

    /// As if all had gone well. Each operation takes a second of work, and each
    /// worker starts a second after the previous one.
    fn done(arguments: &str) -> Vec<Finished> {
        let words = ["program", "--operations", "24"].into_iter();
        let words = words.chain(arguments.split(' '));
        let plans = Args::try_parse_from(words).unwrap().plans();
        let report = |plan: Plan, index| {
            let whole = if index == 0 { plan.reference() } else { 0 };
            let begin = 5 + index as u64;
            let seconds = plan.share(index).count() as u64;
            WorkReport {
                found: whole,
                began: Duration::from_secs(begin),
                ended: Duration::from_secs(begin + seconds),
                used: Resources { voluntary_switches: 6, ..Default::default() },
            }
        };
        let finish = |plan: Plan| {
            let all = (0..plan.workers).map(|index| report(plan, index));
            Finished { plan, reports: all.collect(), laps: Laps::none() }
        };
        plans.into_iter().map(finish).collect()
    }

    fn figure(outcome: &Outcome, id: &str) -> Metric {
        let mut metrics = outcome.metrics.iter();
        metrics.find(|one| one.id == id).unwrap().clone()
    }

    #[test]
    fn a_speed_up_is_from_one_to_those_who_were_asked_for() {
        let outcome = outcome(Model::Threads, &done("--workers 3")).unwrap();
        let figure = |id: &str| figure(&outcome, id);
        for (crew, rate) in [
            ("one", 24.0 / 24.0),
            ("all", 24.0 / (8.0 + 2.0)),
            ("twice", 24.0 / (4.0 + 5.0)),
        ] {
            let found = figure(&format!("map-1048576.{crew}"));
            assert_eq!(found.value, Some(rate), "{crew}");
            assert_eq!(found.detail, crew != "all", "{crew}");
        }
        assert_eq!(figure("map-1048576.speed-up").value, Some(2.4));
        let switches = figure("map-1048576-switches.all");
        assert_eq!((switches.value, switches.detail), (Some(0.75), true));
    }

    #[test]
    fn one_alone_has_no_speed_up() {
        let outcome = outcome(Model::Threads, &done("--workers 1")).unwrap();
        let mut metrics = outcome.metrics.iter();
        assert!(metrics.all(|one| !one.id.ends_with(".speed-up")));
        assert!(outcome.meaning.contains("alone"));
    }

    #[test]
    fn what_is_not_touched_is_told() {
        let told = |arguments| {
            let outcome = outcome(Model::Processes, &done(arguments)).unwrap();
            outcome.story.join("\n").contains("MiB are touched")
        };
        assert!(!told("--workers 2"));
        assert!(told("--workers 4"));
        assert!(!told("--workers 4 --variant map"));
    }

    proptest! {
        #[test]
        fn what_is_wrong_is_refused(
            which in any::<prop::sample::Index>(),
            wrong in 1..u64::MAX,
        ) {
            let mut finished = done("--workers 2");
            let answer = outcome(Model::Threads, &finished).unwrap().answer;
            let which = which.index(finished.len());
            let found = &mut finished[which].reports[0].found;
            *found = found.wrapping_add(wrong);
            let error = outcome(Model::Threads, &finished).unwrap_err();
            prop_assert!(error.to_string().contains(": wrong result: "));
            prop_assert_eq!(answer.len(), 64);
        }
    }
}
