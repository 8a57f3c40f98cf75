//! Fault injection: kills workers of a [`Pool`](crate::Pool) at the worst
//! moments, chosen by a seed.
//!
//! Each worker's death by SIGKILL is decided when it is started: either during
//! its start, at one of three moments, or at one of its deliveries, at one of
//! five. The supervisor knows the seed, too, so it can tell a planned death
//! from one that the job caused, and does not charge the job an attempt. It
//! gets no other help: it sees the same of a planned death as of any other.

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

/// Which faults to inject, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chaos {
    /// The same seed gives the same workers the same deaths.
    pub seed: u64,
    /// How many deliveries a worker survives, on average.
    pub life: u32,
}

/// When a worker dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// The program has started and has not been given its setup yet.
    BeforeHello,
    /// It has its setup and has not reported that it is ready.
    BeforeReady,
    /// That report is partly written.
    MidReady,
    /// A job has arrived, and none of it has been read.
    BeforeRead,
    /// The job is partly read.
    MidRead,
    /// The job is running.
    MidWork,
    /// The answer is partly written.
    MidWrite,
    /// The answer is completely written.
    AfterWrite,
}

/// All moments, in order.
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

/// How and when one worker dies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Doom {
    /// At which of its deliveries, from 0; `None` if it dies during its start.
    pub(crate) delivery: Option<u64>,
    moment: Moment,
    /// How far into that moment, with 0 ≤ x < 1.
    within: f64,
}

/// The longest a worker may live after its job has started. If the job finishes
/// sooner, no answer is sent.
const LONGEST_WORK: Duration = Duration::from_micros(400);

impl Chaos {
    /// Faults from this seed: one delivery in ten kills its worker.
    pub fn new(seed: u64) -> Self {
        Chaos { seed, life: 10 }
    }

    /// The fate of the worker that was started as number `serial`.
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
    /// Whether this kills a worker within its first `delivered` jobs.
    pub(crate) fn is_met(&self, delivered: u64) -> bool {
        self.delivery.is_none_or(|delivery| delivered > delivery)
    }

    /// Called by the supervisor where it starts a worker. In half of the cases
    /// the setup arrives at a dead worker, in the others at a dying one.
    pub(crate) fn before_hello(&self, child: &Child) -> anyhow::Result<()> {
        if self.moment == Moment::BeforeHello {
            child.kill()?;
            if self.within < 0.5 {
                child.wait_for_death()?;
            }
        }
        Ok(())
    }

    /// Called before a job is read.
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

    /// Called before the job runs.
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

    /// Called where a report would be written.
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

/// Waits for a job, or for the pool to close the socket: then there is no job
/// to lose.
fn wait(socket: &UnixStream) -> io::Result<()> {
    let mut ends = [PollFd::new(socket, PollFlags::IN)];
    retry_on_intr(|| poll(&mut ends, None))?;
    Ok(())
}

fn die() -> ! {
    // This cannot fail: a process may always kill itself.
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
