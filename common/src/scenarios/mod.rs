//! The list of scenarios, and a module for each.
//!
//! To add one: a row in [`ALL`], a module here, and a package on each side
//! (`examples-threads/<name>`, `examples-processes/<name>`). The comparison,
//! the table in README.md and the test of the contract follow the list.

pub mod address_space;
pub mod crash;
#[cfg(feature = "fetch")]
pub mod fetch;
pub mod ipc;
pub mod kill_workers;
#[cfg(feature = "matrix")]
pub mod matrix;
mod parts;
#[cfg(feature = "responsive-ui")]
pub mod responsive_ui;
pub mod shared_state;
pub mod worker_cost;

use std::time::Duration;

use crate::outcome::Model;

/// What a frame may take: most screens are refreshed 60 times a second. Here,
/// because a report holds frames against it without running any.
pub const FRAME: Duration = Duration::from_micros(16_667);

/// A question, put to threads and to processes.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The name of its folders, and the stem of its two packages.
    pub name: &'static str,
    /// What a reader wants to know.
    pub question: &'static str,
    /// What the rows of its comparison measure.
    pub rows: &'static str,
    /// Whether there is work to share out among as many workers as the
    /// comparison says, by the flag `--workers`.
    pub crew: bool,
    /// Whether the comparison also measures the speed-up from one worker to
    /// all cores.
    pub scales: bool,
    /// What is asked of both sides, one part in a slice. All parts together
    /// have every metric that a run without flags has, and no metric is of
    /// two parts, but for `total` and `memory`, see [`Part`].
    pub parts: &'static [Part],
    /// What CPython is asked beside, if the scenario is there: in sizes for
    /// which Python takes some 150 ms or less. The Rust pair is asked the
    /// same. Those with a headline are part of a first look.
    pub cpython: &'static [Part],
    /// With which flags CPython does all of it in one run: a size at which it
    /// takes a second or less.
    pub cpython_run: Option<&'static [&'static str]>,
}

/// A piece of the work, of the size of a slice: see [`slices`](crate::slices).
///
/// Each takes 10 to 50 ms of work in a release build, where it has no natural
/// unit that is longer, as a query has, a delay and a deadline.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// What it is called: the key by which its samples are kept. It stays, if
    /// the flags change.
    pub name: &'static str,
    /// What is asked, beside `--seed`, and `--workers` where there is a
    /// [crew](Scenario::crew).
    pub flags: &'static [&'static str],
    /// Whether its time in all and its memory are rows of the comparison, as
    /// those of the scenario. There is one such part: the most representative
    /// one, because a sum over parts of made-up sizes means nothing.
    pub whole: bool,
    /// The ids of those of its metrics that answer the question of the
    /// scenario. They have to be decided before anything else.
    pub headlines: &'static [&'static str],
    /// Whether what it shows is counted rather than timed: once is enough, so
    /// that even a quick comparison has it.
    pub counted: bool,
    /// How many cores it takes. With fewer it is left out.
    pub cores: usize,
    /// The side whose program is spoilt by it: it has been left with threads
    /// that nothing ends, and that may keep a core busy. It is good for no
    /// other slice, and a new one has to be started. Any other program sleeps
    /// after a slice.
    pub spoils: Option<Model>,
}

impl Part {
    const fn new(name: &'static str, flags: &'static [&'static str]) -> Self {
        Part {
            name,
            flags,
            whole: false,
            headlines: &[],
            counted: false,
            cores: 1,
            spoils: None,
        }
    }

    const fn whole(self) -> Self {
        Part { whole: true, ..self }
    }

    const fn answers(self, headlines: &'static [&'static str]) -> Self {
        Part { headlines, ..self }
    }

    const fn counted(self) -> Self {
        Part { counted: true, ..self }
    }

    const fn on_two_cores(self) -> Self {
        Part { cores: 2, ..self }
    }

    const fn spoils(self, model: Model) -> Self {
        Part { spoils: Some(model), ..self }
    }
}

impl Scenario {
    /// The program of one side, called as its package.
    pub fn program(&self, model: Model) -> String {
        format!("{}-{model}", self.name)
    }

    /// The script for CPython, of both sides.
    pub fn script(&self) -> String {
        format!("{}.py", self.name.replace('-', "_"))
    }
}

