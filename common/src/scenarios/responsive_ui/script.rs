//! The users of an invisible screen: scripts that press keys by the clock.

use std::{
    collections::VecDeque,
    fmt,
    slice::from_ref,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    message::Value,
    session::{Inputs, Timed},
    state::{Ending, Input, State},
};
use crate::{input::Input as Draw, latency::Latencies};

/// The time between two keys; a fast typist takes ten times as long. So a query
/// of a second is typed through with a hundred keys, and their 99th percentile
/// is not simply the slowest.
const BETWEEN_KEYS: Duration = Duration::from_millis(10);

/// No machine is so busy that a query of one row takes this long, or the end of
/// a cancelled one.
const PATIENCE: Duration = Duration::from_secs(60);

/// Typed after the query, which it does not change.
const COMMENT: &str = " -- are you still there?";

/// A query that ends at once, with a row that identifies it.
fn probe(number: i64) -> String {
    format!("SELECT {number} AS probe")
}

/// Starts the query in the line, types until it is done, and leaves.
///
/// The clock is open-loop: each key is due at its time, whether or not the
/// previous one was served. So if keys are not served for a second, a hundred
/// of them record the delay, not just one.
#[derive(Debug)]
pub struct Typist {
    begun: Instant,
    pressed: u32,
    letters: std::iter::Cycle<std::str::Chars<'static>>,
}

impl Typist {
    /// Starts now.
    pub fn new() -> Self {
        let letters = COMMENT.chars().cycle();
        Typist { begun: Instant::now(), pressed: 0, letters }
    }
}

impl Default for Typist {
    fn default() -> Self {
        Self::new()
    }
}

impl Inputs for Typist {
    fn next(
        &mut self,
        screen: &State,
        patience: Duration,
    ) -> Result<Option<Timed>> {
        let due = self.begun + self.pressed * BETWEEN_KEYS;
        let left = due.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            sleep(left.min(patience));
        }
        if Instant::now() < due {
            return Ok(None);
        }
        let has_seen_the_end = self.pressed > 0 && !screen.is_running();
        let code = match (self.pressed, self.letters.next()) {
            (0, _) => KeyCode::Enter,
            _ if has_seen_the_end && !left.is_zero() => KeyCode::F(10),
            (_, letter) => KeyCode::Char(letter.unwrap_or(' ')),
        };
        self.pressed += 1;
        Ok(Some(Timed { input: key(code), due }))
    }
}

/// Cancels queries one after another, each at a different moment, and asks
/// something else right away, which must be answered.
#[derive(Debug)]
pub struct Canceller {
    left: u32,
    endless: String,
    moments: Draw,
    stage: Stage,
    hands: VecDeque<Input>,
    /// From Escape to the frame with the answer to the next query.
    pub to_usable: Latencies,
    /// How many queries were really cancelled.
    pub cancelled: u32,
}

/// What the canceller waits for.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// For the next query.
    Idle,
    /// For the moment to cancel it.
    Moment(Instant),
    /// For its end. It was cancelled at this time.
    Gone(Instant),
    /// For the answer to the probe.
    Probe(Instant),
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Stage::Idle | Stage::Moment(_) => "a query",
            Stage::Gone(_) => "a query that was cancelled",
            Stage::Probe(_) => "a query of one row, after a cancel,",
        })
    }
}

impl Canceller {
    /// Cancels `count` queries, most of them this one, which never ends by
    /// itself: so a lost cancel does not go unnoticed.
    pub fn new(count: u32, endless: &str, seed: u64) -> Self {
        Canceller {
            left: count,
            endless: endless.into(),
            moments: Draw::new(seed, 0),
            stage: Stage::Idle,
            hands: VecDeque::new(),
            to_usable: Latencies::new(),
            cancelled: 0,
        }
    }

    /// Replaces the line and runs the query.
    fn type_in(&mut self, sql: String) {
        let clear = KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL);
        let paste = Input::Paste(sql);
        self.hands.extend([Input::Key(clear), paste, key(KeyCode::Enter)]);
    }

    fn look(&mut self, screen: &State) -> Result<()> {
        let now = Instant::now();
        self.stage = match self.stage {
            Stage::Idle if self.left == 0 => {
                self.hands.push_back(key(KeyCode::F(10)));
                Stage::Idle
            }
            Stage::Idle => self.start(now),
            Stage::Moment(moment) if moment <= now => {
                self.hands.push_back(key(KeyCode::Esc));
                Stage::Gone(now)
            }
            Stage::Gone(since) if !screen.is_running() => {
                self.note(screen)?;
                self.type_in(probe(i64::from(self.left)));
                Stage::Probe(since)
            }
            Stage::Probe(since) if !screen.is_running() => {
                self.check(screen)?;
                self.to_usable.record(since.elapsed());
                self.left -= 1;
                Stage::Idle
            }
            Stage::Gone(since) | Stage::Probe(since)
                if since.elapsed() > PATIENCE =>
            {
                bail!(
                    "{} has not ended after {} s",
                    self.stage,
                    PATIENCE.as_secs()
                )
            }
            waiting => waiting,
        };
        Ok(())
    }

    /// A third is cancelled before its first step, a third is a short query
    /// that may be over already, and a third is cancelled halfway.
    fn start(&mut self, now: Instant) -> Stage {
        let within = Duration::from_millis(5);
        let (sql, wait) = match self.left % 3 {
            0 => (self.endless.clone(), Duration::ZERO),
            1 => (probe(-1), Duration::ZERO),
            _ => (self.endless.clone(), within.mul_f64(self.moments.uniform())),
        };
        self.type_in(sql);
        Stage::Moment(now + wait)
    }

    /// The query was cancelled, unless it was over before.
    fn note(&mut self, screen: &State) -> Result<()> {
        for run in &screen.runs {
            match &run.ended {
                Some((_, Ending::Cancelled)) => self.cancelled += 1,
                Some((_, Ending::Done)) => {
                    ensure!(self.left % 3 == 1, "a cancel was lost");
                }
                Some((_, failed)) => bail!("a cancelled query {failed}"),
                None => {}
            }
        }
        Ok(())
    }

    fn check(&self, screen: &State) -> Result<()> {
        let expected = Value::Integer(self.left.into());
        for run in &screen.runs {
            if let Some((_, ending)) = &run.ended {
                let is_done = ending == &Ending::Done;
                ensure!(is_done, "the query after a cancel {ending}");
            }
            let count = run.count;
            ensure!(count == 1, "after a cancel, got {count} rows, expected 1");
        }
        for row in &screen.rows {
            let found: Vec<_> = row.iter().map(Value::to_string).collect();
            let found = found.join(", ");
            ensure!(
                row == from_ref(&expected),
                "after a cancel, got {found}, expected {expected}"
            );
        }
        Ok(())
    }
}

impl Inputs for Canceller {
    fn next(
        &mut self,
        screen: &State,
        patience: Duration,
    ) -> Result<Option<Timed>> {
        if self.hands.is_empty() {
            self.look(screen)?;
        }
        let Some(input) = self.hands.pop_front() else {
            let until = match self.stage {
                Stage::Moment(moment) => {
                    moment.saturating_duration_since(Instant::now())
                }
                _ => patience,
            };
            sleep(until.min(patience));
            return Ok(None);
        };
        Ok(Some(Timed { input, due: Instant::now() }))
    }
}

fn key(code: KeyCode) -> Input {
    Input::Key(KeyEvent::from(code))
}
