//! How an attempt came to nothing, and why a job has no answer.

use std::{error::Error, fmt};

use super::{JobId, Stopped};

/// How an attempt came to nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// It overran its deadline, and was stopped.
    Stopped(Stopped),
    /// No way could stop it: a thread is left, and still at it.
    Abandoned,
    /// The worker died by itself, and this is how.
    Died(String),
}

/// Why a job has no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The text of the job's own error. It is an answer too, so that there
    /// is no further attempt.
    Failed(String),
    /// Each attempt came to nothing, and this was the last one.
    Quarantined {
        /// Which job it is.
        id: JobId,
        /// How many there were.
        attempts: usize,
        /// How the last one ended.
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