/// Every scenario, in the order in which the comparison shows them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "shared-state",
        question: "many workers update one ledger; is anything lost?",
        rows: "Transfers between the accounts of one ledger, of all workers \
               together, by the way in which it is guarded. Lost updates: \
               of those that race on purpose.",
        crew: true,
        scales: false,
        parts: parts::SHARED_STATE,
        cpython: parts::python::SHARED_STATE,
        cpython_run: Some(&[
            "--accounts=64",
            "--transfers=100000",
            "--variant=racy",
            "--variant=lock",
            "--variant=lock-per-account",
            "--variant=owner",
            "--variant=partition",
        ]),
    },
    Scenario {
        name: "ipc",
        question: "what does a message cost, by mechanism, size and waking?",
        rows: "Trip: to the other end and back, the median. Rate and flow: \
               messages and bytes a second, one way. By mechanism, and by \
               how its ends wait.",
        crew: false,
        scales: false,
        parts: parts::IPC,
        cpython: parts::python::IPC,
        cpython_run: Some(&[
            "--messages=80",
            "--waiting=block",
            "--size=64",
            "--size=65536",
        ]),
    },
    Scenario {
        name: "responsive-ui",
        question: "does the screen keep up while a database is busy?",
        rows: "Input to frame: from a key until the screen shows it. Gap: \
               between two frames. Hand-over: of what a query found, from \
               the worker to the screen.",
        crew: false,
        scales: false,
        parts: parts::RESPONSIVE_UI,
        cpython: parts::python::RESPONSIVE_UI,
        cpython_run: Some(&["--steps=1200000", "--cancels=4"]),
    },
    Scenario {
        name: "matrix",
        question: "six databases, a matrix transformation of each",
        rows: "Databases that are loaded and transformed a second, and how \
               long loading and transforming takes, of all six together. \
               They are small, so that starting a process for each is part \
               of the difference; with larger ones it disappears.",
        crew: true,
        scales: true,
        parts: parts::MATRIX,
        cpython: parts::python::MATRIX,
        cpython_run: Some(&["--rows=400", "--columns=40"]),
    },
    Scenario {
        name: "kill-workers",
        question: "a worker hangs: can it be stopped?",
        rows: "Good jobs, while others hang. Stopped after: from the \
               request until the worker is free, or gone and reaped. Left \
               and lost: what can never be stopped.",
        crew: true,
        scales: false,
        parts: parts::KILL_WORKERS,
        cpython: parts::python::KILL_WORKERS,
        cpython_run: Some(&[
            "--variant=loop",
            "--variant=sleep",
            "--jobs=8",
            "--deadline=100ms",
            "--grace=20ms",
        ]),
    },
    Scenario {
        name: "crash",
        question: "a worker dies by itself, perhaps with a lock: who survives?",
        rows: "Resumed: from a death, while it held nothing or a lock, \
               until the work goes on. Survivors: of two workers, without a \
               new start. Lost: transfers of the ledger.",
        crew: true,
        scales: false,
        parts: parts::CRASH,
        cpython: parts::python::CRASH,
        cpython_run: Some(&[
            "--variant=panic",
            "--variant=abort",
            "--variant=segfault",
            "--transfers=200",
            "--deaths=1",
        ]),
    },
    Scenario {
        name: "worker-cost",
        question: "what does a worker cost to start and to keep?",
        rows: "Finish: from the call until an empty job is done, and the \
               worker gone that was started for it. By how there is one: a \
               thread or process begun anew; one that borrows (scoped, \
               forked); one that is prepared (Builder, pre_exec); a server \
               that is asked (channel, fork server); a pool; a word to \
               sleep on (futex); and bare, by clone. Idle: bytes of each of \
               so many that wait.",
        crew: false,
        scales: false,
        parts: parts::WORKER_COST,
        cpython: parts::python::WORKER_COST,
        cpython_run: Some(&[
            "--variant=anew",
            "--variant=borrowed",
            "--variant=served",
            "--variant=pool",
            "--variant=idle",
            "--starts=4",
            "--parent-memory=0",
            "--crew=16",
            "--table=0",
        ]),
    },
    Scenario {
        name: "fetch",
        question: "many slow replies at once: how long, and at what cost?",
        rows: "Share of the ideal: replies × delay / workers, over the time \
               that it takes. A worker's memory and a reply's CPU time: \
               without the server's.",
        crew: false,
        scales: false,
        parts: parts::FETCH,
        cpython: parts::python::FETCH,
        cpython_run: Some(&["--workers=16", "--requests=48", "--faults=0"]),
    },
    Scenario {
        name: "address-space",
        question: "is one address space a bottleneck?",
        rows: "Operations a second, of all workers together, each on memory \
               or files of its own; and how many times as many as by one \
               worker. In a slice there are few, and the workers' first \
               steps are among them: longer runs differ more.",
        crew: true,
        scales: false,
        parts: parts::ADDRESS_SPACE,
        cpython: &[],
        cpython_run: None,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_part_has_a_name_of_its_own() {
        for scenario in ALL {
            for parts in [scenario.parts, scenario.cpython] {
                let names: BTreeSet<_> =
                    parts.iter().map(|part| part.name).collect();
                assert_eq!(names.len(), parts.len(), "{}", scenario.name);
            }
        }
    }

    #[test]
    fn a_scenario_has_one_whole_and_at_most_three_headlines() {
        for Scenario { name, parts, cpython, cpython_run, .. } in ALL {
            let wholes = parts.iter().filter(|part| part.whole);
            assert_eq!(wholes.count(), 1, "{name}");
            let headlines = parts.iter().flat_map(|part| part.headlines);
            assert!((1..=3).contains(&headlines.count()), "{name}");
            assert_eq!(cpython.is_empty(), cpython_run.is_none(), "{name}");
            let wholes = cpython.iter().filter(|part| part.whole);
            assert!(wholes.count() <= 1, "{name}");
        }
    }

    #[test]
    fn no_part_asks_for_what_the_comparison_says() {
        let said = ["--seed", "--json", "--expect", "--slices", "--lifeline"];
        for scenario in ALL {
            for part in scenario.parts.iter().chain(scenario.cpython) {
                let mut flags = part.flags.iter();
                assert!(!flags.any(|flag| said.contains(flag)), "{part:?}");
                let asks = part.flags.contains(&"--workers");
                assert!(!(scenario.crew && asks), "{part:?}");
            }
        }
    }
}
