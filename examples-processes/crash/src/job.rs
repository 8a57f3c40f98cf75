//! The job of a worker, and that of its heir, which replaces it.

use std::io::{PipeReader, PipeWriter};

use anyhow::Result;
use common::scenarios::crash::{Ledger, Plan};
use process_kit::{Mutex, PlainMutex, Segment, descriptor};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Job {
    pub plan: Plan,
    pub index: usize,
    /// Whether the work started over, with another ledger.
    pub is_anew: bool,
    pub ledger: Access,
    /// Where the victim sends its last words. An heir sends none.
    #[serde(with = "descriptor::optional")]
    pub last_words: Option<PipeWriter>,
}

/// How a worker accesses the ledger.
// processes: a segment is passed by name, a pipe as a descriptor.
#[derive(Serialize, Deserialize)]
pub enum Access {
    Lock(Segment<[Mutex<Ledger>]>),
    PlainLock(Segment<[PlainMutex<Ledger>]>),
    Sender(#[serde(with = "descriptor")] PipeWriter),
    Owner(#[serde(with = "descriptor")] PipeReader),
}

impl Job {
    /// A job for each access: first the workers', then the owner's, if the
    /// ledger has one. Without `last_words` they are jobs of heirs.
    pub fn each(
        plan: &Plan,
        ledgers: impl IntoIterator<Item = Access>,
        last_words: Option<PipeWriter>,
    ) -> Result<Vec<Job>> {
        let (plan, is_anew) = (*plan, last_words.is_none());
        let mut jobs = Vec::new();
        for (index, ledger) in ledgers.into_iter().enumerate() {
            let pipe = last_words.as_ref().filter(|_| index < plan.workers);
            let last_words = pipe.map(PipeWriter::try_clone).transpose()?;
            jobs.push(Job { plan, index, is_anew, ledger, last_words });
        }
        Ok(jobs)
    }

    /// The job of the heir, which continues where the dead worker stopped.
    pub fn heir(self) -> Job {
        Job { last_words: None, ..self }
    }
}
