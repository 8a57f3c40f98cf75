//! The rules by which a pool keeps its workers going, and what became of its
//! jobs. It starts nothing: the pool of threads and the pool of processes
//! share it, and differ in how a worker is started, stopped and replaced.
//!
//! A job is *delivered* to a worker, at least once. An attempt can come to
//! nothing: the worker dies, or overruns the job's deadline and is stopped.
//! Then the job is queued again, until it has had its number of attempts, and
//! is quarantined. A worker that dies before it has the job costs no attempt.
//! What a job does outside of the pool may be done more than once, as with
//! any queue that loses no job. Its *result* is recorded exactly once, by the
//! job's id: a job is queued, or in one worker's hands, or finished, and the
//! compiler sees to it that it is in one place.
//!
//! | module | holds |
//! |---|---|
//! | `job_queue` | the jobs: which wait, and what became of the others |
//! | `failure` | how an attempt came to nothing, and why a job has no answer |
//! | `stopping` | the ways to stop a worker, and when to try which |
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
    /// How many workers there are.
    pub workers: usize,
    /// How long a worker may take until it is ready for its first job, before
    /// it is replaced. It is for processes: a thread is ready, or is none.
    pub start: Duration,
    /// How long an attempt may take, the way to the worker included, before
    /// it is stopped. A job may be submitted with a deadline of its own.
    pub deadline: Option<Duration>,
    /// How long a way to stop has, before the next one is tried.
    pub grace: Duration,
    /// How many attempts a job has that come to nothing.
    pub attempts: usize,
    /// How often workers may be replaced, before the pool gives up.
    pub intensity: Intensity,
}

impl Default for Supervision {
    /// One worker for each core, no deadline, three attempts.
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
