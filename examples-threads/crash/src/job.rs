//! What a process is told to do: all workers' work, from the beginning.

use std::{
    io::PipeWriter,
    mem::take,
    thread::{self, ScopedJoinHandle},
};

use anyhow::{Context as _, Result, anyhow};
use common::{
    gate::Gate,
    scenarios::crash::{Ledger, Plan, Victim},
};
use process_kit::Parent;
use serde::{Deserialize, Serialize};

/// A process that threads may take down with them.
#[derive(Debug, Serialize, Deserialize)] // threads: the process is told, not they
pub struct Sacrifice {
    pub plan: Plan,
    pub is_heir: bool,
    #[serde(skip)] // threads: for the one that dies
    last_words: Option<PipeWriter>,
    #[serde(skip)]
    gate: process_kit::Gate,
}

/// What a thread does.
pub struct Job {
    pub plan: Plan, // threads: one worker
    pub index: usize,
    pub victim: Victim,
}

impl Sacrifice {
    pub fn new(plan: &Plan, is_heir: bool) -> Self {
        let (last_words, gate) = Default::default(); // threads: for all
        Sacrifice { plan: *plan, is_heir, last_words, gate }
    }

    /// Begins anew: what the dead one had is gone.
    pub fn heir(self) -> Self {
        Sacrifice { is_heir: true, ..self } // threads: and all its threads
    }

    /// What came beside the bytes. An heir has no last words to say.
    pub fn take_from(&mut self, parent: &mut Parent) -> Result<()> {
        if !self.is_heir {
            let pipe = parent.take_descriptor()?.into();
            self.last_words = Some(pipe); // threads: whoever it will be
        }
        self.gate = take(&mut parent.gate);
        Ok(())
    }

    /// What the work begins with.
    pub fn ledger(&self) -> Ledger {
        if self.is_heir { Ledger::anew() } else { Ledger::opening() } // threads: lost with the process
    }

    /// Starts the threads, releases them all at once, and waits until they
    /// are done. One that panics has an heir. Counts the survivors.
    pub fn spawn_and_join(
        &self,
        work: impl Fn(&mut Job) -> Result<()> + Sync, // threads: shared by them
    ) -> Result<usize> {
        let (gate, work) = (&Gate::new(), &work);
        thread::scope(|scope| {
            let spawn = |mut job: Job| {
                let job = move || match gate.wait() {
                    true => work(&mut job), // threads: moved
                    false => Ok(()),        // threads: one could not be started
                };
                let thread = thread::Builder::new().spawn_scoped(scope, job);
                thread.context("no worker can be started")
            };
            let keeper = gate.close();
            let jobs = (0..self.plan.workers).map(|index| self.job(index));
            let handles: Vec<_> = jobs.map(|job| spawn(job?)).collect(); // threads: of one scope
            if handles.iter().all(Result::is_ok) {
                keeper.wait_for(self.plan.workers);
                self.gate.wait()?; // threads: now the process is ready
                keeper.open();
            } else {
                drop(keeper);
            }
            // All of them, also if one could not be started: a panic of whom
            // nobody joined would be the scope's own.
            let joined: Vec<_> = handles
                .into_iter()
                .map(|handle| handle.map(ScopedJoinHandle::join)) // threads: a panic is news
                .collect();
            let mut survivors = 0;
            for (index, joined) in joined.into_iter().enumerate() {
                if let Ok(done) = joined? {
                    done?;
                    survivors += usize::from(!self.is_heir);
                } else {
                    let heir = spawn(Job::heir(self.plan, index))?; // threads: of a panic
                    heir.join().map_err(|_| anyhow!("an heir panicked"))??;
                }
            }
            Ok(survivors)
        })
    }

    fn job(&self, index: usize) -> Result<Job> {
        let mut job = Job::heir(self.plan, index);
        if let Some(pipe) = &self.last_words {
            job.victim = Victim::new(&self.plan, index, pipe.try_clone()?); // threads: or not
        }
        Ok(job)
    }
}

impl Job {
    /// Goes on where the dead one was.
    fn heir(plan: Plan, index: usize) -> Self {
        Job { plan, index, victim: Victim::default() } // threads: in the same memory
    }
}
