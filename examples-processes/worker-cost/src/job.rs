//! The job of a worker of the kit, which does more than one thing, or waits.
//!
//! It has no twin: a thread gets its work as a closure.

use std::io::{PipeReader, PipeWriter};

use anyhow::Result;
use process_kit::{Lifeline, Parent, Shared, descriptor};
use serde::{Deserialize, Serialize};

use crate::{idle, resident, served, table::Table};

/// What to do, and what that needs.
#[derive(Serialize, Deserialize)]
pub enum Job {
    Serve {
        #[serde(with = "descriptor")]
        requested: PipeReader,
        #[serde(with = "descriptor")]
        served: PipeWriter,
    },
    Reside {
        there: Shared,
        back: Shared,
        lifeline: Lifeline,
    },
    Idle {
        table: Option<Table>,
    },
}

/// All that such a worker does.
pub fn worker(job: Job, parent: &mut Parent) -> Result<u64> {
    match job {
        Job::Serve { requested, served } => {
            served::worker(requested, served, parent)
        }
        Job::Reside { there, back, lifeline } => {
            resident::worker([there, back], lifeline, parent)
        }
        Job::Idle { table } => idle::worker(table, parent),
    }
}
