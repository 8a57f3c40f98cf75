//! What each answer is a reason for. The rules are in one table, [`RULES`], and
//! the figures in their texts come from the results.

use common::{outcome::Model, units};

use super::{
    figures::{
        CALLS, CHANNEL, CONFINE, CONTAINED, FLOW, FigureId, Figures, IDLE,
        KILL_WORKERS, LIVES, PIPE, POOL, START, WORKER_COST,
    },
    task::{Task, YesOrNo},
};

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
    let is_asked = task.crash_safe == Some(YesOrNo::Yes);
    requires_processes(is_asked, "crash", || {
        format!("The rest must survive a crash: {}.", figures.told("crash"))
    })
}

fn killable(task: &Task, figures: &Figures<'_>) -> Option<Reason> {
    let is_asked = task.killable == Some(YesOrNo::Yes);
    requires_processes(is_asked, KILL_WORKERS, || {
        let told = figures.told(KILL_WORKERS);
        format!("A hung worker must be killable: {told}.")
    })
}

fn untrusted(task: &Task, figures: &Figures<'_>) -> Option<Reason> {
    let is_asked = task.untrusted == Some(YesOrNo::Yes);
    requires_processes(is_asked, CONFINE, || {
        let told = figures.told(CONFINE);
        format!(
            "Native or untrusted code can overwrite all memory of its process, \
             and crash it. A process contains such accidents. Code that you do \
             not trust needs a confined one (process_kit::Confinement), and a \
             fresh one for each job: {told}.{}",
            [as_it_is(figures), price(figures)].concat()
        )
    })
}

/// What a process that is not confined contains. Empty if that was not
/// measured.
fn as_it_is(figures: &Figures<'_>) -> String {
    let contained = figures.value(CONTAINED, Model::Processes);
    let words =
        |it: f64| format!(" A process as it is contains {it:.0} of them.");
    contained.map_or_else(String::new, words)
}

/// What it costs to confine a process. Empty if that was not measured.
fn price(figures: &Figures<'_>) -> String {
    let of = |id: FigureId| {
        let value = figures.value(id, Model::Processes)?;
        Some(units::human(value, "s"))
    };
    match (LIVES.map(of), CALLS.map(of)) {
        ([Some(life), Some(confined)], [Some(call), Some(filtered)]) => {
            format!(
                " To start a process and let it end takes {confined} if it is \
                 confined, and {life} if not; a system call in it takes \
                 {filtered}, and {call} if not."
            )
        }
        _ => String::new(),
    }
}

fn from_python(task: &Task, figures: &Figures<'_>) -> Option<Reason> {
    let is_asked = task.from_python == Some(YesOrNo::Yes);
    requires_processes(is_asked, "matrix", || {
        format!(
            "Threads of one CPython process take turns on its global \
             interpreter lock, unless its build has none: {}.",
            figures.pure_python.unwrap_or("CPython was not measured")
        )
    })
}

fn requires_processes(
    is_asked: bool,
    scenario: &'static str,
    words: impl FnOnce() -> String,
) -> Option<Reason> {
    let (side, weight) = (Model::Processes, Weight::Decisive);
    is_asked.then(|| Reason { side, weight, scenario, words: words() })
}

/// Starting a worker for each task. Where that is expensive, both sides can use
/// a warm pool, so it is never decisive.
fn task_time(task: &Task, figures: &Figures<'_>) -> Option<Reason> {
    let task = task.time().as_secs_f64();
    let start = |side| figures.value(START, side);
    let share = |start: f64| start / (start + task);
    let threads = share(start(Model::Threads)?);
    let processes = share(start(Model::Processes)?);
    let pool = match figures.value(POOL, Model::Processes) {
        Some(pool) => format!(" in {}", units::human(pool, "s")),
        None => String::new(),
    };
    (processes >= NOTICEABLE).then(|| Reason {
        side: Model::Threads,
        weight: Weight::Some,
        scenario: WORKER_COST,
        words: format!(
            "Tasks are short: if each gets a new process, its start takes {} \
             of the time; with a new thread, {}. A pool, of either kind, \
             starts its workers once: one of processes does an empty \
             job{pool}.",
            percent(processes),
            percent(threads)
        ),
    })
}

/// Threads hand over a reference, whatever the size; processes copy.
fn shared(task: &Task, figures: &Figures<'_>) -> Option<Reason> {
    let flow = figures.value(FLOW, Model::Processes)?;
    let bytes = task.shared() as f64 * f64::from(task.how_often());
    let share = bytes / flow;
    Some(Reason {
        side: Model::Threads,
        weight: weight(share)?,
        scenario: "shared-state",
        words: format!(
            "Workers hand over a lot of data: copying it through a pipe, at \
             {}, takes {} of a core. Threads hand over a reference. (Processes \
             can share memory too, but only for plain data.)",
            units::human(flow, "B/s"),
            percent(share)
        ),
    })
}

/// Compares what people use first: a pipe and a channel.
fn how_often(task: &Task, figures: &Figures<'_>) -> Option<Reason> {
    let pipe = figures.value(PIPE, Model::Processes)?;
    let channel = figures.value(CHANNEL, Model::Threads)?;
    let share = pipe * f64::from(task.how_often());
    Some(Reason {
        side: Model::Threads,
        weight: weight(share).filter(|_| pipe > channel)?,
        scenario: "ipc",
        words: format!(
            "Workers exchange many messages: a round trip takes {} through a \
             pipe and {} through a channel, which is {} and {} of a core. (A \
             ring in shared memory serves both sides.)",
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
    let idle = |side| figures.value(IDLE, side);
    let (thread, process) = (idle(Model::Threads)?, idle(Model::Processes)?);
    let room = task.memory() as f64;
    let too_many = figures.workers as f64 * process > room;
    (too_many && thread < process).then(|| Reason {
        side: Model::Threads,
        weight: Weight::Decisive,
        scenario: WORKER_COST,
        words: format!(
            "Memory is scarce: an idle process takes {} of its own and an idle \
             thread {}, so a process per core does not fit.",
            units::human(process, "B"),
            units::human(thread, "B")
        ),
    })
}

fn percent(share: f64) -> String {
    units::human(share, "share")
}
