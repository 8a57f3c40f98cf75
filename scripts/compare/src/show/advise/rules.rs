//! What each answer is a reason for. The rules are in one table, [`RULES`], and
//! the figures in their texts come from the results.

use common::{outcome::Model, units};

use super::task::{Answer, Task};
use crate::judge::verdict::Verdict;

/// The weight of a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Worth knowing, but decides nothing.
    Some,
    /// The other side cannot do it, or not so often.
    Decisive,
}

/// A reason to choose a side.
#[derive(Debug)]
pub struct Reason {
    /// The side.
    pub side: Model,
    /// The weight.
    pub weight: Weight,
    /// The pair whose figures show it, and which can be copied from.
    pub scenario: &'static str,
    /// In a sentence or two.
    pub words: String,
}

const RESUMED: &str = "resumed-free.abort";
const RESUMED_NATIVE: &str = "resumed-free.segfault";
const GONE: &str = "stopped-after.native";
const LEFT: &str = "threads-left";
const START: &str = "finish.anew";
const POOL: &str = "finish.pool";
const IDLE: &str = "private.idle-64";
const FLOW: &str = "flow-1048576.pipe.block";
const PIPE: &str = "trip-64.pipe.block";
const CHANNEL: &str = "trip-64.bounded.spin-then-park";

/// Every figure that rules ask for, by scenario and id.
pub const ASKED: [[&str; 2]; 10] = [
    ["crash", RESUMED],
    ["crash", RESUMED_NATIVE],
    ["kill-workers", GONE],
    ["kill-workers", LEFT],
    ["worker-cost", START],
    ["worker-cost", POOL],
    ["worker-cost", IDLE],
    ["ipc", FLOW],
    ["ipc", PIPE],
    ["ipc", CHANNEL],
];

/// The share of a core, or of a task's time, spent on the mechanism that
/// matters: below a tenth, hardly anybody would notice.
const NOTICEABLE: f64 = 0.1;

/// All of it.
const ALL: f64 = 1.0;

/// Every rule, in the order of the questions. None for an answer that is no
/// reason for either side.
const RULES: [fn(&Task, &Figures<'_>) -> Option<Reason>; 8] = [
    crash_safe,
    killable,
    untrusted,
    task_time,
    shared,
    how_often,
    memory,
    from_python,
];

/// All reasons, the decisive ones first.
pub fn reasons(task: &Task, figures: &Figures<'_>) -> Vec<Reason> {
    let mut reasons: Vec<Reason> =
        RULES.iter().filter_map(|rule| rule(task, figures)).collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.weight));
    reasons
}

fn crash_safe(task: &Task, figures: &Figures<'_>) -> Option<Reason> {
    let [threads, processes] = figures.both("crash", RESUMED);
    (task.crash_safe == Some(Answer::Yes)).then(|| Reason {
        side: Model::Processes,
        weight: Weight::Decisive,
        scenario: "crash",
        words: format!(
            "A part must be able to crash. A thread that aborts takes down \
             its whole process; a process takes down only itself. Work \
             resumed after {processes} with processes; with threads, where \
             everything had to be restarted, after {threads}."
        ),
    })
}

fn killable(task: &Task, figures: &Figures<'_>) -> Option<Reason> {
    let [_, gone] = figures.both("kill-workers", GONE);
    let [left, _] = figures.both("kill-workers", LEFT);
    (task.killable == Some(Answer::Yes)).then(|| Reason {
        side: Model::Processes,
        weight: Weight::Decisive,
        scenario: "kill-workers",
        words: format!(
            "What hangs must be killable. A process in a call that never \
             returns was stopped after {gone}; the number of hung threads \
             that nothing could stop: {left}."
        ),
    })
}

fn untrusted(task: &Task, figures: &Figures<'_>) -> Option<Reason> {
    let [_, gone] = figures.both("crash", RESUMED_NATIVE);
    (task.untrusted == Some(Answer::Yes)).then(|| Reason {
        side: Model::Processes,
        weight: Weight::Decisive,
        scenario: "crash",
        words: format!(
            "Code that is native or untrusted can write to all memory of its \
             process, and crash it. The others resumed {gone} after a \
             process of theirs had crashed on a memory access. A process \
             alone is no sandbox: drop its privileges."
        ),
    })
}

/// Starting a worker for each task. Where that is expensive, both sides can use
/// a warm pool, so it is never decisive.
fn task_time(task: &Task, figures: &Figures<'_>) -> Option<Reason> {
    let task = task.time().as_secs_f64();
    let start = |side| figures.value("worker-cost", START, side);
    let share = |start: f64| start / (start + task);
    let threads = share(start(Model::Threads)?);
    let processes = share(start(Model::Processes)?);
    let [_, pool] = figures.both("worker-cost", POOL);
    (processes >= NOTICEABLE).then(|| Reason {
        side: Model::Threads,
        weight: Weight::Some,
        scenario: "worker-cost",
        words: format!(
            "Tasks are short. Starting a process for each takes {} of the \
             time of start and task, starting a thread {}. A pool of \
             running processes hands over a job in {pool}.",
            percent(processes),
            percent(threads)
        ),
    })
}

