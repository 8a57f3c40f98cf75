//! A program that is alive, and is asked for one slice after the other: see
//! [`common::slices`].

use std::{process::Command, time::Duration};

use common::{resources, slices::VERSION};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::{
    child::{Ending, Program},
    document::NoOutcome,
    refusal::Reason,
};

/// So much CPU time between two slices is more than a program needs to go to
/// sleep: it did something, at the cost of the one whose turn it was.
const AWAKE: f64 = 20e-3;

/// A program between two slices. Dropped, it is killed.
pub struct Living {
    program: Program,
    /// What it had used of the CPU when it had answered. None if it has not
    /// been asked yet, or the kernel does not tell.
    used: Option<f64>,
}

/// What it has to say, one a line.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    /// It waits for the first request, by this version of the protocol.
    Ready(u32),
    /// What came of a slice.
    Outcome(Box<RawValue>),
    /// Why nothing did.
    Error(String),
}

/// Why a program cannot go on, and what it wrote to stderr.
type End = (Reason, String);

impl Living {
    /// Starts a program, and waits until it is ready to be asked.
    ///
    /// # Errors
    ///
    /// Fails with the reason if it never is.
    pub fn start(
        command: &mut Command,
        patience: Duration,
    ) -> Result<Self, End> {
        let started = Program::start(command);
        let program = started.map_err(|it| (it.into(), String::new()))?;
        let mut living = Living { program, used: None };
        match living.answer(patience) {
            Ok(Answer::Ready(VERSION)) => Ok(living),
            Ok(_) => Err(living.last_words(Reason::NotReady)),
            Err(reason) => Err(living.last_words(reason)),
        }
    }

    /// The outcome of one slice, as it was printed.
    ///
    /// # Errors
    ///
    /// Fails with the reason if there is none, or if the program has done
    /// anything since the last slice.
    pub fn ask(
        &mut self,
        flags: &[String],
        patience: Duration,
    ) -> Result<Box<RawValue>, Reason> {
        self.check_that_it_slept()?;
        if self.program.has_printed()? {
            return Err(Reason::MoreThanAsked);
        }
        self.program.tell(&format!("{}\n", json!(flags)))?;
        let answer = self.answer(patience)?;
        self.used = resources::cpu_of(self.program.id());
        match answer {
            Answer::Outcome(document) => Ok(document),
            Answer::Error(words) => Err(Reason::Said(words)),
            Answer::Ready(_) => Err(Reason::NotReady),
        }
    }

    fn answer(&mut self, patience: Duration) -> Result<Answer, Reason> {
        match self.program.wait_for_line(patience)? {
            Ending::Line => Ok(read(&self.program.take_line())?),
            Ending::Ended => Err(Reason::Gone(None)),
            Ending::Deadline => Err(Reason::Deadline(patience)),
            Ending::Flood => Err(Reason::Flood),
        }
    }

    fn check_that_it_slept(&self) -> Result<(), Reason> {
        let now = resources::cpu_of(self.program.id());
        match now.zip(self.used).map(|(now, before)| now - before) {
            Some(used) if used > AWAKE => Err(Reason::Awake(used)),
            _ => Ok(()),
        }
    }

    /// Ends it, because it did wrong, which may be that it has crashed.
    pub fn last_words(self, reason: Reason) -> End {
        match self.program.report(Ending::Ended) {
            Err(error) => (error.into(), String::new()),
            Ok(report) => {
                let stderr = String::from_utf8_lossy(&report.stderr);
                let reason = match reason {
                    Reason::Gone(_) => Reason::Gone(Some(report.status)),
                    other => other,
                };
                (reason, stderr.into_owned())
            }
        }
    }

    /// Lets it end, which must be in order too.
    ///
    /// # Errors
    ///
    /// Fails with the reason if it is not.
    pub fn finish(self, patience: Duration) -> Result<(), End> {
        self.check_that_it_slept().map_err(|it| (it, String::new()))?;
        let report = match self.program.finish(patience) {
            Ok(report) => report,
            Err(error) => return Err((error.into(), String::new())),
        };
        let stderr = String::from_utf8_lossy(&report.stderr).into_owned();
        let reason = match report.ending {
            Ending::Deadline => Reason::Deadline(patience),
            Ending::Flood => Reason::Flood,
            _ if !report.status.success() => Reason::Failed(report.status),
            _ if report.left_behind => Reason::LeftBehind,
            _ if !report.stdout.is_empty() => Reason::MoreThanAsked,
            _ => return Ok(()),
        };
        Err((reason, stderr))
    }
}

fn read(line: &[u8]) -> Result<Answer, NoOutcome> {
    match serde_json::from_slice(line) {
        Ok(answer) => Ok(answer),
        Err(error) if error.is_data() => Err(NoOutcome::Malformed(error)),
        Err(error) => Err(NoOutcome::NotJson(error)),
    }
}
