//! Workers that are replaced when they die, by rules of the caller.
//!
//! A [`Pool`](crate::Pool) is for many jobs that any worker can do, and has its
//! own rules. Here each worker has a single job for its whole life, so its
//! death is reported to the caller, who decides what happens to the job.

use std::{process::ExitStatus, time::Duration};

use anyhow::Result;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    start::join_set::first_ready,
    start::scope::{JoinHandle, Scope},
};

/// A worker for each job. For each worker, it keeps the job of its heir: the
/// worker that will replace it if it dies.
#[derive(Debug)]
pub struct Supervisor<'scope, J, A> {
    scope: &'scope Scope,
    heir: fn(J) -> J,
    running: Vec<Member<'scope, J, A>>,
    parked: Vec<Member<'scope, J, A>>,
}

/// What happened to one worker, or to all.
#[derive(Debug)]
pub enum News<J> {
    /// A worker has answered. It stays parked until all are joined.
    Answered,
    /// A worker died before it answered.
    Died {
        /// The job of its heir, which has not been spawned yet.
        heir: J,
        /// Its exit status.
        how: ExitStatus,
    },
    /// All workers were silent for too long. They have been killed, including
    /// those that had answered.
    Hung {
        /// The jobs of their heirs, which have not been spawned yet.
        heirs: Vec<J>,
    },
}

/// The job of a worker's heir, and the worker.
type Member<'scope, J, A> = (J, JoinHandle<'scope, A>);

impl<'scope, J: Serialize, A: DeserializeOwned> Supervisor<'scope, J, A> {
    /// A supervisor without workers. `heir` turns the job of a spawned worker
    /// into the job of its heir.
    pub fn new(scope: &'scope Scope, heir: fn(J) -> J) -> Self {
        let (running, parked) = (Vec::new(), Vec::new());
        Supervisor { scope, heir, running, parked }
    }

    /// Starts a worker for `job`.
    ///
    /// # Errors
    ///
    /// As [`Scope::spawn`].
    pub fn spawn(&mut self, job: J) -> Result<()> {
        let handle = self.scope.spawn(&job)?;
        self.running.push(((self.heir)(job), handle));
        Ok(())
    }

    /// Waits until a worker answers or dies, at most for `patience`; `None`
    /// once all have answered.
    ///
    /// # Errors
    ///
    /// Fails with the text of a worker's error, or if the kernel cannot watch
    /// the workers.
    pub fn next_news(&mut self, patience: Duration) -> Result<Option<News<J>>> {
        if self.running.is_empty() {
            return Ok(None);
        }
        let handles = self.running.iter().map(|(_, handle)| handle);
        let Some(ready) = first_ready(handles, Some(patience))? else {
            return Ok(Some(News::Hung { heirs: self.kill_all() }));
        };
        let (heir, mut handle) = self.running.swap_remove(ready);
        if let Some(how) = handle.wait_for_answer_or_death()? {
            return Ok(Some(News::Died { heir, how }));
        }
        self.parked.push((heir, handle));
        Ok(Some(News::Answered))
    }

    /// The process ids of the current workers.
    pub fn ids(&self) -> Vec<u32> {
        let all = self.running.iter().chain(&self.parked);
        all.map(|(_, handle)| handle.id()).collect()
    }

    /// Tells the workers that have answered to exit, reaps them, and returns
    /// their answers in order of arrival. The others are killed.
    ///
    /// # Errors
    ///
    /// As [`JoinHandle::join`].
    pub fn join_all(self) -> Result<Vec<A>> {
        self.parked.into_iter().map(|(_, handle)| handle.join()).collect()
    }

    /// Dropping a handle kills its worker.
    fn kill_all(&mut self) -> Vec<J> {
        let all = self.parked.drain(..).chain(self.running.drain(..));
        all.map(|(heir, _handle)| heir).collect()
    }
}
