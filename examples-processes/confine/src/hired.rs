//! A worker that is hired: its post, and the end of it that its host has.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail};
use common::scenarios::confine::{Means, Report, Seen, Target, Task, Variant};
use process_kit::{
    Confinement, JoinHandle, Scope,
    channel::{Receiver, RecvError, Sender, pipe},
    descriptor,
};
use serde::{Deserialize, Serialize};

use crate::{fork::split, means::confinement, part::Part};

/// What a worker is given.
#[derive(Serialize, Deserialize)]
pub struct Post {
    confinement: Option<Confinement>,
    target: Target,
    #[serde(with = "descriptor")]
    lent: Arc<OwnedFd>,
    tasks: Receiver<Task>,
    reports: Sender<Report>,
}

impl Post {
    /// Gives up what the worker must not have, and reports that it is ready.
    pub fn confine(&mut self) -> Result<()> {
        let confinement = self.confinement.as_ref();
        let held = confinement.map(Confinement::apply).transpose()?;
        let ready = Report::ready(held.map(|held| held.lacking));
        Ok(self.reports.send(&ready)?)
    }

    /// Does one task after another.
    pub fn work(self) -> Result<()> {
        let Post { target, lent, tasks, mut reports, .. } = self;
        for task in tasks {
            let report = task?.perform(&target, lent.as_fd(), split);
            reports.send(&report)?;
        }
        Ok(())
    }
}

/// A worker, as its host sees it.
pub struct Hired<'scope> {
    handle: JoinHandle<'scope, Option<Seen>>,
    tasks: Sender<Task>,
    reports: Receiver<Report>,
    lacking: Vec<String>,
    is_dead: bool,
}

impl<'scope> Hired<'scope> {
    /// Starts a worker, and waits until it is ready.
    pub fn spawn(
        scope: &'scope Scope,
        variant: Variant,
        without: Option<Means>,
        target: &Target,
        lent: &Arc<OwnedFd>,
    ) -> Result<Self> {
        let (tasks, to_do) = pipe()?;
        let (done, reports) = pipe()?;
        let post = Post {
            confinement: confinement(variant, without),
            target: target.clone(),
            lent: Arc::clone(lent),
            tasks: to_do,
            reports: done,
        };
        let handle = scope.spawn(&Part::Worker(Box::new(post)))?;
        let (lacking, is_dead) = (Vec::new(), false);
        let mut hired = Hired { handle, tasks, reports, lacking, is_dead };
        hired.lacking = hired.hear()?.lacking()?;
        Ok(hired)
    }

    /// Has a task done, and returns what comes of it.
    pub fn ask(&mut self, task: Task) -> Result<Report> {
        self.tasks.send(&task)?;
        self.hear()
    }

    fn hear(&mut self) -> Result<Report> {
        match self.reports.recv() {
            Ok(report) => Ok(report),
            // processes: a worker that is killed does not take its host along.
            Err(RecvError::Disconnected) => {
                let how = self.handle.wait_for_answer_or_death()?;
                self.is_dead = true;
                let how = how.context("a worker hung up")?;
                Ok(Report::Died(how.to_string()))
            }
            Err(error) => bail!("a worker reports nonsense: {error}"),
        }
    }

    /// Whether it has died of a task.
    pub fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// The process id, if it has one of its own.
    pub fn ids(&self) -> [u32; 1] {
        [self.handle.id()]
    }

    /// Tells the worker to exit, and reaps it. Returns what its kernel lacks to
    /// confine it.
    pub fn join(self) -> Result<Vec<String>> {
        drop(self.tasks);
        if !self.is_dead {
            self.handle.join()?;
        }
        Ok(self.lacking)
    }
}
