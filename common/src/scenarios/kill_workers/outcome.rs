//! Checks the run and turns it into figures and a page.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use comfy_table::{Table, presets};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Aftermath, Kind, Left, Plan, Record, record::Stuck, time};
use crate::{
    arguments::name,
    digest::Digest,
    laps::Laps,
    latency::{Latencies, Quantiles},
    outcome::{Better, Metric, Model, Outcome},
    supervision::{Ending, StopMethod, Stopped},
    units,
};

/// Checks every job's result and builds the outcome.
///
/// # Errors
///
/// Fails if a good job was not done or done wrong, or if this model should have
/// been able to stop a kind of stuck job but did not.
pub fn outcome(
    model: Model,
    record: &Record,
    aftermath: &Aftermath,
    laps: &Laps,
) -> Result<Outcome> {
    let results = record.verified()?;
    let cells = Cells::new(record, aftermath);
    cells.check(model, &record.plan)?;
    let mut outcome = Outcome::new("kill-workers", model, laps);
    outcome.parameters = parameters(&record.plan);
    outcome.answer = answer(&results);
    outcome.metrics = metrics(record, &cells, aftermath);
    outcome.result = result(record, &cells, aftermath);
    outcome.story = story(model, record, &cells, aftermath);
    outcome.meaning = meaning(model, &cells);
    Ok(outcome)
}

/// How well each way to stop a job worked for each kind.
struct Cells(BTreeMap<(Kind, StopMethod), Cell>);

#[derive(Default)]
struct Cell {
    tried: u32,
    stopped: u32,
    abandoned: u32,
    after: Latencies,
    /// Locks left behind by attempts for which this was the last way tried.
    poisoned: u32,
    held: u32,
}

const WAYS: [StopMethod; 3] =
    [StopMethod::Ask, StopMethod::Interrupt, StopMethod::Force];

impl Cells {
    fn new(record: &Record, aftermath: &Aftermath) -> Self {
        let mut cells = Cells(BTreeMap::new());
        for Stuck { kind, place, endings } in &record.stuck {
            for (attempt, ending) in endings.iter().enumerate() {
                let lock = record.plan.lock(*place, attempt);
                let left = aftermath.locks.get(lock);
                let left = left.copied().unwrap_or(Left::Nothing);
                cells.add(*kind, ending, left);
            }
        }
        cells
    }

    /// All ways up to the one that worked were tried.
    fn add(&mut self, kind: Kind, ending: &Ending, left: Left) {
        let (first, last) = match ending {
            Ending::Stopped(Stopped { first, by, .. }) => (*first, *by),
            Ending::Abandoned => (StopMethod::Ask, StopMethod::Force),
            Ending::Died(_) => return,
        };
        for way in WAYS.into_iter().filter(|way| (first..=last).contains(way)) {
            self.0.entry((kind, way)).or_default().tried += 1;
        }
        let cell = self.0.entry((kind, last)).or_default();
        match ending {
            Ending::Stopped(stopped) => {
                cell.stopped += 1;
                cell.after.record(stopped.after);
            }
            _ => cell.abandoned += 1,
        }
        match left {
            Left::Nothing => {}
            Left::Poisoned => cell.poisoned += 1,
            Left::Held => cell.held += 1,
        }
    }

    /// The times of the gentlest way that worked.
    fn gentlest(&self, kind: Kind) -> Option<Quantiles> {
        let cell = |way| self.0.get(&(kind, way));
        let mut cells = WAYS.into_iter().filter_map(cell);
        let found = cells.find(|cell| cell.stopped > 0)?;
        Some(found.after.quantiles())
    }

    fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<_> = self.0.keys().map(|(kind, _)| *kind).collect();
        kinds.dedup();
        kinds
    }

    /// What can be stopped depends on the model, not on luck.
    fn check(&self, model: Model, plan: &Plan) -> Result<()> {
        for kind in self.kinds() {
            let can = kind.only().is_none_or(|only| only == model);
            let all = WAYS.map(|way| (kind, way));
            let mut cells = all.iter().filter_map(|cell| self.0.get(cell));
            let abandoned = cells.any(|cell| cell.abandoned > 0);
            ensure!(
                can != abandoned && can == self.gentlest(kind).is_some(),
                "{model} that are stuck ({}) {} be stopped: if the machine is \
                 busy, allow more time for each way than --grace {}",
                name(&kind),
                if can { "could not" } else { "could" },
                time(plan.rules.grace)
            );
        }
        Ok(())
    }
}

