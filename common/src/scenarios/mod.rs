//! The list of scenarios, and a module for each.
//!
//! To add a scenario: a row in [`ALL`], a module here, and a package on each
//! side (`examples-threads/<name>`, `examples-processes/<name>`). The
//! comparison, the table in README.md and the contract test follow the list.

pub mod address_space;
pub mod confine;
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

/// The time budget of one frame: most screens refresh 60 times a second. It is
/// defined here because a report compares frames with it without drawing any.
pub const FRAME: Duration = Duration::from_micros(16_667);

/// A question that is put to both threads and processes.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The name of its folders and the stem of its two package names.
    pub name: &'static str,
    /// What a reader wants to know.
    pub question: &'static str,
    /// What the rows of its comparison measure.
    pub rows: &'static str,
    /// Whether the work is divided among workers, whose number the comparison
    /// sets with `--workers`.
    pub crew: bool,
    /// Whether the comparison also measures the speed-up from one worker to all
    /// cores.
    pub scales: bool,
    /// The slices both sides run, one part each. Together they produce every
    /// metric of a run without flags, and no metric comes from two parts,
    /// except `total` and `memory`; see [`Part`].
    pub parts: &'static [Part],
    /// What CPython runs for comparison, if the scenario has a script: sizes
    /// that take Python some 150 ms or less. The Rust pair runs the same. Parts
    /// with a headline belong to a first look.
    pub cpython: &'static [Part],
    /// The flags with which CPython does everything in one run, at a size that
    /// takes a second or less.
    pub cpython_run: Option<&'static [&'static str]>,
}

/// A piece of work the size of a slice: see [`slices`](crate::slices).
///
/// Each takes 10 to 50 ms in a release build, unless it has a longer natural
/// unit, such as a query, a delay or a deadline.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Its name: the key under which its samples are stored. It must not change
    /// when the flags do.
    pub name: &'static str,
    /// The flags it runs with, besides `--seed`, and `--workers` where there is
    /// a [crew](Scenario::crew).
    pub flags: &'static [&'static str],
    /// Whether its total time and memory appear in the comparison as those of
    /// the scenario. Exactly one part does this, the most representative one: a
    /// sum over parts of arbitrary sizes means nothing.
    pub whole: bool,
    /// The ids of its metrics that answer the scenario's question. They are
    /// decided before anything else.
    pub headlines: &'static [&'static str],
    /// Whether its result is counted rather than timed: once is enough, so that
    /// even a quick comparison includes it.
    pub counted: bool,
    /// How many cores it needs. It is skipped on machines with fewer.
    pub cores: usize,
    /// The side whose program cannot be reused after this part: it is left with
    /// threads that nothing can stop, and that may keep a core busy. The next
    /// slice needs a new program. All other programs sleep between slices.
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
    /// The program of one side, named after its package.
    pub fn program(&self, model: Model) -> String {
        format!("{}-{model}", self.name)
    }

    /// The CPython script, which covers both sides.
    pub fn script(&self) -> String {
        format!("{}.py", self.name.replace('-', "_"))
    }
}

/// Every scenario, in the order of the comparison.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "shared-state",
        question: "many workers update one ledger; is anything lost?",
        rows: "Transfers per second between the accounts of one ledger, all \
               workers together, for each way to guard it. Lost updates: \
               the share lost by the variants that race on purpose.",
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
        rows: "Round trip: to the other end and back, median. Messages and \
               bytes per second: one way. For each mechanism, and for each \
               way in which its ends wait. Memory: a heap keeps what large \
               messages of an earlier slice took; a process that has exited \
               keeps nothing.",
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
        rows: "Key to frame: from a key press until the screen shows it. \
               Gap: the time between two frames. Hand-over: passing query \
               results from the worker to the screen.",
        crew: false,
        scales: false,
        parts: parts::RESPONSIVE_UI,
        cpython: parts::python::RESPONSIVE_UI,
        cpython_run: Some(&["--steps=1200000", "--cancels=4"]),
    },
    Scenario {
        name: "matrix",
        question: "six databases, a matrix transformation of each",
        rows: "Databases loaded and transformed per second, and the time \
               to load and to transform all six, summed over the workers. \
               They are small, so starting a process for each is part of \
               the difference; with larger ones it disappears. Memory: what \
               threads free stays with the allocator of their process; what \
               a process used is gone when it exits.",
        crew: true,
        scales: true,
        parts: parts::MATRIX,
        cpython: parts::python::MATRIX,
        cpython_run: Some(&["--rows=400", "--columns=40"]),
    },
    Scenario {
        name: "kill-workers",
        question: "a worker hangs: can it be stopped?",
        rows: "Good jobs: done while other jobs hang. Stopped after: from \
               the request until the worker is free again, or dead and \
               reaped. Left and lost: what can never be stopped.",
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
        question: "a worker crashes, perhaps holding a lock: what survives?",
        rows: "Resumed: from the death of a worker, holding nothing or a \
               lock, until the work continues. Survivors: other workers \
               that need no restart. Lost: transfers made again.",
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
        rows: "Finish: from the call until an empty job is done, and its \
               worker gone if it was started for the job. Methods: a new \
               thread or process (anew); one that borrows (scoped, \
               forked); one that is prepared (Builder, pre_exec); a \
               request to a server (channel, fork server); a pool; a \
               futex that wakes a sleeper (resident); a bare clone. Idle: \
               bytes held by each waiting worker of a crew.",
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
        rows: "Share of the ideal time: replies × delay / workers, divided \
               by the time it really took. Memory per worker and CPU time \
               per reply do not include the server's.",
        crew: false,
        scales: false,
        parts: parts::FETCH,
        cpython: parts::python::FETCH,
        cpython_run: Some(&["--workers=16", "--requests=48", "--faults=0"]),
    },
    Scenario {
        name: "address-space",
        question: "is one address space a bottleneck?",
        rows: "Operations per second of all workers together, each on its \
               own memory or files; and the speed-up over one worker. A \
               slice has few operations, and they include the workers' \
               first steps: longer runs differ more.",
        crew: true,
        scales: false,
        parts: parts::ADDRESS_SPACE,
        cpython: &[],
        cpython_run: None,
    },
    Scenario {
        name: "confine",
        question: "code that you do not trust: what can it harm?",
        rows: "Acts contained: of fifteen hostile acts, those that end as an \
               error of their job and harm nothing else. Confined: with all \
               that the kernel lets the worker give up. Start, job with a \
               worker of its own: until the worker is gone. System call: \
               getppid(2), in the worker.",
        crew: false,
        scales: false,
        parts: parts::CONFINE,
        cpython: parts::python::CONFINE,
        cpython_run: Some(&[
            "--act=memory",
            "--act=read",
            "--act=variable",
            "--starts=2",
        ]),
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
