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

/// A question, put to threads and to processes.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The name of its folders, and the stem of its two packages.
    pub name: &'static str,
    /// What a reader wants to know.
    pub question: &'static str,
    /// Whether there is work to share out among as many workers as the
    /// comparison says, by the flag `--workers`.
    pub crew: bool,
    /// Whether the comparison also measures the speed-up from one worker to
    /// all cores.
    pub scales: bool,
}

impl Scenario {
    /// The program of one side, called as its package.
    pub fn program(&self, model: crate::outcome::Model) -> String {
        format!("{}-{model}", self.name)
    }
}

/// Every scenario, in the order in which the comparison shows them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "shared-state",
        question: "many workers update one ledger; is anything lost?",
        crew: true,
        scales: false,
    },
    Scenario {
        name: "ipc",
        question: "what does a message cost, by mechanism, size and waking?",
        crew: false,
        scales: false,
    },
    Scenario {
        name: "responsive-ui",
        question: "does the screen keep up while a database is busy?",
        crew: false,
        scales: false,
    },
    Scenario {
        name: "matrix",
        question: "six databases, a matrix transformation of each",
        crew: true,
        scales: true,
    },
    Scenario {
        name: "kill-workers",
        question: "a worker hangs: can it be stopped?",
        crew: true,
        scales: false,
    },
    Scenario {
        name: "crash",
        question: "a worker dies by itself, perhaps with a lock: who survives?",
        crew: true,
        scales: false,
    },
    Scenario {
        name: "worker-cost",
        question: "what does a worker cost to start and to keep?",
        crew: false,
        scales: false,
    },
    Scenario {
        name: "fetch",
        question: "many slow replies at once: how long, and at what cost?",
        crew: false,
        scales: false,
    },
    Scenario {
        name: "address-space",
        question: "is one address space a bottleneck?",
        crew: true,
        scales: false,
    },
];
