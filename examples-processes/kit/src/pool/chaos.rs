//! Faults on purpose: workers of a [`Pool`](crate::Pool) that are killed at
//! the worst moments, by a seed.
//!
//! Each worker is doomed when it is started: to die by SIGKILL as it starts,
//! at one of three moments, or at one of its deliveries, at one of five. The
//! supervisor knows the seed too, so it can tell a death that was planned from
//! one that is the job's own fault, and counts no attempt against the job. It
//! gets no other help: what it sees of a death is what it would see of any.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    thread,
    time::Duration,
};

use common::input::Input;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::retry_on_intr,
    process::{Signal, getpid, kill_process},
};
use serde::{Deserialize, Serialize};

use crate::start::child::Child;

/// Which faults, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chaos {
    /// The same seed dooms the same workers to the same deaths.
    pub seed: u64,
    /// How many deliveries a worker lives to see, on average.
    pub life: u32,
}

/// When a worker dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// The program is started, and was not told how to begin.
    BeforeHello,
    /// It knows how to begin, and has not said that it is ready.
    BeforeReady,
    /// A part of that is said.
    MidReady,
    /// A job is there, and not a byte of it is read.
    BeforeRead,
    /// A part of the job is read.
    MidRead,
    /// The job is being done.
    MidWork,
    /// A part of the answer is written.
    MidWrite,
    /// The answer is written.
    AfterWrite,
}

/// All moments, in their order.
pub const MOMENTS: [Moment; 8] = [
    Moment::BeforeHello,
    Moment::BeforeReady,
    Moment::MidReady,
    Moment::BeforeRead,
    Moment::MidRead,
    Moment::MidWork,
    Moment::MidWrite,
    Moment::AfterWrite,
];

/// What is in store for one worker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Doom {
    /// At which of its deliveries, from 0; at none, if it dies as it starts.
    pub(crate) delivery: Option<u64>,
    moment: Moment,
    /// How far into that moment, in 0 ≤ x < 1.
    within: f64,
}

/// The longest that a worker may go on after its work was begun. Work that
/// is shorter ends, and no answer is sent.
const LONGEST_WORK: Duration = Duration::from_micros(400);

impl Chaos {
    /// Some, by this seed: one delivery in ten ends in a death.
    pub fn new(seed: u64) -> Self {
        Chaos { seed, life: 10 }
    }

    /// What is in store for the worker that was started as number `serial`.
    pub(crate) fn doom(self, serial: u64) -> Doom {
        let mut input = Input::new(self.seed, serial);
        let delivery = input.below(self.life.saturating_mul(2)).into();
        let moment = MOMENTS[input.below(MOMENTS.len() as u32) as usize];
        Doom {
            delivery: (moment >= Moment::BeforeRead).then_some(delivery),
            moment,
            within: input.uniform(),
        }
    }
}

impl Doom {
    /// Whether a worker is dead by it that was sent so many jobs.
    pub(crate) fn is_met(&self, delivered: u64) -> bool {
        self.delivery.is_none_or(|delivery| delivered > delivery)
    }

    /// Where a worker is started: this is done by its supervisor. In half of
    /// the cases the hello finds it dead; in the others it is dying.
    pub(crate) fn before_hello(&self, child: &Child) -> anyhow::Result<()> {
        if self.moment == Moment::BeforeHello {
            child.kill()?;
            if self.within < 0.5 {
                child.wait_for_death()?;
            }
        }
        Ok(())
    }

    /// Where a job is about to be read.
    pub(crate) fn before_work(&self, socket: &UnixStream) -> io::Result<()> {
        match self.moment {
            Moment::BeforeRead => {
                wait(socket)?;
                die()
            }
            Moment::MidRead => {
                wait(socket)?;
                let mut part = vec![0; 1 + (self.within * 12.0) as usize];
                let _ = (&*socket).read(&mut part);
                die()
            }
            _ => Ok(()),
        }
    }

    /// Where the work begins.
    pub(crate) fn in_work(&self) -> io::Result<()> {
        if self.moment == Moment::MidWork {
            let moment = LONGEST_WORK.mul_f64(self.within);
            let assassin = move || {
                thread::sleep(moment);
                die()
            };
            thread::Builder::new().spawn(assassin)?;
        }
        Ok(())
    }

    /// Where a report is about to be written.
    pub(crate) fn last_words(
        &self,
        frame: &[u8],
        mut socket: &UnixStream,
    ) -> io::Result<()> {
        let part = (self.within * frame.len() as f64) as usize;
        match self.moment {
            Moment::MidReady | Moment::MidWrite => {
                socket.write_all(&frame[..part])?;
            }
            Moment::AfterWrite => socket.write_all(frame)?,
            _ => {}
        }
        die()
    }
}

/// For a job, or for the pool to let go: then it dies with nothing to lose.
fn wait(socket: &UnixStream) -> io::Result<()> {
    let mut ends = [PollFd::new(socket, PollFlags::IN)];
    retry_on_intr(|| poll(&mut ends, None))?;
    Ok(())
}

fn die() -> ! {
    // An error is impossible: everybody may kill themselves.
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        thread::park();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn all_moments_come_up_at_deliveries_of_all_ages() {
        let chaos = Chaos { seed: 1, life: 10 };
        let mut moments = BTreeMap::new();
        let (mut ages, mut starts) = (Vec::new(), 0);
        for serial in 0..8000 {
            let doom = chaos.doom(serial);
            *moments.entry(doom.moment).or_insert(0) += 1;
            match doom.delivery {
                Some(delivery) => ages.push(delivery),
                None => starts += 1,
            }
        }
        for moment in MOMENTS {
            assert!((900..1100).contains(&moments[&moment]), "{moments:?}");
        }
        let at_starts = MOMENTS[..3].iter().map(|moment| moments[moment]);
        assert_eq!(starts, at_starts.sum::<i32>());
        assert!(ages.iter().all(|age| *age < 20));
        let mean = ages.iter().sum::<u64>() as f64 / ages.len() as f64;
        assert!((9.0..10.0).contains(&mean), "{mean}");
    }
}
