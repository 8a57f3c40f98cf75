//! A thread without a filter, which does what others ask it to.
//!
//! It has no twin: hostile code reaches any thread of its process, as every
//! executor, pool and callback shows, and no other process but its host. This
//! one takes requests, which is the polite way. The other way is to change the
//! memory with which a sibling works.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    sync::Arc,
};

use anyhow::Result;
use common::scenarios::confine::{Report, Target, Task};
use crossbeam::channel::{Receiver, Sender, bounded};
use thread_kit::Scope;

use crate::fork::split;

/// The end that others have.
pub struct Sibling {
    tasks: Sender<Task>,
    reports: Receiver<Report>,
}

impl Sibling {
    /// Starts it. It ends when nobody can ask it any more.
    pub fn spawn(
        scope: &Scope<'_, '_>,
        target: &Target,
        lent: &Arc<OwnedFd>,
    ) -> Result<Self> {
        let (tasks, to_do) = bounded::<Task>(1);
        let (done, reports) = bounded(1);
        let (target, lent) = (target.clone(), Arc::clone(lent));
        scope.spawn(move |_| {
            for task in to_do {
                done.send(task.perform(&target, lent.as_fd(), split))?;
            }
            Ok(())
        })?;
        Ok(Sibling { tasks, reports })
    }

    /// Has a task done.
    pub fn ask(&self, task: Task) -> Result<Report> {
        self.tasks.send(task)?;
        Ok(self.reports.recv()?)
    }
}