/// Threads hand over a reference, whatever the size; processes copy.
fn shared(task: &Task, figures: &Figures<'_>) -> Option<Reason> {
    let flow = figures.value("ipc", FLOW, Model::Processes)?;
    let bytes = task.shared() as f64 * f64::from(task.how_often());
    let share = bytes / flow;
    Some(Reason {
        side: Model::Threads,
        weight: weight(share)?,
        scenario: "shared-state",
        words: format!(
            "Much is handed over. Through a pipe, which carries {}, that \
             takes {} of a core's time; a thread passes a reference. A \
             mapping shared by processes is as good, but only for plain data.",
            units::human(flow, "B/s"),
            percent(share)
        ),
    })
}

/// Compares what people use first: a pipe and a channel.
fn how_often(task: &Task, figures: &Figures<'_>) -> Option<Reason> {
    let pipe = figures.value("ipc", PIPE, Model::Processes)?;
    let channel = figures.value("ipc", CHANNEL, Model::Threads)?;
    let share = pipe * f64::from(task.how_often());
    Some(Reason {
        side: Model::Threads,
        weight: weight(share).filter(|_| pipe > channel)?,
        scenario: "ipc",
        words: format!(
            "Messages are many. A round trip takes {} through a pipe, {} \
             through a channel: {} and {} of a core's time. A ring in \
             shared memory costs both sides the same.",
            units::human(pipe, "s"),
            units::human(channel, "s"),
            percent(share),
            percent(channel * f64::from(task.how_often()))
        ),
    })
}

fn weight(share: f64) -> Option<Weight> {
    match share {
        all if all >= ALL => Some(Weight::Decisive),
        some if some >= NOTICEABLE => Some(Weight::Some),
        _ => None,
    }
}

fn memory(task: &Task, figures: &Figures<'_>) -> Option<Reason> {
    let idle = |side| figures.value("worker-cost", IDLE, side);
    let (thread, process) = (idle(Model::Threads)?, idle(Model::Processes)?);
    let room = task.memory() as f64;
    let too_many = figures.workers as f64 * process > room;
    (too_many && thread < process).then(|| Reason {
        side: Model::Threads,
        weight: Weight::Decisive,
        scenario: "worker-cost",
        words: format!(
            "Memory is scarce. An idle process has {} of its own, an idle \
             thread {}: one process per core does not fit.",
            units::human(process, "B"),
            units::human(thread, "B")
        ),
    })
}

fn from_python(task: &Task, _figures: &Figures<'_>) -> Option<Reason> {
    (task.from_python == Some(Answer::Yes)).then(|| Reason {
        side: Model::Processes,
        weight: Weight::Decisive,
        scenario: "matrix",
        words: "Threads of one CPython process take turns on its global \
                interpreter lock, unless its build has none. These results \
                do not measure that: they are of Rust."
            .into(),
    })
}

fn percent(share: f64) -> String {
    units::human(share, "share")
}

/// The figures of the results.
#[derive(Debug)]
pub struct Figures<'all> {
    /// All rows.
    pub verdicts: &'all [Verdict],
    /// How many workers each side had.
    pub workers: usize,
}

impl Figures<'_> {
    /// The figure of a side. None if it was not measured.
    fn value(&self, scenario: &str, id: &str, side: Model) -> Option<f64> {
        let row = self.row(scenario, id)?;
        match side {
            Model::Threads => row.threads,
            Model::Processes => row.processes,
        }
    }

    /// The figures of both sides as text, even if there are none.
    fn both(&self, scenario: &str, id: &str) -> [String; 2] {
        let row = self.row(scenario, id);
        let (threads, processes) =
            row.map_or((None, None), |row| (row.threads, row.processes));
        [threads, processes].map(|value| match (row, value) {
            (Some(row), Some(value)) => units::human(value, &row.unit),
            _ => format!("a time not measured ({scenario})"),
        })
    }

    fn row(&self, scenario: &str, id: &str) -> Option<&Verdict> {
        let mut rows = self.verdicts.iter();
        rows.find(|row| row.scenario == scenario && row.id == id)
    }

    /// The scenarios that rules use and that have no row.
    pub fn missing(&self) -> Vec<&'static str> {
        let known = ["crash", "kill-workers", "worker-cost", "ipc"];
        let is_missing = |name: &&str| {
            !self.verdicts.iter().any(|row| row.scenario == *name)
        };
        known.into_iter().filter(is_missing).collect()
    }
}
