//! A worker that is hired: its post, and the end of it that its host has.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    sync::Arc,
};

use anyhow::{Result, bail};
use common::scenarios::confine::{Means, Report, Target, Task, Variant};
use crossbeam::channel::{Receiver, RecvError, Sender, bounded};
use process_kit::Confinement;
use thread_kit::{JoinHandle, Scope};

use crate::{fork::split, means::confinement, sibling::Sibling, worker};

/// What a worker is given.
pub struct Post {
    confinement: Option<Confinement>,
    target: Target,
    lent: Arc<OwnedFd>,
    tasks: Receiver<Task>,
    reports: Sender<Report>,
    sibling: Option<Sibling>,
}

impl Post {
    /// Gives up what the worker must not have, and reports that it is ready.
    pub fn confine(&mut self) -> Result<()> {
        let confinement = self.confinement.as_ref();
        let held = confinement.map(Confinement::apply_to_thread).transpose()?;
        let ready = Report::ready(held.map(|held| held.lacking));
        Ok(self.reports.send(ready)?)
    }

    /// Does one task after another.
    pub fn work(self) -> Result<()> {
        let Post { target, lent, tasks, reports, sibling, .. } = self;
        for task in tasks {
            // threads: what this one must not do, another one may.
            let report = match &sibling {
                Some(sibling) => sibling.ask(task)?,
                None => task.perform(&target, lent.as_fd(), split),
            };
            reports.send(report)?;
        }
        Ok(())
    }
}

/// A worker, as its host sees it.
pub struct Hired<'scope> {
    handle: JoinHandle<'scope, ()>,
    tasks: Sender<Task>,
    reports: Receiver<Report>,
    lacking: Vec<String>,
}

impl<'scope> Hired<'scope> {
    /// Starts a worker, and waits until it is ready.
    pub fn spawn(
        scope: &Scope<'scope, '_>,
        variant: Variant,
        without: Option<Means>,
        target: &Target,
        lent: &Arc<OwnedFd>,
        asks_sibling: bool,
    ) -> Result<Self> {
        let (tasks, to_do) = bounded(1);
        let (done, reports) = bounded(1);
        let sibling = asks_sibling.then(|| Sibling::spawn(scope, target, lent));
        let post = Post {
            confinement: confinement(variant, without),
            target: target.clone(),
            lent: Arc::clone(lent),
            tasks: to_do,
            reports: done,
            sibling: sibling.transpose()?,
        };
        let handle = scope.spawn(move |_| worker(post))?;
        let lacking = Vec::new();
        let mut hired = Hired { handle, tasks, reports, lacking };
        hired.lacking = hired.hear()?.lacking()?;
        Ok(hired)
    }

    /// Has a task done, and returns what comes of it.
    pub fn ask(&mut self, task: Task) -> Result<Report> {
        self.tasks.send(task)?;
        self.hear()
    }

    fn hear(&mut self) -> Result<Report> {
        match self.reports.recv() {
            Ok(report) => Ok(report),
            // threads: one that is killed takes its host along. This one has
            // returned an error.
            Err(RecvError) => {
                self.handle.wait_for_answer()?;
                bail!("a worker hung up")
            }
        }
    }

    /// Whether it has died of a task.
    // threads: none dies alone.
    pub fn is_dead(&self) -> bool {
        false
    }

    /// The process id, if it has one of its own.
    pub fn ids(&self) -> [u32; 0] {
        []
    }

    /// Tells the worker to exit, and joins it. Returns what its kernel lacks to
    /// confine it.
    pub fn join(self) -> Result<Vec<String>> {
        drop(self.tasks);
        self.handle.join()?;
        Ok(self.lacking)
    }
}