impl Cell {
    /// The median and the 99th percentile; a count, if not all were stopped.
    fn text(&self) -> String {
        let Cell { tried, stopped, abandoned, .. } = self;
        let Quantiles { p50, p99, .. } = self.after.quantiles();
        let (p50, p99) = (units::human(p50, "s"), units::human(p99, "s"));
        match (*stopped, *abandoned) {
            (0, 0) => format!("0 of {tried}"),
            (0, _) => "abandoned".into(),
            (some, _) if some < *tried => format!("{some} of {tried}: {p50}"),
            _ => format!("{p50}, {p99}"),
        }
    }

    fn told(&self) -> Tried {
        let Quantiles { p50, p99, .. } = self.after.quantiles();
        Tried {
            tried: self.tried,
            stopped: self.stopped,
            abandoned: self.abandoned,
            p50,
            p99,
            locks_poisoned: self.poisoned,
            locks_held: self.held,
        }
    }
}

/// The result of the outcome.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    /// Good jobs done.
    pub good_jobs: usize,
    /// Workers that were replaced.
    pub restarts: usize,
    /// What was tried on each kind of stuck job.
    pub kinds: BTreeMap<String, Ways>,
    /// Threads that could not be stopped.
    pub threads_left: u64,
    /// Cores that they keep busy.
    pub cores_lost: f64,
}

/// How each way to stop a worker fared.
pub type Ways = BTreeMap<StopMethod, Tried>;

/// How one way fared.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Tried {
    /// How often it was tried.
    pub tried: u32,
    /// How often it stopped the job.
    pub stopped: u32,
    /// How often it was the last way and did not work.
    pub abandoned: u32,
    /// The median time to stop a job, in seconds.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// Locks that were left poisoned.
    pub locks_poisoned: u32,
    /// Locks that were never released.
    pub locks_held: u32,
}

fn parameters(plan: &Plan) -> Value {
    json!({
        "workers": plan.rules.workers,
        "seed": plan.seed,
        "jobs": plan.good,
        "stuck": plan.stuck,
        "kinds": plan.kinds,
        "deadline": plan.rules.deadline.map(|time| time.as_secs_f64()),
        "grace": plan.rules.grace.as_secs_f64(),
        "attempts": plan.rules.attempts,
        "chaos": plan.chaos,
        "soak": plan.soak.map(|time| time.as_secs_f64()),
    })
}

fn answer(results: &[u64]) -> String {
    let mut answer = Digest::new();
    answer.count(results.len() as u64);
    for result in results {
        answer.count(*result);
    }
    answer.hex()
}

fn metrics(
    record: &Record,
    cells: &Cells,
    aftermath: &Aftermath,
) -> Vec<Metric> {
    let fact =
        |id, label, value| Metric::new(id, label, "1", Better::Neither, value);
    let of_all = |metric| beside_one_kind(metric, cells);
    let rate = record.results.len() as f64 / record.good_after.as_secs_f64();
    let (id, label) = ("good-jobs", "good jobs");
    let good = Metric::new(id, label, "op/s", Better::Higher, rate);
    let mut metrics = vec![of_all(good)];
    for kind in cells.kinds() {
        metrics.extend(stopped_after(kind, cells));
    }
    let threads = aftermath.threads as f64;
    metrics.push(of_all(fact("threads-left", "threads left over", threads)));
    let cores = aftermath.cores;
    metrics.push(of_all(fact("cores-lost", "cores lost", cores)));
    for ((kind, way), cell) in &cells.0 {
        metrics.extend(quantiles(*kind, *way, cell));
    }
    metrics
}

/// When all stuck jobs are of one kind, the figures of the whole run are
/// reported for that kind.
fn beside_one_kind(metric: Metric, cells: &Cells) -> Metric {
    match cells.kinds()[..] {
        [kind] => metric.of(name(&kind)),
        _ => metric,
    }
}

fn stopped_after(kind: Kind, cells: &Cells) -> Option<Metric> {
    let after = cells.gentlest(kind)?.p50;
    let metric = Metric::new(
        "stopped-after",
        "stopped after",
        "s",
        Better::Lower,
        after,
    );
    Some(only_where_there_is(metric.of(name(&kind)), kind.only()))
}

/// For jobs stopped this way. Threads have only two ways.
fn quantiles(kind: Kind, way: StopMethod, cell: &Cell) -> Vec<Metric> {
    if cell.stopped == 0 {
        return Vec::new();
    }
    let only = match way {
        StopMethod::Force => Some(Model::Processes),
        StopMethod::Ask | StopMethod::Interrupt => kind.only(),
    };
    let way = name(&way);
    let quantiles = cell.after.quantiles().metrics(&way, &way);
    let detail = |metric: Metric| {
        only_where_there_is(metric.of(name(&kind)).detail(), only)
    };
    quantiles.into_iter().map(detail).collect()
}

