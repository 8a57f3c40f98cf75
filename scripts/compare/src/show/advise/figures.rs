//! The figures of the results that advice rests on, and what either side costs
//! by them.

use common::{
    outcome::Model::{self, Processes, Threads},
    units,
};

use crate::{claims::needs::Answer, judge::verdict::Verdict, show::layout};

/// The scenario and the id of a figure.
pub type FigureId = [&'static str; 2];

/// Where a worker that hangs is stopped.
pub const KILL_WORKERS: &str = "kill-workers";
/// Where code that is not trusted does harm, or does not.
pub const CONFINE: &str = "confine";
/// Where workers are started, and are idle.
pub const WORKER_COST: &str = "worker-cost";

/// An empty job in a new worker.
pub const START: FigureId = [WORKER_COST, "finish.anew"];
/// An empty job in a worker that is there.
pub const POOL: FigureId = [WORKER_COST, "finish.pool"];
/// What an idle worker has of its own.
pub const IDLE: FigureId = [WORKER_COST, "private.idle-64"];
/// How much a pipe carries.
pub const FLOW: FigureId = ["ipc", "flow-1048576.pipe.block"];
/// A round trip through a pipe, as processes use it first.
pub const PIPE: FigureId = ["ipc", "trip-64.pipe.block"];
/// A round trip through a channel, as threads use it first.
pub const CHANNEL: FigureId = ["ipc", "trip-64.bounded.spin-then-park"];
/// How long until work goes on after an abort.
const RESUMED: FigureId = ["crash", "resumed-free.abort"];

/// How many hostile acts a worker contains as it is.
pub const CONTAINED: FigureId = [CONFINE, "harm-contained.bare"];
/// The life of a worker, as it is and confined.
pub const LIVES: [FigureId; 2] =
    [[CONFINE, "start.bare"], [CONFINE, "start.confined"]];
/// A system call in a worker, as it is and confined.
pub const CALLS: [FigureId; 2] =
    [[CONFINE, "call.bare"], [CONFINE, "call.confined"]];

/// All of them.
pub const ASKED: [FigureId; 12] = [
    START, POOL, IDLE, FLOW, PIPE, CHANNEL, RESUMED, CONTAINED, LIVES[0],
    LIVES[1], CALLS[0], CALLS[1],
];

/// What a choice costs: a label, and the figure of threads and of processes.
const COSTS: [(&str, [Option<FigureId>; 2]); 6] = [
    ("an empty job in a new worker", [Some(START); 2]),
    ("an empty job in a pool", [Some(POOL); 2]),
    ("own memory of an idle worker", [Some(IDLE); 2]),
    ("round trip, channel or pipe", [Some(CHANNEL), Some(PIPE)]),
    ("copying to another worker", [None, Some(FLOW)]),
    ("next work after an abort", [Some(RESUMED); 2]),
];

/// The figures of the results.
#[derive(Debug)]
pub struct Figures<'all> {
    /// All rows.
    pub verdicts: &'all [Verdict],
    /// What is recommended for what a program may need.
    pub answers: &'all [Answer],
    /// What workers that run pure Python make of all cores.
    pub pure_python: Option<&'all str>,
    /// How many workers each side had.
    pub workers: usize,
}

impl Figures<'_> {
    /// The figure of a side. None if it was not measured.
    pub fn value(&self, asked: FigureId, side: Model) -> Option<f64> {
        let row = self.row(asked)?;
        match side {
            Threads => row.threads,
            Processes => row.processes,
        }
    }

    fn row(&self, [scenario, id]: FigureId) -> Option<&Verdict> {
        let mut rows = self.verdicts.iter();
        rows.find(|row| row.scenario == scenario && row.id == id)
    }

    /// What this run says about the need that a scenario is about.
    pub fn told(&self, scenario: &str) -> String {
        let mut answers = self.answers.iter();
        let answer = answers.find(|answer| answer.scenario == scenario);
        match answer {
            Some(answer) => answer.words.clone(),
            None => format!("{scenario} was not measured"),
        }
    }

    /// What either side costs, as far as it was measured.
    pub fn costs(&self) -> Option<String> {
        let rows = COSTS.iter().filter_map(|(label, sides)| {
            let [threads, processes] = *sides;
            let figures = [
                self.in_words(threads, Threads),
                self.in_words(processes, Processes),
            ];
            figures.iter().any(Option::is_some).then(|| {
                let [threads, processes] =
                    figures.map(Option::unwrap_or_default);
                [(*label).to_owned(), threads, processes, String::new()]
            })
        });
        let rows: Vec<_> = rows.collect();
        let header = ["Cost on this machine", "threads", "processes", ""];
        let sheet = || layout::sheet(layout::COLUMNS, header, rows.clone());
        (!rows.is_empty()).then(sheet)
    }

    fn in_words(&self, asked: Option<FigureId>, side: Model) -> Option<String> {
        let asked = asked?;
        let unit = &self.row(asked)?.unit;
        Some(units::human(self.value(asked, side)?, unit))
    }

    /// The scenarios that advice rests on and that lack a figure.
    pub fn missing(&self) -> Vec<&'static str> {
        let mut missing: Vec<_> = ASKED
            .into_iter()
            .filter(|asked| self.row(*asked).is_none())
            .map(|[scenario, _]| scenario)
            .collect();
        if !self.answers.iter().any(|it| it.scenario == KILL_WORKERS) {
            missing.push(KILL_WORKERS);
        }
        missing.dedup();
        missing
    }
}
