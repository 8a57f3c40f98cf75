//! The job of a worker, and that of its heir, which replaces it.

use std::{io::PipeWriter, sync::Mutex};

use anyhow::Result;
use common::scenarios::crash::{Ledger, Order, Plan};
use crossbeam::channel::{Receiver, Sender};

pub struct Job<'a> {
    pub plan: Plan,
    pub index: usize,
    /// Whether the work started over, with another ledger.
    pub is_anew: bool,
    pub ledger: Access<'a>,
    /// Where the victim sends its last words. An heir sends none.
    pub last_words: Option<PipeWriter>,
}

/// How a worker accesses the ledger.
// threads: all memory is shared already, so a reference is enough.
#[derive(Clone)]
pub enum Access<'a> {
    Lock(&'a Mutex<Ledger>),
    PlainLock(&'a Mutex<Ledger>),
    Sender(Sender<Order>),
    Owner(Receiver<Order>),
}

impl<'a> Job<'a> {
    /// A job for each access: first the workers', then the owner's, if the
    /// ledger has one. Without `last_words` they are jobs of heirs.
    pub fn each(
        plan: &Plan,
        ledgers: impl IntoIterator<Item = Access<'a>>,
        last_words: Option<PipeWriter>,
    ) -> Result<Vec<Job<'a>>> {
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
    pub fn heir(&self) -> Job<'a> {
        Job { ledger: self.ledger.clone(), last_words: None, ..*self }
    }
}
