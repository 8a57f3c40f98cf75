//! A program that stays alive and is asked for one slice after another: see
//! [`common::slices`].

use std::{
    process::Command,
    time::{Duration, Instant},
};

use common::{resources, slices::VERSION};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::run::{
    document::NoOutcome,
    program::child::{Ending, Program},
    refusal::Reason,
};

/// A program that works for this share of all its pauses did so at the expense
/// of the one whose turn it was. Going to sleep takes a smaller share of a
/// pause that is as long as another program's slice; and a program that is
/// always busy gets more than this, even on a machine with other work to do.
const MOST_AWAKE: f64 = 0.25;

/// Less CPU time than this is ignored, in seconds: if all slices are short,
/// going to sleep may take a share of them.
const AWAKE_AT_ALL: f64 = 20e-3;

/// A program between two slices. When dropped, it is killed.
pub struct Living {
    program: Program,
    /// When it last answered, and its CPU time by then. None if it has not been
    /// asked yet, or if the kernel does not report it.
    answered: Option<(Instant, f64)>,
    /// Seconds of all pauses so far, and CPU seconds in them.
    paused: f64,
    awake: f64,
}

/// Its answers, one per line.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    /// It waits for the first request, with this version of the protocol.
    Ready(u32),
    /// The outcome of a slice.
    Outcome(Box<RawValue>),
    /// Why there is none.
    Error(String),
}

/// Why a program cannot continue, and its stderr.
type End = (Reason, String);

impl Living {
    /// Starts a program, and waits until it is ready.
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
        let (answered, paused, awake) = (None, 0.0, 0.0);
        let mut living = Living { program, answered, paused, awake };
        match living.answer(patience) {
            Ok(Answer::Ready(VERSION)) => Ok(living),
            Ok(_) => Err(living.last_words(Reason::NotReady)),
            Err(reason) => Err(living.last_words(reason)),
        }
    }

    /// The outcome of one slice, as printed.
    ///
    /// # Errors
    ///
    /// Fails with the reason if there is none, or if the program has printed
    /// anything since the last slice.
    pub fn ask(
        &mut self,
        flags: &[String],
        patience: Duration,
    ) -> Result<Box<RawValue>, Reason> {
        self.end_pause();
        if self.program.has_printed()? {
            return Err(Reason::MoreThanAsked);
        }
        self.program.tell(&format!("{}\n", json!(flags)))?;
        let answer = self.answer(patience)?;
        let used = resources::cpu_of(self.program.id());
        self.answered = Some(Instant::now()).zip(used);
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

    fn end_pause(&mut self) {
        let used = resources::cpu_of(self.program.id());
        if let Some(((since, before), now)) = self.answered.take().zip(used) {
            self.paused += since.elapsed().as_secs_f64();
            self.awake += now - before;
        }
    }

    fn check_that_it_slept(&self) -> Result<(), Reason> {
        let &Living { paused, awake, .. } = self;
        if awake > AWAKE_AT_ALL && awake > MOST_AWAKE * paused {
            Err(Reason::Awake { awake, paused })
        } else {
            Ok(())
        }
    }

    /// Stops it after a fault, which may be a crash.
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

    /// Lets it exit. Its exit and its pauses must be in order.
    ///
    /// # Errors
    ///
    /// Fails with the reason if not.
    pub fn finish(mut self, patience: Duration) -> Result<(), End> {
        self.end_pause();
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
