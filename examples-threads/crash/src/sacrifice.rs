//! The process that hosts the threads, and that most deaths take along.
//!
//! It has no twin: a process dies alone, so it needs no other process around
//! it that may be lost. The threads are started here, and here a thread that
//! panics is replaced, which is the only death that the others survive.

use std::{io::PipeWriter, mem::take};

use anyhow::Result;
use common::scenarios::crash::{Answer, Ledger, Plan};
use process_kit::{Gate, Parent, descriptor};
use serde::{Deserialize, Serialize};
use thread_kit::{JoinHandle, Scope, scope};

use crate::{Access, Job, work, worker};

/// What the process is told.
#[derive(Serialize, Deserialize)]
pub struct Sacrifice {
    pub plan: Plan,
    /// Where the victim among the threads says its last words.
    #[serde(with = "descriptor::optional")]
    pub last_words: Option<PipeWriter>,
}

/// What all the work needs.
pub struct Crew {
    pub plan: Plan,
    last_words: Option<PipeWriter>,
    /// Where the process stands once its threads do.
    gate: Gate,
}

/// A thread, and what its heir would be told.
type Member<'scope> = (Job<'scope>, JoinHandle<'scope, Answer>);

/// What the process does: all the work.
pub fn host(sacrifice: Sacrifice, parent: &mut Parent) -> Result<Answer> {
    let Sacrifice { plan, last_words } = sacrifice;
    let gate = take(&mut parent.gate);
    work(&mut Crew { plan, last_words, gate })
}

impl Sacrifice {
    /// Begins anew: the ledger was in the memory of the dead process.
    pub fn heir(self) -> Sacrifice {
        Sacrifice { last_words: None, ..self }
    }
}

impl Crew {
    /// What the work begins with.
    pub fn ledger(&self) -> Ledger {
        Ledger::first(self.last_words.is_none())
    }
}

/// Starts the threads, releases them all at once, and waits until all have
/// answered.
pub fn spawn_and_join<'env>(
    crew: &mut Crew,
    ledgers: impl IntoIterator<Item = Access<'env>>,
) -> Result<Answer> {
    let jobs = Job::each(&crew.plan, ledgers, crew.last_words.take())?;
    scope(|scope| {
        let mut members = Vec::new();
        for job in jobs {
            members.push(spawn(scope, job)?);
        }
        scope.wait_for_all()?;
        crew.gate.wait()?;
        scope.open_gate();
        let mut all = Answer::default();
        for handle in replace(scope, members)? {
            all.add(handle.join()?);
        }
        Ok(all)
    })
}

fn spawn<'scope>(
    scope: &Scope<'scope, '_>,
    job: Job<'scope>,
) -> Result<Member<'scope>> {
    let heir = job.heir();
    let handle = scope.spawn(move |parent| worker(job, parent))?;
    Ok((heir, handle))
}

/// Waits until all have answered. One that panics has an heir.
fn replace<'scope>(
    scope: &Scope<'scope, '_>,
    members: Vec<Member<'scope>>,
) -> Result<Vec<JoinHandle<'scope, Answer>>> {
    let mut done = Vec::new();
    for (heir, mut handle) in members {
        if handle.wait_for_answer().is_err() {
            (_, handle) = spawn(scope, heir)?;
            handle.wait_for_answer()?;
        }
        done.push(handle);
    }
    Ok(done)
}
