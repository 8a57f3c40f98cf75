//! Checks the answers and turns all of it into figures and a page.

use anyhow::{Result, ensure};
use clap::ValueEnum as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Act, Attempt, Cell, Costs, Tried, Variant, good_work};
use crate::{
    digest::Digest,
    laps::Laps,
    outcome::{Better, Metric, Model, Outcome},
};

/// Checks every good job, and builds the outcome.
///
/// # Errors
///
/// Fails if a good job has a wrong answer.
pub fn outcome(
    model: Model,
    tried: &[Tried],
    costs: &[Costs],
) -> Result<Outcome> {
    let mut laps = Laps::none();
    let all = tried.iter().map(|one| &one.laps);
    for one in all.chain(costs.iter().map(|one| &one.laps)) {
        laps.add(one);
    }
    let mut outcome = Outcome::new("confine", model, &laps);
    // Memory is that of the last workers, which the sum leaves out.
    outcome.resources.peak_proportional_memory = costs
        .last()
        .and_then(|one| one.laps.resources().peak_proportional_memory);
    outcome.parameters = parameters(tried, costs);
    outcome.answer = answer(tried, costs)?;
    outcome.result = json!(tried.iter().map(Row::of).collect::<Vec<_>>());
    outcome.metrics = metrics(model, tried, costs);
    outcome.story = story(model, tried);
    outcome.meaning = meaning(model, tried);
    Ok(outcome)
}

/// A row of the outcome's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// How the worker was kept.
    pub variant: String,
    /// What it tried.
    pub act: String,
    /// `contained`, `harmed` or `dead`.
    pub cell: String,
    /// How, in words.
    pub how: String,
    /// The same before the worker asked a sibling, if it did.
    pub alone: Option<String>,
    /// Means that this kernel does not have, in words.
    pub lacking: Vec<String>,
}

impl Row {
    fn of(tried: &Tried) -> Self {
        Row {
            variant: tried.attempt.variant.to_string(),
            act: tried.attempt.act.to_string(),
            cell: tried.cell.key().into(),
            how: tried.cell.how().into(),
            alone: tried.alone.as_ref().map(|cell| cell.key().into()),
            lacking: tried.lacking.clone(),
        }
    }
}

fn parameters(tried: &[Tried], costs: &[Costs]) -> Value {
    let attempts = tried.iter().map(|one| one.attempt);
    let bill = costs.first().map(|one| one.bill);
    let seed = tried.first().map(|one| one.attempt.seed);
    let without = tried.first().and_then(|one| one.attempt.without);
    json!({
        "seed": seed.or(bill.map(|bill| bill.seed)),
        "without": without.or(bill.and_then(|bill| bill.without)),
        "starts": bill.map(|bill| bill.starts),
        "acts": attempts.map(|it| it.name()).collect::<Vec<_>>(),
    })
}

fn answer(tried: &[Tried], costs: &[Costs]) -> Result<String> {
    let mut answer = Digest::new();
    for Tried { attempt, answer: found, .. } in tried {
        let Attempt { act, variant, seed, .. } = attempt;
        let name = attempt.name();
        ensure!(*found == good_work(*seed, *act as u64), "{name}: {WRONG}");
        answer.text(&variant.to_string()).text(&act.to_string());
        answer.count(*found);
    }
    for Costs { bill, answer: found, .. } in costs {
        let name = bill.name();
        ensure!(*found == good_work(bill.seed, 0), "{name}: {WRONG}");
        answer.text(&bill.variant.to_string()).text("costs").count(*found);
    }
    Ok(answer.hex())
}

const WRONG: &str = "the good job has a wrong answer";

fn metrics(model: Model, tried: &[Tried], costs: &[Costs]) -> Vec<Metric> {
    let mut metrics = Vec::new();
    for &variant in Variant::value_variants() {
        let of_it = |one: &&Tried| one.attempt.variant == variant;
        let tried: Vec<_> = tried.iter().filter(of_it).collect();
        if !tried.is_empty() {
            metrics.extend(of_acts(model, variant, &tried));
        }
        let costs = costs.iter().find(|one| one.bill.variant == variant);
        metrics.extend(costs.into_iter().flat_map(of_costs));
    }
    metrics
}

fn of_acts(model: Model, variant: Variant, tried: &[&Tried]) -> Vec<Metric> {
    let count = |holds: fn(&Tried) -> bool| {
        tried.iter().filter(|one| holds(one)).count() as f64
    };
    // Facts about this kernel, which no repetition makes more certain.
    let metric = |id, label, value: f64| {
        Metric::new(id, label, "1", Better::Neither, value).of(variant)
    };
    let contained = count(|one| one.cell.is_contained());
    let mut metrics = vec![
        metric("harm-contained", "acts contained", contained),
        metric("harm-tried", "acts tried", count(|_| true)).detail(),
    ];
    if (model, variant) == (Model::Threads, Variant::Confined) {
        let held = count(|one| one.by_itself().is_contained());
        let label = "acts held until it asks a sibling";
        metrics.push(metric("harm-held", label, held).only(model));
    }
    metrics
}

