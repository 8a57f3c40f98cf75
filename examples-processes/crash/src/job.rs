//! What a process is told to do: one worker's work, or what is left of it.

use std::{mem::take, os::fd::OwnedFd};

use anyhow::Result;
use common::scenarios::crash::{Answer, Plan, Report, Victim};
use process_kit::{Gate, Parent};
use serde::{Deserialize, Serialize};

/// It crosses as bytes, so it names what it cannot borrow.
#[derive(Debug, Serialize, Deserialize)] // processes: encoded
pub struct Job {
    pub plan: Plan,
    pub index: usize, // processes: one worker
    pub is_heir: bool,
    pub ledger: String, // processes: the name of a segment
    #[serde(skip)] // processes: descriptors cross beside the bytes
    pub pipe: Option<OwnedFd>,
    #[serde(skip)] // processes: made by the worker itself
    pub victim: Victim,
    #[serde(skip)]
    pub gate: Gate,
}

impl Job {
    pub fn new(plan: &Plan, index: usize, is_heir: bool, ledger: &str) -> Self {
        let ledger = ledger.into(); // processes: by name
        let (pipe, gate, victim) = Default::default();
        Job { plan: *plan, index, is_heir, ledger, pipe, gate, victim }
    }

    /// One for each worker, all on one segment.
    pub fn each(plan: &Plan, is_heir: bool, ledger: &str) -> Vec<Self> {
        let job = |index| Job::new(plan, index, is_heir, ledger);
        (0..plan.workers).map(job).collect() // processes: as many
    }

    /// Goes on where the dead one was.
    pub fn heir(self) -> Self {
        Job { is_heir: true, ..self } // processes: with all that it was lent
    }

    /// What came beside the bytes. An heir has no last words to say.
    pub fn take_from(&mut self, parent: &mut Parent) -> Result<()> {
        if !self.is_heir {
            let pipe = parent.take_descriptor()?.into();
            self.victim = Victim::new(&self.plan, self.index, pipe); // processes: or not
        }
        self.pipe = parent.take_descriptor().ok(); // processes: lent
        self.gate = take(&mut parent.gate);
        Ok(())
    }

    /// The work is done, by a worker or the owner of the ledger.
    pub fn answer(&self, report: Option<Report>) -> Answer {
        let is_survivor = !self.is_heir && self.index < self.plan.workers;
        Answer { survivors: is_survivor.into(), report } // processes: one, or none
    }
}
