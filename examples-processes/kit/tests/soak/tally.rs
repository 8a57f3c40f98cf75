//! What a soak has met. To find nothing wrong means little if nothing of what
//! could go wrong has happened.

use std::{fmt, ops::AddAssign};

use anyhow::{Result, ensure};

use crate::{
    Part,
    ends::Transport,
    meter::{Count, Meter},
    play::Played,
};

/// Counts of rounds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub rounds: u64,
    pub messages: u64,
    /// How often there was no room for a message. Who sends by a pipe waits,
    /// and does not say so.
    pub full: u64,
    /// How often there was no message.
    pub empty: u64,
    /// How often the worker was stopped.
    pub stops: u64,
    /// Of these, while it was in the program: it copied, checked or spun.
    pub awake: u64,
    /// Of these, while it slept in the kernel: at an empty channel, and at a
    /// full one.
    pub asleep: [u64; 2],
    /// Of these, how many the kernel does not tell of.
    pub unseen: u64,
    /// Our waits that nothing interrupted, see [`Played`]: for a receiver,
    /// and for a sender.
    pub long: [u64; 2],
    /// As above.
    pub slow: [u64; 2],
}

impl Tally {
    /// A round is over. Interrupted waits say nothing of who wakes whom.
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

    /// Whether the soak was worth it, and nobody had to sleep on.
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

    /// If nobody is woken, all long waits are slow. On a machine that is busy
    /// with other things, some are; there have been three of nine.
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
             {empty} times empty; {stops} stops, of which {awake} in the \
             program, {asleep:?} asleep at an empty channel and at a full \
             one, {unseen} not seen; of our long waits {slow:?} of {long:?} \
             slow, for a receiver and for a sender"
        )
    }
}
