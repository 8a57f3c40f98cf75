//! The sessions of one run: one with a person, or those of the script.

use std::process::exit;

use anyhow::{Result, ensure};
use ratatui::{Terminal, backend::TestBackend};

use super::{
    Database, NoWorker, Plan, Walk,
    screen::Screen,
    script::{Canceller, Typist},
    session::{Felt, session},
    state::{Ending, Run, State},
};
use crate::{latency::Quantiles, outcome::Model};

/// The size of most terminals when they open.
const SIZE: (u16, u16) = (80, 24);

/// The results of all sessions.
#[derive(Debug, Default)]
pub struct Record {
    /// The session without a worker.
    pub no_worker: Option<Session>,
    /// The session with workers.
    pub worker: Option<Session>,
    /// From Escape to the next answer.
    pub cancels: Option<Quantiles>,
    /// How many queries were cancelled before they ended.
    pub cancelled: u32,
}

/// The result of one session.
#[derive(Debug)]
pub struct Session {
    /// The delays that a person would have felt.
    pub felt: Felt,
    /// The last queries.
    pub runs: Vec<Run>,
}

/// Runs the program with a person at the terminal, or with the script.
///
/// # Errors
///
/// Fails if a query of the script goes wrong, or if the terminal or a worker is
/// gone.
pub fn perform(
    model: Model,
    plan: &Plan,
    databases: &mut [impl Database],
) -> Result<Record> {
    let mut here: Vec<_> = (0..plan.at_once).map(|_| NoWorker::new()).collect();
    let mut record = Record::default();
    if plan.is_interactive {
        return if plan.no_worker {
            converse(plan, "no worker", &mut here)
        } else {
            converse(plan, &model.to_string(), databases)
        };
    }
    record.no_worker = Some(typing(plan, "no worker", &mut here)?);
    if !plan.no_worker {
        record.worker = Some(typing(plan, &model.to_string(), databases)?);
        (record.cancels, record.cancelled) = cancelling(plan, databases)?;
    }
    Ok(record)
}

fn converse(
    plan: &Plan,
    title: &str,
    databases: &mut [impl Database],
) -> Result<Record> {
    let mut state = plan.state(title);
    let mut screen = Screen::enter()?;
    let Screen { terminal, person } = &mut screen;
    let (felt, signal) = session(terminal, &mut state, person, databases)?;
    drop(screen);
    if let Some(signal) = signal {
        // As everywhere: whatever must not outlive this program is tied to it.
        exit(128 + signal);
    }
    let session = Some(Session { felt, runs: state.runs });
    Ok(if plan.no_worker {
        Record { no_worker: session, ..Record::default() }
    } else {
        Record { worker: session, ..Record::default() }
    })
}

/// The script's query, with keys all along.
fn typing(
    plan: &Plan,
    title: &str,
    databases: &mut [impl Database],
) -> Result<Session> {
    let mut state = plan.state(title);
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1))?;
    let mut typist = Typist::new();
    let (felt, _) = session(&mut terminal, &mut state, &mut typist, databases)?;
    for Run { ended, .. } in &state.runs {
        let ending = ended.as_ref().map(|(_, ending)| ending);
        ensure!(
            ending == Some(&Ending::Done),
            "{title}: the script's query {}",
            ending.unwrap_or(&Ending::Cancelled)
        );
    }
    Ok(Session { felt, runs: state.runs })
}

fn cancelling(
    plan: &Plan,
    databases: &mut [impl Database],
) -> Result<(Option<Quantiles>, u32)> {
    let mut state = plan.state("cancels");
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1))?;
    let endless = Walk { steps: i64::MAX as u64, ..plan.walk.clone() };
    let (sql, seed) = (endless.sql(), plan.walk.seed);
    let mut canceller = Canceller::new(plan.cancels, &sql, seed);
    session(&mut terminal, &mut state, &mut canceller, databases)?;
    let quantiles = canceller.to_usable.quantiles();
    Ok(((quantiles.count > 0).then_some(quantiles), canceller.cancelled))
}

impl Plan {
    fn state(&self, title: &str) -> State {
        let Plan { databases, at_once, .. } = self;
        State::new(title.into(), databases, *at_once, self.examples())
    }
}
