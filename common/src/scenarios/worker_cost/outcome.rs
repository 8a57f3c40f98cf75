//! What the workers cost: checked, in figures, and as a page.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Crew, Footprint, Plan, Starts, Way, memory, work};
use crate::{
    digest::Digest,
    laps::Laps,
    outcome::{Better, Metric, Model, Outcome},
    units,
};

/// What a measurement came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Report {
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
    pub report: Report,
    /// What it took.
    pub laps: Laps,
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
    outcome.story = story(model, finished);
    outcome.is_told = true;
    outcome.meaning = meaning(model, finished);
    Ok(outcome)
}

impl Finished {
    fn check(&self) -> Result<()> {
        let (sum, expected) = match &self.report {
            Report::Starts(starts) => (starts.sum, work::reference(&self.plan)),
            Report::Crew(crew) => (crew.sum, memory::reference(&self.plan)),
        };
        ensure!(
            sum == expected,
            "{}: the workers found {sum:#x}, and the serial reference is \
             {expected:#x}",
            self.plan.name()
        );
        Ok(())
    }

    /// Seconds of CPU time for one start, workers, servers and all that was
    /// set up for them included.
    fn cpu(&self) -> f64 {
        let used = self.laps.resources();
        (used.cpu_user + used.cpu_system) / f64::from(self.plan.count)
    }

    fn metrics(&self) -> Vec<Metric> {
        let metrics = match &self.report {
            Report::Starts(starts) => self.of_starts(starts),
            Report::Crew(crew) => of_crew(crew),
        };
        let name = self.plan.name();
        metrics.into_iter().map(|metric| metric.of(&name)).collect()
    }

    /// What is judged is how long it takes in all.
    fn of_starts(&self, starts: &Starts) -> Vec<Metric> {
        let mut metrics = starts.finish.metrics("finish");
        let first_act = starts.first_act.metrics("first act");
        metrics.extend(first_act.into_iter().map(Metric::detail));
        let cpu = Metric::new("CPU", "s", Better::Lower, self.cpu());
        metrics.push(cpu.detail());
        metrics
    }
}

fn of_crew(crew: &Crew) -> Vec<Metric> {
    let bytes =
        |name: &str, value| Metric::new(name, "B", Better::Lower, value);
    let of = |footprint: &Footprint, when: &str| {
        let name = |what| format!("{what}{when}");
        vec![
            bytes(&name("private memory"), footprint.private),
            bytes(&name("proportional memory"), footprint.proportional),
            bytes(&name("page tables"), footprint.page_tables).detail(),
            bytes(&name("kernel stack"), footprint.kernel_stack).detail(),
        ]
    };
    let mut metrics = of(&crew.idle, "");
    let with_tables = crew.with_tables.iter();
    metrics.extend(with_tables.flat_map(|held| of(held, " with tables")));
    metrics
}

