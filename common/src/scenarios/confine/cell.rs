//! What became of an act: contained, or a harm.

use std::{
    fmt::{self, Display, Formatter},
    process::ExitStatus,
};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::{
    Act, Attempt, DESCRIPTORS, FILE_SIZE, Good, Loot, MEMORY, SECONDS, deed,
    secret,
};
use crate::{laps::Laps, units};

/// What became of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// The job failed with this error, and all else goes on.
    Contained(String),
    /// This was done to its host, or to others.
    Harmed(String),
    /// The host died of it, in this way.
    Dead(String),
}

/// An attempt, and what became of it.
#[derive(Debug)]
pub struct Tried {
    /// What was tried.
    pub attempt: Attempt,
    /// What became of it.
    pub cell: Cell,
    /// What became of it before the worker asked a sibling to do it, if it did.
    pub alone: Option<Cell>,
    /// The answer of the good job that came next.
    pub answer: u64,
    /// Means that this kernel does not have, in words.
    pub lacking: Vec<String>,
    /// The time that all this took.
    pub laps: Laps,
}

/// How a host ended.
#[derive(Debug)]
pub enum Ending {
    /// With an answer.
    Answered(Seen),
    /// Without one.
    Died(ExitStatus),
    /// It had to be killed.
    Hung,
}

/// What a host saw.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seen {
    /// What the hostile job got, if there was one, or its error.
    pub tried: Option<Result<Loot, String>>,
    /// What the good job returned that came next.
    pub next: Good,
    /// Bytes in the scratch file.
    pub scratch: u64,
    /// Whether memory that was shared to be read has changed.
    pub is_scribbled: bool,
    /// Means that this kernel does not have, in words.
    pub lacking: Vec<String>,
}

/// What can be seen outside the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traces {
    /// Whether the file that is not the worker's has changed.
    pub is_overwritten: bool,
    /// Whether the secret file has another mode.
    pub is_open_to_all: bool,
    /// Whether there was a connection to the server.
    pub is_connected: bool,
    /// Processes that were left behind.
    pub processes: usize,
}

impl Cell {
    /// Judges what became of an act.
    ///
    /// # Errors
    ///
    /// Fails if an act succeeded and left no trace: then this program cannot
    /// see it, and must not say that it was contained.
    pub fn judge(
        attempt: &Attempt,
        ending: &Ending,
        traces: Traces,
    ) -> Result<Self> {
        let seen = match ending {
            Ending::Answered(seen) => seen,
            Ending::Died(how) => return Ok(Cell::Dead(how.to_string())),
            Ending::Hung => return Ok(Cell::Dead("it hangs".into())),
        };
        if let Some(harm) = harm(attempt, seen, traces) {
            return Ok(Cell::Harmed(harm));
        }
        match (&seen.tried, attempt.act) {
            (Some(Err(error)), _) => Ok(Cell::Contained(error.clone())),
            // What it does to a worker that does nothing else is no harm.
            (Some(Ok(_)), Act::Dirt) => {
                Ok(Cell::Contained("the next worker is clean".into()))
            }
            _ => bail!("{}: it succeeded, and left no trace", attempt.name()),
        }
    }

    /// Whether all else goes on, unharmed.
    pub fn is_contained(&self) -> bool {
        matches!(self, Cell::Contained(_))
    }

    /// The name in JSON.
    pub fn key(&self) -> &'static str {
        match self {
            Cell::Contained(_) => "contained",
            Cell::Harmed(_) => "harmed",
            Cell::Dead(_) => "dead",
        }
    }

    /// How, in words.
    pub fn how(&self) -> &str {
        let (Cell::Contained(how) | Cell::Harmed(how) | Cell::Dead(how)) = self;
        how
    }
}

impl Display for Cell {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Contained(how) => write!(to, "no: {how}"),
            Cell::Harmed(how) => write!(to, "HARM: {how}"),
            Cell::Dead(how) => write!(to, "HOST DEAD: {how}"),
        }
    }
}

