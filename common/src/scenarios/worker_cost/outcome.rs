//! Checks the measurements and turns them into figures and a page.

use anyhow::{Result, ensure};
use comfy_table::CellAlignment;
use serde_json::{Value, json};

use super::{Crew, Footprint, Plan, StartMethod, Starts, memory, work};
use crate::{
    columns::{self, columns},
    digest::Digest,
    laps::Laps,
    outcome::{Better, Metric, Model, Outcome},
    resources::cpu_of_reaped,
    units,
};

/// The result of a measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Costs {
    /// Workers that were started, or given a job.
    Starts(Starts),
    /// Workers that waited.
    Crew(Crew),
}

/// A finished measurement.
#[derive(Debug)]
pub struct Finished {
    /// What was to be done.
    pub plan: Plan,
    /// The result.
    pub costs: Costs,
    laps: Laps,
    /// CPU seconds per start: this process, and all workers and servers from
    /// their start.
    cpu: f64,
}

/// Checks that every worker did its work, and builds the outcome.
///
/// # Errors
///
/// Fails if an answer is missing or wrong.
pub fn outcome(model: Model, finished: &[Finished]) -> Result<Outcome> {
    let mut laps = Laps::none();
    for one in finished {
        one.check()?;
        laps.add(&one.laps);
    }
    let mut outcome = Outcome::new("worker-cost", model, &laps);
    outcome.parameters = parameters(finished);
    outcome.answer = answer(finished);
    outcome.result = result(model, finished);
    outcome.metrics = finished.iter().flat_map(Finished::metrics).collect();
    outcome.story = story(model, &outcome.machine.link, finished);
    outcome.is_told = true;
    outcome.meaning = meaning(model, finished);
    Ok(outcome)
}

impl Finished {
    /// Call this when everything is stopped: the CPU time of a child that is
    /// not reaped by then is unknown.
    pub fn new(plan: Plan, costs: Costs, laps: Laps) -> Self {
        let cpu = match &costs {
            Costs::Starts(Starts { cpu_here, cpu_before, .. }) => {
                let reaped = cpu_of_reaped() - cpu_before;
                (cpu_here + reaped) / f64::from(plan.count)
            }
            Costs::Crew(_) => 0.0,
        };
        Finished { plan, costs, laps, cpu }
    }

    fn check(&self) -> Result<()> {
        let (sum, expected) = match &self.costs {
            Costs::Starts(starts) => (starts.sum, work::reference(&self.plan)),
            Costs::Crew(crew) => (crew.sum, memory::reference(&self.plan)),
        };
        ensure!(
            sum == expected,
            "{}: wrong sum of answers: got {sum:#x}, expected {expected:#x}",
            self.plan.name()
        );
        Ok(())
    }

    fn metrics(&self) -> Vec<Metric> {
        let metrics = match &self.costs {
            Costs::Starts(starts) => self.of_starts(starts),
            Costs::Crew(crew) => of_crew(crew, self.plan.table > 0),
        };
        let (key, name) = (self.plan.key(), self.plan.name());
        let of_this = |metric: Metric| metric.of_called(&key, &name);
        metrics.into_iter().map(of_this).collect()
    }

    /// The total time is judged.
    fn of_starts(&self, starts: &Starts) -> Vec<Metric> {
        let mut metrics = starts.finish.metrics("finish", "done and gone");
        let first_act = starts.first_act.metrics("first-act", "first action");
        metrics.extend(first_act.into_iter().map(Metric::detail));
        let cpu = Metric::new("cpu", "CPU time", "s", Better::Lower, self.cpu);
        metrics.push(cpu.detail());
        metrics
    }
}

/// What threads share is private to their process. So for workers that share a
/// table, only their proportional memory can be compared.
fn of_crew(crew: &Crew, shares: bool) -> Vec<Metric> {
    let Footprint { private, proportional, page_tables, kernel_stack } =
        crew.each;
    let bytes = |id, label, value: Option<f64>| {
        Metric::new(id, label, "B", Better::Lower, value)
    };
    let private = bytes("private", "private memory", private);
    // A figure of the whole machine, where other programs come and go: they may
    // give back more in the meantime, so this can be below zero.
    let neither = Better::Neither;
    let stack =
        Metric::new("kernel-stack", "kernel stack", "B", neither, kernel_stack);
    vec![
        if shares { private.detail() } else { private },
        bytes("pss", "memory with shared pages (PSS)", proportional),
        bytes("page-tables", "page tables", page_tables).detail(),
        stack.detail(),
    ]
}

fn parameters(finished: &[Finished]) -> Value {
    let plan = |one: &Finished| {
        let Plan { method, parent_memory, count, table, .. } = one.plan;
        json!({
            "way": method, "parent_memory": parent_memory,
            "count": count, "table": table,
        })
    };
    json!({
        "seed": finished.first().map(|one| one.plan.seed),
        "measured": finished.iter().map(plan).collect::<Vec<_>>(),
    })
}

fn answer(finished: &[Finished]) -> String {
    let mut answer = Digest::new();
    for one in finished {
        let sum = match &one.costs {
            Costs::Starts(starts) => starts.sum,
            Costs::Crew(crew) => crew.sum,
        };
        answer.text(&one.plan.name()).count(one.plan.count.into()).count(sum);
    }
    answer.hex()
}

