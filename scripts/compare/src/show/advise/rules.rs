//! What each answer is a reason for. The rules are in one table, [`RULES`],
//! and the figures in their words are those of the results.

use common::{outcome::Model, units};

use super::task::{Answer, Task};
use crate::judge::verdict::Verdict;

/// How much a reason weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It is worth knowing, and decides nothing.
    Some,
    /// The other side cannot do it, or not so often.
    Decisive,
}

/// Why a side should be taken.
#[derive(Debug)]
pub struct Reason {
    /// The side.
    pub side: Model,
    /// How much that weighs.
    pub weight: Weight,
    /// The pair whose figures tell, and that can be copied from.
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

/// From a share of a core, or of a task's time, that goes into the mechanism
/// on: below a tenth hardly anybody would notice.
const NOTICEABLE: f64 = 0.1;

/// There is no more than all of it.
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

/// The reasons that there are, decisive ones first.
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
            "A part must be able to crash. A thread that aborts takes its \
             whole process along; a process takes nobody. Work went on after \
             {processes} with processes; with threads, where all had to be \
             started again, after {threads}."
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
            "What hangs must be killable. A process in a call that does not \
             return was gone after {gone}; of threads that were stuck, this \
             many could never be stopped: {left}."
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
            "Code that is native or not trusted can write to all memory of \
             its process, and end it. Others went on {gone} after a process \
             of theirs had touched what it may not. A process alone is no \
             sandbox yet: take rights away from it."
        ),
    })
}

/// Starting a worker for each task. Where that is dear, a warm pool is the
/// way on either side, so it is never decisive.
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
            "Tasks are short. A process that is started for each takes {} of \
             the time that it and the task take, a thread {}. A pool of \
             processes that are there already hands over a job in {pool}.",
            percent(processes),
            percent(threads)
        ),
    })
}

/// Threads hand over a reference, whatever its size; processes copy.
fn shared(task: &Task, figures: &Figures<'_>) -> Option<Reason> {
    let flow = figures.value("ipc", FLOW, Model::Processes)?;
    let bytes = task.shared() as f64 * f64::from(task.how_often());
    let share = bytes / flow;
    Some(Reason {
        side: Model::Threads,
        weight: weight(share)?,
        scenario: "shared-state",
        words: format!(
            "Much is handed over. Through a pipe, which carries {}, that is \
             {} of a core's time; a thread passes a reference. A mapping that \
             processes share does as well, but holds plain data only.",
            units::human(flow, "B/s"),
            percent(share)
        ),
    })
}

/// What is compared is what is taken first: a pipe, and a channel.
fn how_often(task: &Task, figures: &Figures<'_>) -> Option<Reason> {
    let pipe = figures.value("ipc", PIPE, Model::Processes)?;
    let channel = figures.value("ipc", CHANNEL, Model::Threads)?;
    let share = pipe * f64::from(task.how_often());
    Some(Reason {
        side: Model::Threads,
        weight: weight(share).filter(|_| pipe > channel)?,
        scenario: "ipc",
        words: format!(
            "Messages are many. There and back takes {} by a pipe, {} by a \
             channel: {} and {} of a core's time. A ring in shared memory \
             costs the same on both sides.",
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
             thread {}: one process for each core does not fit.",
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
        words: "Threads of one CPython process take turns at its global \
                interpreter lock, unless its build has none. That is not \
                measured by these results, which are of Rust."
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
    /// With how many workers the sides were compared.
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

    /// The figures of both sides in words, also if there are none.
    fn both(&self, scenario: &str, id: &str) -> [String; 2] {
        let row = self.row(scenario, id);
        let (threads, processes) =
            row.map_or((None, None), |row| (row.threads, row.processes));
        [threads, processes].map(|value| match (row, value) {
            (Some(row), Some(value)) => units::human(value, &row.unit),
            _ => format!("a time that is not measured ({scenario})"),
        })
    }

    fn row(&self, scenario: &str, id: &str) -> Option<&Verdict> {
        let mut rows = self.verdicts.iter();
        rows.find(|row| row.scenario == scenario && row.id == id)
    }

    /// The scenarios that rules look at and that have no row.
    pub fn missing(&self) -> Vec<&'static str> {
        let known = ["crash", "kill-workers", "worker-cost", "ipc"];
        let is_missing = |name: &&str| {
            !self.verdicts.iter().any(|row| row.scenario == *name)
        };
        known.into_iter().filter(is_missing).collect()
    }
}