fn only_where_there_is(metric: Metric, only: Option<Model>) -> Metric {
    match only {
        Some(model) => metric.only(model),
        None => metric,
    }
}

fn result(record: &Record, cells: &Cells, aftermath: &Aftermath) -> Value {
    let mut kinds = BTreeMap::<_, Ways>::new();
    for ((kind, way), cell) in &cells.0 {
        kinds.entry(name(kind)).or_default().insert(*way, cell.told());
    }
    json!(Summary {
        good_jobs: record.results.len(),
        restarts: record.restarts,
        kinds,
        threads_left: aftermath.threads,
        cores_lost: aftermath.cores,
    })
}

fn story(
    model: Model,
    record: &Record,
    cells: &Cells,
    aftermath: &Aftermath,
) -> Vec<String> {
    let Plan { rules, stuck, .. } = &record.plan;
    let (workers, good) = (rules.workers, record.results.len());
    let mut story = vec![format!("{workers} {model} do {good} good jobs.")];
    if !cells.0.is_empty() {
        story.push(format!(
            "Meanwhile there are stuck jobs, one at a time, {stuck} of each \
             kind.\nEach is stopped after {}, with {} of grace before the next \
             way is tried.\nEach job gets {} attempts, and each attempt \
             starts one way further up.\n\n{}\n",
            rules.deadline.map(time).unwrap_or_default(),
            time(rules.grace),
            rules.attempts,
            table(model, cells),
        ));
    }
    if let Some(seed) = record.plan.chaos {
        story.push(format!(
            "Workers are killed as they start, and before, during and after \
             their jobs, at moments chosen by seed {seed}."
        ));
    }
    story.push(afterwards(model, record, aftermath));
    story
}

fn table(model: Model, cells: &Cells) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(match model {
        Model::Threads => {
            ["stuck in", "by a flag", "by closing", "otherwise", "left behind"]
        }
        Model::Processes => {
            ["stuck in", "by a flag", "by SIGTERM", "by SIGKILL", "left behind"]
        }
    });
    for kind in cells.kinds() {
        let cell = |way| cells.0.get(&(kind, way));
        let mut row = vec![name(&kind)];
        row.extend(
            WAYS.map(|way| cell(way).map(Cell::text).unwrap_or_default()),
        );
        row.push(left(WAYS.into_iter().filter_map(cell)));
        table.add_row(row);
    }
    table
}

/// The locks that a kind left behind, whichever way it was stopped.
fn left<'a>(cells: impl Iterator<Item = &'a Cell>) -> String {
    let (mut poisoned, mut held) = (0, 0);
    for cell in cells {
        poisoned += cell.poisoned;
        held += cell.held;
    }
    match (poisoned, held) {
        (0, 0) => "nothing".into(),
        (poisoned, 0) => format!("{poisoned} poisoned"),
        (_, 1) => "thread and lock".into(),
        (_, held) => format!("{held} threads, locks"),
    }
}

fn afterwards(model: Model, record: &Record, aftermath: &Aftermath) -> String {
    let Aftermath { threads, cores, .. } = aftermath;
    let goes_on = match (model, threads) {
        (_, 0) => "All jobs are done, and nothing is left running.".into(),
        (Model::Threads, threads) => format!(
            "All jobs are done. Threads still running: {threads}. Cores they \
             keep busy: {cores:.1}.\nNothing stops them but the exit of \
             the program, which is now."
        ),
        (Model::Processes, threads) => {
            format!("All jobs are done. Threads still running: {threads}.")
        }
    };
    format!("Workers replaced: {}.\n{goes_on}", record.restarts)
}

fn meaning(model: Model, cells: &Cells) -> String {
    let kinds = cells.kinds();
    let stopped = kinds.iter().filter(|kind| cells.gentlest(**kind).is_some());
    let (stopped, all) = (stopped.count(), kinds.len());
    let sum = |of: fn(&Cell) -> u32| cells.0.values().map(of).sum::<u32>();
    let poisoned = sum(|cell| cell.poisoned);
    if all == 0 {
        return "Every good job was done, and recorded exactly once.".into();
    }
    match model {
        Model::Threads => format!(
            "Every good job was done, and recorded exactly once.\nKinds that \
             could be stopped: {stopped} of {all}. Such threads check a \
             flag,\nor register how to interrupt what they wait for."
        ),
        Model::Processes => format!(
            "Every good job was done, and recorded exactly once.\nKinds that \
             could be stopped: {stopped} of {all}. A killed worker runs no \
             destructors.\nLocks that had to be repaired: {poisoned}."
        ),
    }
}
