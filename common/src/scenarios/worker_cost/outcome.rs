//! What the workers cost: checked, in figures, and as a page.

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

/// What a measurement came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Costs {
    /// Of workers that were started, or handed something.
    Starts(Starts),
    /// Of workers that waited.
    Crew(Crew),
}

/// One measurement, done.
#[derive(Debug)]
pub struct Finished {
    /// What was to be done.
    pub plan: Plan,
    /// What came of it.
    pub costs: Costs,
    laps: Laps,
    /// Seconds of CPU time of one start: ours, and that of all workers and
    /// servers, from their beginning.
    cpu: f64,
}

/// Checks that every worker did its work, and tells what they cost.
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
    /// To be called when all is stopped: who is not reaped by then has used
    /// no time that anybody knows of.
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
            "{}: the workers found {sum:#x}, and the serial reference is \
             {expected:#x}",
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

    /// What is judged is how long it takes in all.
    fn of_starts(&self, starts: &Starts) -> Vec<Metric> {
        let mut metrics = starts.finish.metrics("finish", "finish");
        let first_act = starts.first_act.metrics("first-act", "first act");
        metrics.extend(first_act.into_iter().map(Metric::detail));
        let cpu = Metric::new("cpu", "CPU", "s", Better::Lower, self.cpu);
        metrics.push(cpu.detail());
        metrics
    }
}

/// What threads hold in common is private to their process. So of workers
/// that share a table, only their part in everything can be compared.
fn of_crew(crew: &Crew, shares: bool) -> Vec<Metric> {
    let Footprint { private, proportional, page_tables, kernel_stack } =
        crew.each;
    let bytes = |id, label, value: Option<f64>| {
        Metric::new(id, label, "B", Better::Lower, value)
    };
    let private = bytes("private", "private bytes", private);
    // Of the whole machine, where others come and go: what they give back
    // meanwhile may be more, and so this may be below zero.
    let neither = Better::Neither;
    let stack =
        Metric::new("kernel-stack", "kernel stack", "B", neither, kernel_stack);
    vec![
        if shares { private.detail() } else { private },
        bytes("pss", "PSS", proportional),
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

/// A worker process is this program started again, and so costs what this one
/// takes to start. Those of a reader are linked as programs usually are.
fn remark_on_link(model: Model, link: &str) -> Option<String> {
    let words = match (model, link) {
        (Model::Threads, _) => return None,
        (Model::Processes, "static") => {
            "This program is linked statically. One that is linked as usual \
             takes longer\nto start: LINK=dynamic cargo run --release -p \
             worker-cost-processes"
        }
        (Model::Processes, _) => {
            "This program is linked dynamically, as usual. One that is linked \
             statically\nstarts sooner."
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
    let headings = ["", "first act", "finish", "p99", "max", "CPU", "by"];
    let mut lines = vec![format!("An empty job, from {parent}")];
    lines.extend(table(headings, rows));
    lines.push(String::new());
    lines
}

const REMARK: &str = "\
All times run from the call: to the worker's first act, and until it is done,\n\
and gone if it was started for this. CPU: of one start, both sides, and with\n\
its share of what had to be set up.";

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

/// The last column is of words too.
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
    let mut lines = vec![format!("One of so many {model} that wait holds")];
    lines.extend(table(headings, rows));
    lines.extend([String::new(), CREW_REMARK.into()]);
    lines
}

const CREW_REMARK: &str = "\
Private: pages of no file that it alone maps. Shares: these, and its part of\n\
the others (PSS). Tables: the kernel's page tables. Stack: the kernel's, from\n\
a count of the whole machine, which tells little of a small crew.";

fn crew_row(one: &Finished) -> Option<[String; 6]> {
    let Costs::Crew(crew) = &one.costs else { return None };
    let Footprint { private, proportional, page_tables, kernel_stack } =
        crew.each;
    let bytes = |value| units::known(value, "B");
    let what = match one.plan.table {
        0 => "having done nothing".into(),
        table => format!("having read and copied {}", units::binary(table)),
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
        return "Every worker did what it was given, and once.".into();
    };
    let adopt = format!(
        "Adopt the pool: a worker that is there already does a job in {}, \
         and\nstarting one for it takes {}.",
        seconds(pool),
        seconds(anew)
    );
    match (model, finish(StartMethod::Served), finish(StartMethod::Borrowed)) {
        (Model::Processes, Some(served), Some(forked)) => format!(
            "{adopt} Where each job needs a process of its\nown, let a server \
             fork that stays small: {} for each. A fork of ours\ntook {}, and \
             takes the longer, the more its parent holds.",
            seconds(served),
            seconds(forked)
        ),
        _ => adopt,
    }
}
