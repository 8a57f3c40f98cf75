//! Why a run does not count, in words.

use std::{
    fmt, io, os::unix::process::ExitStatusExt as _, path::PathBuf,
    process::ExitStatus, time::Duration,
};

use common::{escaped::Escaped, outcome::Model, scenarios::Scenario, units};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use signal_hook::low_level::signal_name;

use crate::run::{
    agreement::Disagreement,
    document::NoOutcome,
    plan::{Series, Slice},
    program::child::{MOST_OUTPUT, last_words},
};

/// A slice that does not count, and with it its scenario: if two sides did not
/// do the same work, their ratio says nothing.
#[derive(Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// The scenario's name.
    pub scenario: String,
    /// What it belongs to.
    #[serde(default, skip_serializing_if = "Series::is_pair")]
    pub series: Series,
    /// The side.
    pub model: Model,
    /// The slice. None if the fault was in none of them: for example, the
    /// program cannot be run at all.
    pub slice: Option<Slice>,
    /// The reason.
    #[serde(serialize_with = "in_words", deserialize_with = "as_told")]
    pub reason: Reason,
    /// The end of the program's stderr.
    pub stderr: String,
}

/// Why a run does not count.
#[derive(Debug)]
pub enum Reason {
    /// The program does not exist.
    Missing(PathBuf),
    /// It could not be started or watched.
    NotRun(io::Error),
    /// It failed, or was killed by something else.
    Failed(ExitStatus),
    /// It did not exit in time.
    Deadline(Duration),
    /// It printed more than we keep.
    Flood,
    /// It exited before a process it had started.
    LeftBehind,
    /// It reported itself what went wrong with a slice.
    Said(String),
    /// It exited with its stdin still open. None until it is reaped.
    Gone(Option<ExitStatus>),
    /// It did something else before it was ready.
    NotReady,
    /// It printed more than it was asked for.
    MoreThanAsked,
    /// It worked between its slices.
    Awake {
        /// CPU seconds.
        awake: f64,
        /// Seconds of the pauses.
        paused: f64,
    },
    /// What it printed is not the requested outcome.
    NoOutcome(NoOutcome),
    /// Its outcome is not of the same work.
    Disagreement(Box<Disagreement>),
    /// As an earlier comparison put it.
    Told(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Reason::Missing(path) => {
                format!("program not found: {}", Escaped(path))
            }
            Reason::NotRun(error) => format!("it could not be run: {error}"),
            Reason::Failed(status) => end(*status),
            Reason::Deadline(patience) => {
                let seconds = patience.as_secs_f64();
                format!("it was killed at its deadline of {seconds} s")
            }
            Reason::Flood => {
                format!("it printed more than {} MiB", MOST_OUTPUT >> 20)
            }
            Reason::LeftBehind => {
                "it left a process behind that holds its output open".into()
            }
            Reason::Said(words) => Escaped(words).to_string(),
            Reason::Gone(status) => {
                let end = status.map_or("no status".into(), end);
                format!("it exited too early: {end}")
            }
            Reason::NotReady => {
                "it answered before it was asked for anything".into()
            }
            Reason::MoreThanAsked => {
                "it printed more than it was asked for".into()
            }
            Reason::Awake { awake, paused } => format!(
                "it did not sleep between its slices: in {} it used {} of CPU",
                units::human(*paused, "s"),
                units::human(*awake, "s")
            ),
            Reason::NoOutcome(fault) => fault.to_string(),
            Reason::Disagreement(fault) => fault.to_string(),
            Reason::Told(words) => words.clone(),
        };
        formatter.write_str(&words)
    }
}

impl From<NoOutcome> for Reason {
    fn from(fault: NoOutcome) -> Self {
        Reason::NoOutcome(fault)
    }
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Self {
        Reason::NotRun(error)
    }
}

impl From<Disagreement> for Reason {
    fn from(fault: Disagreement) -> Self {
        Reason::Disagreement(fault.into())
    }
}

impl Refusal {
    /// A program that cannot be run, or fails between its slices.
    pub fn outright(
        scenario: &Scenario,
        series: Series,
        model: Model,
        reason: Reason,
    ) -> Self {
        Refusal {
            scenario: scenario.name.into(),
            series,
            model,
            slice: None,
            reason,
            stderr: String::new(),
        }
    }

    /// A slice that went wrong.
    pub fn of(
        scenario: &Scenario,
        slice: Slice,
        reason: Reason,
        stderr: String,
    ) -> Self {
        Refusal {
            slice: Some(slice),
            stderr,
            ..Refusal::outright(scenario, slice.series, slice.model, reason)
        }
    }

    /// The fault, with the program's own last words if they may explain it. A
    /// program that believes it succeeded wrote about something else.
    pub fn words(&self) -> String {
        let explained = matches!(
            self.reason,
            Reason::Failed(_)
                | Reason::Gone(_)
                | Reason::Deadline(_)
                | Reason::Flood
                | Reason::NoOutcome(_)
        );
        match last_words(&self.stderr).filter(|_| explained) {
            Some(words) => format!("{}: {words}", self.reason),
            None => self.reason.to_string(),
        }
    }

    /// When it happened: for example `lock, pair 3`.
    pub fn moment(&self) -> String {
        self.slice.map_or("outside its slices".into(), |slice| slice.moment())
    }
}

fn end(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => match signal_name(signal) {
            Some(name) => format!("killed by {name}"),
            None => format!("killed by signal {signal}"),
        },
        (None, None) => status.to_string(),
    }
}

fn in_words<S: Serializer>(
    reason: &Reason,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(reason)
}

fn as_told<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Reason, D::Error> {
    String::deserialize(deserializer).map(Reason::Told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_a_signal() {
        assert_eq!(end(ExitStatus::from_raw(11)), "killed by SIGSEGV");
        assert_eq!(end(ExitStatus::from_raw(40)), "killed by signal 40");
        assert_eq!(end(ExitStatus::from_raw(3 << 8)), "exit status 3");
    }
}
