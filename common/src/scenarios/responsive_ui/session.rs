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

/// How long to wait for a key while news may come. A wait for both at once
/// would have to know by what a sibling waits.
const NAP: Duration = Duration::from_millis(2);

/// How long news may keep the screen from keys, however many come.
const LONGEST_READ: Duration = Duration::from_millis(4);

/// Whoever sits before the screen: a person, or a script.
pub trait Inputs {
    /// What is done next, if anything is within so much time. It is handed
    /// the state as the person sees the screen.
    ///
    /// # Errors
    ///
    /// Fails if there is no keyboard any more.
    fn next(
        &mut self,
        screen: &State,
        patience: Duration,
    ) -> Result<Option<Timed>>;
}

/// An input, and when it was due: then it was made, whether or not anybody
/// had time for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed {
    /// What is done.
    pub input: Input,
    /// When.
    pub due: Instant,
}

/// What a person would have felt.
#[derive(Debug)]
pub struct Felt {
    /// From when an input was due to when the frame with it was drawn.
    pub input_to_frame: Latencies,
    /// The times in which nothing was drawn.
    pub gaps: Latencies,
    /// The longest of them.
    pub longest_gap: Duration,
    /// How many frames were drawn.
    pub frames: u64,
    /// What the screen spent on taking over what databases had to say.
    pub taking: Duration,
}

/// Runs the program until someone leaves it: what they felt, and the signal,
/// if that was it.
///
/// # Errors
///
/// Fails if there is no terminal any more, or no database to be had.
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

    /// Until the next is due.
    fn left(&self) -> Duration {
        FRAME.saturating_sub(self.last.elapsed())
    }

    /// Takes over what there is, for so long at most that keys do not wait;
    /// and whether a query ended by it, which is worth a frame at once.
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

    /// A frame was drawn that shows what was due then. How long since the
    /// last one?
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