fn parameters(finished: &[Finished]) -> Value {
    let plan = |one: &Finished| {
        let Plan { way, parent_memory, count, table, .. } = one.plan;
        json!({
            "way": way, "parent_memory": parent_memory,
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
        let sum = match &one.report {
            Report::Starts(starts) => starts.sum,
            Report::Crew(crew) => crew.sum,
        };
        answer.text(&one.plan.name()).count(one.plan.count.into()).count(sum);
    }
    answer.hex()
}

fn result(model: Model, finished: &[Finished]) -> Value {
    let rows = finished.iter().map(|one| match &one.report {
        Report::Starts(starts) => json!({
            "measured": one.plan.name(), "means": one.plan.way.words(model),
            "starts": starts.finish.count,
        }),
        Report::Crew(crew) => json!({
            "measured": one.plan.name(), "means": one.plan.way.words(model),
            "private_memory": crew.idle.private,
            "with_tables": crew.with_tables.map(|held| held.proportional),
        }),
    });
    json!(rows.collect::<Vec<_>>())
}

fn story(model: Model, finished: &[Finished]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut parents: Vec<_> =
        finished.iter().map(|one| one.plan.parent_memory).collect();
    parents.dedup();
    for parent in parents {
        let of_parent = |one: &&Finished| one.plan.parent_memory == parent;
        let (mut starts, mut crews) = (Vec::new(), Vec::new());
        for one in finished.iter().filter(of_parent) {
            match &one.report {
                Report::Starts(found) => {
                    starts.push(start_row(model, one, found))
                }
                Report::Crew(found) => crews.push((one.plan, *found)),
            }
        }
        if !starts.is_empty() {
            lines.extend(start_heading(parent));
            lines.append(&mut starts);
            lines.push(String::new());
        }
        lines.extend(crew_table(model, &crews));
    }
    lines.push(REMARK.into());
    lines
}

const REMARK: &str = "\
All times run from the call: to the worker's first act, and until it is done,\n\
and gone if it was started for this. CPU: of one start, both sides, and with\n\
its share of what had to be set up.";

fn start_heading(parent: usize) -> [String; 2] {
    let parent = match parent {
        0 => "a small parent".into(),
        bytes => format!("a parent of {}", units::binary(bytes)),
    };
    let cells = ["first act", "finish", "p99", "max", "CPU"];
    let cells = cells.map(str::to_owned);
    [format!("An empty job, from {parent}"), line("", &cells, "by")]
}

fn start_row(model: Model, one: &Finished, starts: &Starts) -> String {
    let Starts { first_act, finish, .. } = starts;
    let cells = [first_act.p50, finish.p50, finish.p99, finish.max, one.cpu()]
        .map(|seconds| units::human(seconds, "s"));
    let way = one.plan.way;
    line(&format!(" {way}"), &cells, way.words(model))
}

/// With five cells, 57 columns and the last words.
fn line(first: &str, cells: &[String], last: &str) -> String {
    let mut line = format!("{first:10}");
    for cell in cells {
        line += &format!("{cell:>9}");
    }
    format!("{line}  {last}")
}

fn crew_table(model: Model, crews: &[(Plan, Crew)]) -> Vec<String> {
    if crews.is_empty() {
        return Vec::new();
    }
    let cells = ["private", "shares", "tables", "stack"].map(str::to_owned);
    let mut lines = vec![
        format!("One of so many idle {model} holds"),
        line("", &cells, ""),
    ];
    for (plan, crew) in crews {
        lines.push(crew_row(&format!(" {}", plan.count), &crew.idle, ""));
        if let Some(held) = &crew.with_tables {
            let table = units::binary(plan.table);
            let what = format!("having read and copied {table}");
            lines.push(crew_row("", held, &what));
        }
    }
    lines.push(CREW_REMARK.into());
    lines.push(String::new());
    lines
}

const CREW_REMARK: &str = "\
Private: pages that it alone maps. Shares: these, and its part of the others\n\
(PSS). Tables: the kernel's page tables. Stack: the kernel's, from a count of\n\
the whole machine, which tells little of a small crew.";

fn crew_row(name: &str, held: &Footprint, what: &str) -> String {
    let Footprint { private, proportional, page_tables, kernel_stack } = held;
    let cells = [private, proportional, page_tables, kernel_stack]
        .map(|bytes| units::human(*bytes, "B"));
    line(name, &cells, what).trim_end().to_owned()
}

fn meaning(model: Model, finished: &[Finished]) -> String {
    let finish = |way| {
        let found = finished.iter().rev().find(|one| one.plan.way == way)?;
        match &found.report {
            Report::Starts(starts) => Some(starts.finish.p50),
            Report::Crew(_) => None,
        }
    };
    let seconds = |value| units::human(value, "s");
    let (Some(anew), Some(pool)) = (finish(Way::Anew), finish(Way::Pool))
    else {
        return "Every worker did what it was given, and once.".into();
    };
    let adopt = format!(
        "Adopt the pool: a worker that is there already does a job in {}, \
         and\nstarting one for it takes {}.",
        seconds(pool),
        seconds(anew)
    );
    match (model, finish(Way::Borrowed)) {
        (Model::Processes, Some(fork)) => format!(
            "{adopt} Where each job needs a process of its\nown, start this \
             program again, whatever the parent holds: fork took {}.",
            seconds(fork)
        ),
        _ => adopt,
    }
}
