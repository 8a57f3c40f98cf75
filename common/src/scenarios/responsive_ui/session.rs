//! The loop of the screen: keys in, news in, a frame out.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use anyhow::Result;
use ratatui::{Terminal, backend::Backend};

use super::{
    database::Database,
    state::{Action, Input, State},
    view::view,
};
use crate::latency::Latencies;
pub use crate::scenarios::FRAME;

/// How long to wait for a key while news may arrive. To wait for both at once,
/// it would have to know what a sibling waits on.
const NAP: Duration = Duration::from_millis(2);

/// How long news may delay keys, however many arrive.
const LONGEST_READ: Duration = Duration::from_millis(4);

/// The user: a person or a script.
pub trait Inputs {
    /// The next input, if there is one within `patience`. It gets the state as
    /// a person would see it on the screen.
    ///
    /// # Errors
    ///
    /// Fails if the keyboard is gone.
    fn next(
        &mut self,
        screen: &State,
        patience: Duration,
    ) -> Result<Option<Timed>>;
}

/// An input and the time it was due: it counts from then, whether or not
/// anybody had time for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed {
    /// The input.
    pub input: Input,
    /// When it was due.
    pub due: Instant,
}

/// The delays that a person would have felt.
#[derive(Debug)]
pub struct Felt {
    /// From when an input was due until a frame with it was drawn.
    pub input_to_frame: Latencies,
    /// The times between frames.
    pub gaps: Latencies,
    /// The longest of these.
    pub longest_gap: Duration,
    /// The number of frames drawn.
    pub frames: u64,
    /// The time the screen spent on taking over news from databases.
    pub taking: Duration,
}

/// Runs the program until the user leaves: the delays they felt, and the
/// signal, if one ended it.
///
/// # Errors
///
/// Fails if the terminal is gone, or if no database worker is available.
pub fn session<B, D>(
    terminal: &mut Terminal<B>,
    state: &mut State,
    inputs: &mut impl Inputs,
    databases: &mut [D],
) -> Result<(Felt, Option<i32>)>
where
    B: Backend<Error: Error + Send + Sync + 'static>,
    D: Database,
{
    let mut frames = Frames::new();
    let mut served = Vec::new();
    loop {
        let mut patience = frames.left();
        if state.is_running() {
            patience = patience.min(NAP);
        }
        while let Some(Timed { input, due }) = inputs.next(state, patience)? {
            served.push(due);
            patience = Duration::ZERO;
            match state.take_in(input) {
                Some(Action::Leave(signal)) => {
                    return Ok((frames.felt, signal));
                }
                Some(action) => act(action, databases)?,
                None => {}
            }
        }
        let ended = frames.take(state, databases)?;
        if ended || !served.is_empty() || frames.left().is_zero() {
            terminal.draw(|frame| view(frame, state))?;
            state.drawn_after(frames.drawn(served.drain(..)));
        }
    }
}

fn act(action: Action, databases: &mut [impl Database]) -> Result<()> {
    match action {
        Action::Ask(queries) => {
            for (database, query) in databases.iter_mut().zip(queries) {
                database.ask(query)?;
            }
        }
        Action::Cancel(queries) => {
            for database in databases {
                queries.iter().for_each(|&query| database.cancel(query));
            }
        }
        Action::Leave(_) => {}
    }
    Ok(())
}

/// The clock of the frames.
struct Frames {
    last: Instant,
    felt: Felt,
}

impl Frames {
    fn new() -> Self {
        let felt = Felt {
            input_to_frame: Latencies::new(),
            gaps: Latencies::new(),
            longest_gap: Duration::ZERO,
            frames: 0,
            taking: Duration::ZERO,
        };
        Frames { last: Instant::now(), felt }
    }

    /// The time until the next frame is due.
    fn left(&self) -> Duration {
        FRAME.saturating_sub(self.last.elapsed())
    }

    /// Takes over the available news, but only for so long that keys do not
    /// wait. Returns whether that ended a query, which deserves a frame at
    /// once.
    fn take<D: Database>(
        &mut self,
        state: &mut State,
        databases: &mut [D],
    ) -> Result<bool> {
        let was_running = state.is_running();
        let begun = Instant::now();
        let mut is_more = true;
        while is_more && begun.elapsed() < LONGEST_READ {
            is_more = false;
            for database in &mut *databases {
                let before = Instant::now();
                let event = database.next()?;
                self.felt.taking += before.elapsed();
                is_more |= event.is_some();
                event.into_iter().for_each(|event| state.take_over(event));
            }
        }
        Ok(was_running && !state.is_running())
    }

    /// Records a frame that shows the inputs of `due`, and returns the time
    /// since the previous frame.
    fn drawn(&mut self, due: impl Iterator<Item = Instant>) -> Duration {
        let now = Instant::now();
        for due in due {
            self.felt.input_to_frame.record(now - due);
        }
        let gap = now - self.last;
        self.last = now;
        self.felt.gaps.record(gap);
        self.felt.longest_gap = self.felt.longest_gap.max(gap);
        self.felt.frames += 1;
        gap
    }
}