/// The harm that an act has done, in words.
fn harm(attempt: &Attempt, seen: &Seen, traces: Traces) -> Option<String> {
    let loot = seen.tried.as_ref().and_then(|tried| tried.as_ref().ok());
    let took = loot.map_or(0, |loot| loot.amount);
    let knows = loot.is_some_and(|loot| {
        let secret = secret(attempt.seed).into_bytes();
        loot.found.windows(secret.len()).any(|part| part == secret)
    });
    let (is_harm, words) = match attempt.act {
        Act::Memory => (took > MEMORY, format!("took {}", bytes(took))),
        Act::Spin => {
            let words = format!("took {} s of CPU", took as f64 / 1e3);
            (took > 1000 * SECONDS, words)
        }
        Act::Descriptors => (took > DESCRIPTORS, format!("opened {took}")),
        Act::Disk => {
            let words = format!("wrote {}", bytes(seen.scratch));
            (seen.scratch > FILE_SIZE, words)
        }
        Act::Fork => {
            let all = deed::CHILDREN;
            let words = format!("{} of {all} live on", traces.processes);
            (traces.processes > 0, words)
        }
        Act::Read | Act::Leftover => (knows, "knows the file".into()),
        Act::Peek => (knows, "knows the memory".into()),
        Act::Variable => (knows, "knows the variable".into()),
        Act::Write => (traces.is_overwritten, "overwrote it".into()),
        Act::Connect => (traces.is_connected, "is connected".into()),
        Act::Call => (traces.is_open_to_all, "changed its mode".into()),
        Act::Scribble => (seen.is_scribbled, "changed it".into()),
        Act::Dirt => {
            let left = seen.next.dirt.len();
            (left > 0, format!("{left} things changed"))
        }
        Act::Signal => (false, String::new()),
    };
    is_harm.then_some(words)
}

fn bytes(amount: u64) -> String {
    units::binary(amount as usize)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use clap::ValueEnum as _;

    use super::*;
    use crate::scenarios::confine::Variant;

    fn attempt(act: Act) -> Attempt {
        let (variant, without, seed) = (Variant::Bare, None, 7);
        Attempt { act, variant, without, seed }
    }

    fn seen(tried: Result<Loot, String>) -> Seen {
        Seen {
            tried: Some(tried),
            next: Good { answer: 1, dirt: Vec::new() },
            scratch: FILE_SIZE,
            is_scribbled: false,
            lacking: Vec::new(),
        }
    }

    fn judged(act: Act, seen: Seen, traces: Traces) -> Result<Cell> {
        Cell::judge(&attempt(act), &Ending::Answered(seen), traces)
    }

    /// Everything that an act can leave behind.
    fn all_traces(act: Act) -> (Seen, Traces) {
        let found = secret(7).into_bytes();
        let mut seen = seen(Ok(Loot { amount: 1 << 40, found }));
        seen.next.dirt.push("a static".into());
        (seen.scratch, seen.is_scribbled) = (FILE_SIZE + 1, true);
        let traces = Traces {
            is_overwritten: true,
            is_open_to_all: true,
            is_connected: true,
            processes: usize::from(act == Act::Fork),
        };
        (seen, traces)
    }

    #[test]
    fn a_trace_is_a_harm() {
        for &act in Act::value_variants() {
            if act != Act::Signal {
                let (seen, traces) = all_traces(act);
                let cell = judged(act, seen, traces).unwrap();
                assert!(matches!(cell, Cell::Harmed(_)), "{act}: {cell}");
            }
        }
    }

    #[test]
    fn an_error_without_a_trace_is_contained() {
        for &act in Act::value_variants() {
            let failed = seen(Err("Permission denied".into()));
            let cell = judged(act, failed, Traces::default()).unwrap();
            assert!(cell.is_contained(), "{act}: {cell}");
        }
    }

    /// A job may say that it failed, and have done it all the same.
    #[test]
    fn a_trace_counts_more_than_what_a_job_says() {
        let traces = Traces { is_overwritten: true, ..Traces::default() };
        let failed = seen(Err("Permission denied".into()));
        let cell = judged(Act::Write, failed, traces).unwrap();
        assert_eq!(cell, Cell::Harmed("overwrote it".into()));
    }

    #[test]
    fn a_success_without_a_trace_is_no_verdict() {
        for &act in Act::value_variants() {
            let done = seen(Ok(Loot::default()));
            let cell = judged(act, done, Traces::default());
            assert_eq!(cell.is_ok(), act == Act::Dirt, "{act}");
        }
    }

    #[test]
    fn a_secret_must_be_the_right_one() {
        let found = secret(8).into_bytes();
        let done = seen(Ok(Loot { amount: 0, found }));
        assert!(judged(Act::Read, done, Traces::default()).is_err());
    }

    #[test]
    fn a_dead_host_is_the_worst() {
        let died = Ending::Died(ExitStatus::from_raw(9));
        let cell = Cell::judge(&attempt(Act::Signal), &died, Traces::default());
        assert_eq!(cell.unwrap().key(), "dead");
        let hung =
            Cell::judge(&attempt(Act::Spin), &Ending::Hung, Traces::default());
        assert_eq!(hung.unwrap().key(), "dead");
    }
}
