//! What an end does: it sends or receives one message after another until the
//! other end is gone, and pauses now and then.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use common::input::Input;

use crate::{
    ends::{Attempt, End, Receiving, Sending, Step},
    message::Flow,
    meter::{Count, Meter},
    support::DEADLINE,
};

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(2);

/// The longest time between pauses.
const LONGEST_RUN: Duration = Duration::from_millis(8);

/// A wait of this length means that the other end was stopped, paused, or
/// asleep.
const LONG: Duration = Duration::from_millis(1);

/// No stop and no pause lasts this long. It is half of the time after which a
/// sleeper that nothing wakes checks by itself.
const SLOW: Duration = Duration::from_millis(10);

/// One end at work.
#[derive(Debug)]
pub struct Player<'a> {
    flow: Flow,
    meter: &'a Meter,
    pace: Pace,
    played: Played,
}

/// What an end has seen by the time the other is gone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Played {
    /// Whether the last message was cut off.
    pub is_cut: bool,
    /// Waits longer than [`LONG`].
    pub long: u64,
    /// Waits longer than [`SLOW`].
    pub slow: u64,
}

/// Sends or receives messages until the other end is gone.
///
/// # Errors
///
/// Fails if a message is lost, duplicated or torn, if nothing moves for too
/// long, or if the end cannot be used.
pub fn play(end: End, flow: Flow, meter: &Meter) -> Result<Played> {
    let pace = Pace::new(flow.seed, matches!(end, End::Sends(_)));
    let mut player = Player { flow, meter, pace, played: Played::default() };
    match end {
        End::Sends(mut end) => player.send_all(&mut end)?,
        End::Receives(mut end) => player.receive_all(&mut end)?,
    }
    Ok(player.played)
}

impl Player<'_> {
    fn send_all(&mut self, end: &mut Sending) -> Result<()> {
        for number in 1.. {
            let (message, meter) = (self.flow.message(number), self.meter);
            let step = self.wait(number, Count::Full, |patience, pace| {
                end.send(&message, meter, patience, pace)
            })?;
            if let Step::Gone { .. } = step {
                break;
            }
            self.meter.add(Count::Sent);
            self.pace.keep();
        }
        Ok(())
    }

    fn receive_all(&mut self, end: &mut Receiving) -> Result<()> {
        for number in 1.. {
            let step = self.wait(number, Count::Empty, |patience, pace| {
                end.receive(patience, pace)
            })?;
            match step {
                Step::Done(message) => self.flow.check(number, &message)?,
                Step::Gone { is_cut } => {
                    self.played.is_cut = is_cut;
                    break;
                }
            }
            self.meter.add(Count::Received);
            self.pace.keep();
        }
        let then = end.receive(DEADLINE, &mut self.pace)?;
        let is_end = matches!(then, Some(Step::Gone { is_cut: false }));
        ensure!(is_end, "after the end came something else");
        Ok(())
    }

    /// Every other message is first tried with zero patience: an attempt that
    /// is too early must change nothing.
    fn wait<T>(
        &mut self,
        number: u64,
        count: Count,
        mut attempt: impl FnMut(Duration, &mut Pace) -> Attempt<T>,
    ) -> Result<Step<T>> {
        let start = self.pace.clock();
        if number.is_multiple_of(2) {
            if let Some(step) = attempt(Duration::ZERO, &mut self.pace)? {
                return Ok(step);
            }
            self.meter.add(count);
        }
        let step = attempt(DEADLINE, &mut self.pace)?;
        if let Some(Step::Done(_)) = step {
            self.played.note(self.pace.clock() - start);
        }
        step.with_context(|| format!("no message {number} in {DEADLINE:?}"))
    }
}

impl Played {
    fn note(&mut self, waited: Duration) {
        self.long += u64::from(waited > LONG);
        self.slow += u64::from(waited > SLOW);
    }
}

/// Makes an end pause now and then, so that the other drains or fills the
/// channel.
#[derive(Debug)]
pub struct Pace {
    input: Input,
    start: Instant,
    next: Instant,
    paused: Duration,
}

impl Pace {
    fn new(seed: u64, sends: bool) -> Self {
        let input = Input::new(seed, sends.into());
        let start = Instant::now();
        Pace { input, start, next: start, paused: Duration::ZERO }
    }

    /// Pauses if it is time.
    pub fn keep(&mut self) {
        let start = Instant::now();
        if start >= self.next {
            thread::sleep(up_to(LONGEST_PAUSE, &mut self.input));
            self.paused += start.elapsed();
            let run = up_to(LONGEST_RUN, &mut self.input);
            self.next = Instant::now() + run;
        }
    }

    /// The time spent working and waiting, without pauses.
    fn clock(&self) -> Duration {
        self.start.elapsed() - self.paused
    }
}

/// A random time from zero to `most`.
pub fn up_to(most: Duration, input: &mut Input) -> Duration {
    most.mul_f64(input.uniform())
}
