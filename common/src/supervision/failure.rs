//! How an attempt failed, and why a job has no answer.

use std::{error::Error, fmt};

use super::{JobId, Stopped};

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// It missed its deadline and was stopped.
    Stopped(Stopped),
    /// Nothing could stop it: its thread was left behind and is still running.
    Abandoned,
    /// The worker died by itself, in this way.
    Died(String),
}

/// Why a job has no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The text of the job's own error. It is an answer, so the job is not
    /// retried.
    Failed(String),
    /// Every allowed attempt failed.
    Quarantined {
        /// The job.
        id: JobId,
        /// The number of attempts.
        attempts: usize,
        /// How the last attempt failed.
        last: Ending,
    },
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Stopped(Stopped { by, .. }) => {
                write!(formatter, "was stopped ({by:?})")
            }
            Ending::Abandoned => formatter.write_str("could not be stopped"),
            Ending::Died(how) => write!(formatter, "died: {how}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(error) => formatter.write_str(error),
            Failure::Quarantined { id, attempts, last } => write!(
                formatter,
                "{id} is quarantined after {attempts} attempts: its last \
                 worker {last}"
            ),
        }
    }
}

impl Error for Failure {}
