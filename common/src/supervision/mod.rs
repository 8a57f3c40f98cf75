//! The rules by which a pool supervises its workers and records the results of
//! its jobs. This module starts nothing: the pool of threads and the pool of
//! processes share it, and differ in how they start, stop and replace a worker.
//!
//! A job is *delivered* to a worker at least once. An attempt can fail: the
//! worker dies, or misses the job's deadline and is stopped. The pool then
//! requeues the job, and quarantines it when its attempts are used up. A worker
//! that dies before it has received the job costs no attempt. Side effects of a
//! job outside the pool may happen more than once, as with any queue that loses
//! no job. Its *result* is recorded exactly once, under the job's id: a job is
//! queued, or with one worker, or finished, and the compiler ensures that it is
//! in only one of these places.
//!
//! | module | contents |
//! |---|---|
//! | `job_queue` | the jobs: the queue, and the results |
//! | `failure` | how an attempt failed, and why a job has no answer |
//! | `stopping` | the ways to stop a worker, and when to try each |
//! | `restarts` | how often workers may be replaced |
//! | this | the rules |

use std::time::Duration;

mod failure;
mod job_queue;
mod restarts;
mod stopping;

pub use failure::{Ending, Failure};
pub use job_queue::{Entry, Finished, JobId, JobQueue};
pub use restarts::{Intensity, Restarts};
pub use stopping::{StopMethod, Stopped, Watch};

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Supervision {
    /// The number of workers.
    pub workers: usize,
    /// How long a worker may take to become ready for its first job before it
    /// is replaced. For processes only: a thread is ready once it exists.
    pub start: Duration,
    /// How long an attempt may take, delivery included, before it is stopped.
    /// A job may be submitted with its own deadline.
    pub deadline: Option<Duration>,
    /// The grace period before the next, stronger way to stop is tried.
    pub grace: Duration,
    /// How many failed attempts a job may have.
    pub attempts: usize,
    /// How often workers may be replaced before the pool gives up.
    pub intensity: Intensity,
}

impl Default for Supervision {
    /// One worker per core, no deadline, three attempts.
    fn default() -> Self {
        Supervision {
            workers: crate::machine::cores(),
            start: Duration::from_secs(10),
            deadline: None,
            grace: Duration::from_millis(100),
            attempts: 3,
            intensity: Intensity::default(),
        }
    }
}
