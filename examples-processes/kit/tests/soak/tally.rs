//! What a soak test has met. Finding no fault means little if nothing happened
//! that could cause one.

use std::{fmt, ops::AddAssign};

use anyhow::{Result, ensure};

use crate::{
    Part,
    ends::Transport,
    meter::{Count, Meter},
    play::Played,
};

/// Counts over all rounds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub rounds: u64,
    pub messages: u64,
    /// How often there was no room for a message. The sender of a pipe waits
    /// and does not report it.
    pub full: u64,
    /// How often there was no message.
    pub empty: u64,
    /// How often the worker was stopped.
    pub stops: u64,
    /// Of these, while it was running in user space: it copied, checked or
    /// spun.
    pub awake: u64,
    /// Of these, while it slept in the kernel: at an empty channel, and at a
    /// full one.
    pub asleep: [u64; 2],
    /// Of these, the ones that the kernel did not report.
    pub unseen: u64,
    /// Our uninterrupted waits, see [`Played`]: of a receiver, and of a sender.
    pub long: [u64; 2],
    /// As above.
    pub slow: [u64; 2],
}

impl Tally {
    /// Adds a round. Interrupted waits show nothing about who wakes whom.
    pub fn add_round(&mut self, part: &Part, meter: &Meter, played: &Played) {
        self.rounds += 1;
        self.messages += meter.get(Count::Received);
        self.full += meter.get(Count::Full);
        self.empty += meter.get(Count::Empty);
        if !part.is_ours_interrupted() {
            self.long[usize::from(part.sends)] += played.long;
            self.slow[usize::from(part.sends)] += played.slow;
        }
    }

    /// Checks that the test met enough, and that every sleeper was woken.
    pub fn check(&self, transport: Transport) -> Result<()> {
        let is_pipe = transport == Transport::Pipe;
        ensure!(is_pipe || self.full > 0, "it was never full: {self}");
        ensure!(self.empty > 0, "it was never empty: {self}");
        if transport.parks() {
            ensure!(self.are_woken(), "nobody is woken: {self}");
        }
        if transport.parks() || is_pipe {
            let is_hit = self.asleep.iter().all(|&stops| stops > 0);
            ensure!(is_hit || self.unseen > 0, "none was asleep: {self}");
        }
        Ok(())
    }

    /// If no sleeper is woken, all long waits are slow. On a machine that is
    /// busy with other things, some are; three of nine have been seen.
    fn are_woken(&self) -> bool {
        let mut waits = self.slow.iter().zip(self.long);
        waits.all(|(slow, long)| slow * 4 <= long * 3)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.rounds += other.rounds;
        self.messages += other.messages;
        self.full += other.full;
        self.empty += other.empty;
        self.stops += other.stops;
        self.awake += other.awake;
        self.unseen += other.unseen;
        for side in [0, 1] {
            self.asleep[side] += other.asleep[side];
            self.long[side] += other.long[side];
            self.slow[side] += other.slow[side];
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { rounds, messages, full, empty, stops, .. } = self;
        let Tally { awake, asleep, unseen, long, slow, .. } = self;
        write!(
            formatter,
            "{rounds} rounds, {messages} messages, {full} times full, \
             {empty} times empty; {stops} stops: {awake} in user space, \
             {asleep:?} asleep at an [empty, full] channel, {unseen} not \
             seen; our slow waits {slow:?} of our long waits {long:?}, as \
             [receiver, sender]"
        )
    }
}
