//! The expendable process that hosts the threads: most deaths take it down.
//!
//! It has no twin: a process dies alone, so it needs no expendable process
//! around it. This one starts the threads, and replaces a thread that panics:
//! a panic is the only death that the others survive.

use std::{io::PipeWriter, mem::take};

use anyhow::Result;
use common::scenarios::crash::{Answer, Ledger, Plan};
use process_kit::{Gate, Parent, descriptor};
use serde::{Deserialize, Serialize};
use thread_kit::{JoinHandle, Scope, scope};

use crate::{Access, Job, work, worker};

/// What the process is given.
#[derive(Serialize, Deserialize)]
pub struct Sacrifice {
    pub plan: Plan,
    /// Where the victim among the threads sends its last words.
    #[serde(with = "descriptor::optional")]
    pub last_words: Option<PipeWriter>,
}

/// What the work needs.
pub struct Crew {
    pub plan: Plan,
    last_words: Option<PipeWriter>,
    /// Where the process waits once its threads are ready.
    gate: Gate,
}

/// A thread, and the job that its heir would get.
type Member<'scope> = (Job<'scope>, JoinHandle<'scope, Answer>);

/// What the process does: all the work.
pub fn host(sacrifice: Sacrifice, parent: &mut Parent) -> Result<Answer> {
    let Sacrifice { plan, last_words } = sacrifice;
    let gate = take(&mut parent.gate);
    work(&mut Crew { plan, last_words, gate })
}

impl Sacrifice {
    /// Starts over: the ledger was in the memory of the dead process.
    pub fn heir(self) -> Sacrifice {
        Sacrifice { last_words: None, ..self }
    }
}

impl Crew {
    /// The ledger at the start of the work.
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

/// Waits until all have answered. A thread that panics gets an heir.
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
