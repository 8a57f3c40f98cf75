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
#[cfg(feature = "responsive-ui")]
pub mod responsive_ui;
pub mod shared_state;
pub mod worker_cost;

use std::time::Duration;

/// What a frame may take: most screens are refreshed 60 times a second. Here,
/// because a report holds frames against it without running any.
pub const FRAME: Duration = Duration::from_micros(16_667);

/// A piece of a scenario's work.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// A stable key.
    pub name: &'static str,
    /// Flags.
    pub flags: &'static [&'static str],
    /// Whether total and memory are rows.
    pub whole: bool,
    /// The ids of the metrics that answer.
    pub headlines: &'static [&'static str],
}

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
    /// With which flags it is compared with CPython, if it is: a size at which
    /// Python takes a second or less. The Rust pair runs with the same.
    pub cpython: &'static [Part],
    /// parts
    pub parts: &'static [Part],
}

impl Scenario {
    /// The program of one side, called as its package.
    pub fn program(&self, model: crate::outcome::Model) -> String {
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
        cpython: &[Part { name: "all", flags: &[
            "--accounts=64",
            "--transfers=100000",
            "--variant=racy",
            "--variant=lock",
            "--variant=lock-per-account",
            "--variant=owner",
            "--variant=partition",
        ], whole: true, headlines: &[] }],
        parts: &[Part { name: "all", flags: &[], whole: true, headlines: &[] }],
    },
    Scenario {
        name: "ipc",
        question: "what does a message cost, by mechanism, size and waking?",
        rows: "Trip: to the other end and back, the median. Rate and flow: \
               messages and bytes a second, one way. By mechanism, and by \
               how its ends wait.",
        crew: false,
        scales: false,
        cpython: &[Part { name: "all", flags: &[
            "--messages=80",
            "--waiting=block",
            "--size=64",
            "--size=65536",
        ], whole: true, headlines: &[] }],
        parts: &[Part { name: "all", flags: &[], whole: true, headlines: &[] }],
    },
    Scenario {
        name: "responsive-ui",
        question: "does the screen keep up while a database is busy?",
        rows: "Input to frame: from a key until the screen shows it. Gap: \
               between two frames. Hand-over: of what a query found, from \
               the worker to the screen.",
        crew: false,
        scales: false,
        cpython: &[Part { name: "all", flags: &["--steps=1200000", "--cancels=4"], whole: true, headlines: &[] }],
        parts: &[Part { name: "all", flags: &[], whole: true, headlines: &[] }],
    },
    Scenario {
        name: "matrix",
        question: "six databases, a matrix transformation of each",
        rows: "Databases that are loaded and transformed a second, and how \
               long loading and transforming takes, of all six together.",
        crew: true,
        scales: true,
        cpython: &[Part { name: "all", flags: &["--rows=400", "--columns=40"], whole: true, headlines: &[] }],
        parts: &[Part { name: "all", flags: &[], whole: true, headlines: &[] }],
    },
    Scenario {
        name: "kill-workers",
        question: "a worker hangs: can it be stopped?",
        rows: "Good jobs, while others hang. Stopped after: from the \
               request until the worker is free, or gone and reaped. Left \
               and lost: what can never be stopped.",
        crew: true,
        scales: false,
        cpython: &[Part { name: "all", flags: &[
            "--variant=loop",
            "--variant=sleep",
            "--jobs=8",
            "--deadline=100ms",
            "--grace=20ms",
        ], whole: true, headlines: &[] }],
        parts: &[Part { name: "all", flags: &[], whole: true, headlines: &[] }],
    },
    Scenario {
        name: "crash",
        question: "a worker dies by itself, perhaps with a lock: who survives?",
        rows: "Resumed: from a death, while it held nothing or a lock, \
               until the work goes on. Survivors: of two workers, without a \
               new start. Lost: transfers of the ledger.",
        crew: true,
        scales: false,
        cpython: &[Part { name: "all", flags: &[
            "--variant=panic",
            "--variant=abort",
            "--variant=segfault",
            "--transfers=200",
            "--deaths=1",
        ], whole: true, headlines: &[] }],
        parts: &[Part { name: "all", flags: &[], whole: true, headlines: &[] }],
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
        cpython: &[Part { name: "all", flags: &[
            "--variant=anew",
            "--variant=borrowed",
            "--variant=served",
            "--variant=pool",
            "--variant=idle",
            "--starts=4",
            "--parent-memory=0",
            "--crew=16",
            "--table=0",
        ], whole: true, headlines: &[] }],
        parts: &[Part { name: "all", flags: &[], whole: true, headlines: &[] }],
    },
    Scenario {
        name: "fetch",
        question: "many slow replies at once: how long, and at what cost?",
        rows: "Share of the ideal: replies × delay / workers, over the time \
               that it takes. A worker's memory and a reply's CPU time: \
               without the server's.",
        crew: false,
        scales: false,
        cpython: &[Part { name: "all", flags: &["--workers=16", "--requests=48", "--faults=0"], whole: true, headlines: &[] }],
        parts: &[Part { name: "all", flags: &[], whole: true, headlines: &[] }],
    },
    Scenario {
        name: "address-space",
        question: "is one address space a bottleneck?",
        rows: "Operations a second, of all workers together, each on memory \
               or files of its own; and how many times as many as by one \
               worker.",
        crew: true,
        scales: false,
        cpython: &[],
        parts: &[Part { name: "all", flags: &[], whole: true, headlines: &[] }],
    },
];