fn of_costs(costs: &Costs) -> Vec<Metric> {
    let metric = |id, label, value: f64| {
        Metric::new(id, label, "s", Better::Lower, value).of(costs.bill.variant)
    };
    let mut metrics = vec![
        metric("start", "start of a worker, and its end", costs.start),
        metric("call", "system call", costs.call),
        metric("job-warm", "job of a worker that is there", costs.warm),
        metric("job-fresh", "job with a worker of its own", costs.fresh),
    ];
    metrics.extend(costs.forked.map(|forked| {
        metric("job-forked", "job in a copy of a worker", forked)
            .only(Model::Processes)
    }));
    metrics
}

impl Tried {
    /// What became of the act as long as the worker asked nobody.
    fn by_itself(&self) -> &Cell {
        self.alone.as_ref().unwrap_or(&self.cell)
    }
}

/// A line for each act: what became of it, in a column for each variant.
fn story(model: Model, tried: &[Tried]) -> Vec<String> {
    if tried.is_empty() {
        return Vec::new();
    }
    let titles = match model {
        Model::Threads => ["a thread", "with a filter", "a sibling"],
        Model::Processes => ["a process", "confined", ""],
    };
    let mut lines = vec![row("it tries", titles.map(String::from))];
    for &act in Act::value_variants() {
        let of = |variant| {
            let wanted = (act, variant);
            let is_it =
                |one: &&Tried| (one.attempt.act, one.attempt.variant) == wanted;
            tried.iter().find(is_it)
        };
        let (bare, confined) = (of(Variant::Bare), of(Variant::Confined));
        if bare.or(confined).is_some() {
            let cells = [
                bare.map(|one| in_short(&one.cell)),
                confined.map(|one| in_short(one.by_itself())),
                confined
                    .filter(|one| one.alone.is_some())
                    .map(|one| word(&one.cell).to_owned()),
            ];
            let name = format!("  {act}");
            lines.push(row(&name, cells.map(Option::unwrap_or_default)));
        }
    }
    lines.extend(lacking(tried));
    lines
}

/// What the kernel lacks, each once.
fn lacking(tried: &[Tried]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for lack in tried.iter().flat_map(|one| &one.lacking) {
        if !lines.contains(lack) {
            lines.push(lack.clone());
        }
    }
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

/// Three columns, in 80 letters.
fn row(first: &str, [one, two, three]: [String; 3]) -> String {
    let line = format!("{first:13} {one:25} {two:29} {three}");
    line.trim_end().to_owned()
}

fn word(cell: &Cell) -> &str {
    match cell {
        Cell::Contained(_) => "held",
        Cell::Harmed(_) => "HARM",
        Cell::Dead(_) => "DEAD",
    }
}

fn in_short(cell: &Cell) -> String {
    format!("{}: {}", word(cell), cut(cell.how(), 23))
}

/// As much as there is room for.
fn cut(how: &str, most: usize) -> String {
    let letters: Vec<_> = how.chars().collect();
    if letters.len() <= most {
        return how.to_owned();
    }
    letters[..most - 1].iter().chain(['…'].iter()).collect()
}

/// What came out, as far as it was tried.
fn meaning(model: Model, tried: &[Tried]) -> String {
    let of_confined =
        tried.iter().filter(|one| one.attempt.variant == Variant::Confined);
    let (held, lost): (Vec<_>, Vec<_>) =
        of_confined.partition(|one| one.cell.is_contained());
    let (held, lost) = (held.len(), lost.len());
    if tried.is_empty() {
        return "A worker pays for its confinement once, at its start, and for \
                the filter at each\nsystem call."
            .into();
    }
    if held + lost == 0 {
        return "A worker as it is may do all that its user may.".into();
    }
    let all = held + lost;
    match (model, lost) {
        (Model::Threads, 0) => {
            format!("Confined threads contained the {all} acts tried.")
        }
        (Model::Threads, _) => {
            "A thread shares its memory, its files and its limits with its \
             siblings. A filter\nof its own holds until it gets one of them \
             to act for it."
                .into()
        }
        (Model::Processes, 0) => {
            "A process as it is may do all that its user may. Once it is \
             confined, a hostile\nact is an error of its job, and harms \
             nothing else."
                .into()
        }
        (Model::Processes, _) => format!(
            "A process that is confined only in part still harms others: by \
             {lost} of the {all} acts\ntried."
        ),
    }
}