fn result(model: Model, finished: &[Finished]) -> Value {
    let rows = finished.iter().map(|one| match &one.costs {
        Costs::Starts(starts) => json!({
            "measured": one.plan.name(), "means": one.plan.method.words(model),
            "starts": starts.finish.count,
        }),
        Costs::Crew(crew) => json!({
            "measured": one.plan.name(), "means": one.plan.method.words(model),
            "private_memory": crew.each.private,
            "proportional_memory": crew.each.proportional,
        }),
    });
    json!(rows.collect::<Vec<_>>())
}

fn story(model: Model, link: &str, finished: &[Finished]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut parents: Vec<_> =
        finished.iter().map(|one| one.plan.parent_memory).collect();
    parents.dedup();
    for parent in parents {
        lines.extend(start_table(model, parent, finished));
    }
    if !lines.is_empty() {
        lines.push(REMARK.into());
        lines.extend(remark_on_link(model, link));
        lines.push(String::new());
    }
    lines.extend(crew_table(model, finished));
    lines
}

/// A worker process is this program started again, so it costs what this
/// program takes to start. A reader's programs are probably linked the usual
/// way.
fn remark_on_link(model: Model, link: &str) -> Option<String> {
    let words = match (model, link) {
        (Model::Threads, _) => return None,
        (Model::Processes, "static") => {
            "This program is linked statically. A dynamically linked one, as \
             is usual, takes\nlonger to start: LINK=dynamic cargo run \
             --release -p worker-cost-processes"
        }
        (Model::Processes, _) => {
            "This program is linked dynamically, as is usual. A statically \
             linked one starts\nsooner."
        }
    };
    Some(words.into())
}

fn start_table(
    model: Model,
    parent: usize,
    finished: &[Finished],
) -> Vec<String> {
    let of_parent = |one: &&Finished| one.plan.parent_memory == parent;
    let rows = finished.iter().filter(of_parent);
    let rows: Vec<_> = rows.filter_map(|one| start_row(model, one)).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let parent = match parent {
        0 => "a small parent".into(),
        bytes => format!("a parent of {}", units::binary(bytes)),
    };
    let headings = ["", "first act", "finish", "p99", "max", "CPU", "method"];
    let mut lines = vec![format!("An empty job, from {parent}")];
    lines.extend(table(headings, rows));
    lines.push(String::new());
    lines
}

const REMARK: &str = "\
All times run from the call: to the worker's first action, and until it is\n\
done, and gone if it was started for the job. CPU: per start, both sides,\n\
including a share of the setup.";

fn start_row(model: Model, one: &Finished) -> Option<[String; 7]> {
    let Costs::Starts(starts) = &one.costs else { return None };
    let Starts { first_act, finish, .. } = starts;
    let seconds = |value| units::human(value, "s");
    let method = one.plan.method;
    Some([
        format!(" {method}"),
        seconds(first_act.p50),
        seconds(finish.p50),
        seconds(finish.p99),
        seconds(finish.max),
        seconds(one.cpu),
        method.words(model).into(),
    ])
}

/// The last column is text too.
fn table<const N: usize>(
    headings: [&str; N],
    rows: Vec<[String; N]>,
) -> Vec<String> {
    let mut table = columns(headings);
    if let Some(words) = table.column_iter_mut().last() {
        words.set_cell_alignment(CellAlignment::Left);
    }
    table.add_rows(rows);
    columns::lines(&table)
}

fn crew_table(model: Model, finished: &[Finished]) -> Vec<String> {
    let rows: Vec<_> = finished.iter().filter_map(crew_row).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let headings = ["", "private", "shares", "tables", "stack", ""];
    let mut lines = vec![format!("Memory held by each of N waiting {model}")];
    lines.extend(table(headings, rows));
    lines.extend([String::new(), CREW_REMARK.into()]);
    lines
}

const CREW_REMARK: &str = "\
Private: anonymous pages that only it maps. Shares: these, and its share of\n\
the other pages (PSS). Tables: the kernel's page tables. Stack: the kernel's,\n\
from a count of the whole machine, which says little about a small crew.";

fn crew_row(one: &Finished) -> Option<[String; 6]> {
    let Costs::Crew(crew) = &one.costs else { return None };
    let Footprint { private, proportional, page_tables, kernel_stack } =
        crew.each;
    let bytes = |value| units::known(value, "B");
    let what = match one.plan.table {
        0 => "idle from the start".into(),
        table => format!("after copying a table of {}", units::binary(table)),
    };
    Some([
        format!(" {}", one.plan.count),
        bytes(private),
        bytes(proportional),
        bytes(page_tables),
        bytes(kernel_stack),
        what,
    ])
}

fn meaning(model: Model, finished: &[Finished]) -> String {
    let finish = |method| {
        let found =
            finished.iter().rev().find(|one| one.plan.method == method)?;
        match &found.costs {
            Costs::Starts(starts) => Some(starts.finish.p50),
            Costs::Crew(_) => None,
        }
    };
    let seconds = |value| units::human(value, "s");
    let (Some(anew), Some(pool)) =
        (finish(StartMethod::Anew), finish(StartMethod::Pool))
    else {
        return "Every worker did its job, exactly once.".into();
    };
    let adopt = format!(
        "Use a pool: a worker that already runs does a job in {}, while \
         starting\none for it takes {}.",
        seconds(pool),
        seconds(anew)
    );
    match (model, finish(StartMethod::Served), finish(StartMethod::Borrowed)) {
        (Model::Processes, Some(served), Some(forked)) => format!(
            "{adopt} If each job needs its own process,\nlet a server that \
             stays small do the fork: {} each. A fork of this program\n\
             took {}, and takes longer the more its parent holds.",
            seconds(served),
            seconds(forked)
        ),
        _ => adopt,
    }
}
