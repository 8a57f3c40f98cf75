//! A worker that forks for each job: a clean process, without a new program.
//!
//! It has no twin: there is no copy of a thread. The worker itself is not
//! confined, and does nothing for a job but fork: each copy confines itself.
//! The rejected alternative is copies of a confined worker, which would need
//! what it must not have: the calls to start processes.

use anyhow::{Result, bail};
use common::scenarios::confine::{Bill, Clock, Good, Seen, good_work};
use process_kit::{
    Confinement, JoinHandle, Scope,
    channel::{Receiver, Sender, pipe},
};
use rustix::process::{WaitOptions, wait};
use serde::{Deserialize, Serialize};

use crate::{fork::split, means::confinement, part::Part};

/// What such a worker is given.
#[derive(Serialize, Deserialize)]
pub struct Forking {
    confinement: Option<Confinement>,
    jobs: Receiver<Job>,
    answers: Sender<u64>,
}

/// A good job.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Job {
    seed: u64,
    number: u64,
}

/// Times jobs that such a worker does.
pub fn measure(bill: &Bill, scope: &Scope, clock: &mut Clock) -> Result<()> {
    let (mut jobs, to_do) = pipe()?;
    let (done, mut answers) = pipe()?;
    let confinement = confinement(bill.variant, bill.without);
    let forking = Forking { confinement, jobs: to_do, answers: done };
    let worker: JoinHandle<'_, Option<Seen>> =
        scope.spawn(&Part::Forking(Box::new(forking)))?;
    let job = Job { seed: bill.seed, number: 0 };
    for _ in 0..bill.starts {
        clock.forked(|| {
            jobs.send(&job)?;
            Ok(Good { answer: answers.recv()?, dirt: Vec::new() })
        })?;
    }
    drop(jobs);
    worker.join().map(drop)
}

/// What such a worker does.
pub fn serve(forking: Forking) -> Result<()> {
    let Forking { confinement, jobs, mut answers } = forking;
    for job in jobs {
        answers.send(&perform(confinement.as_ref(), job?)?)?;
    }
    Ok(())
}

/// Does a job in a copy of this process, which is gone afterwards.
fn perform(confinement: Option<&Confinement>, job: Job) -> Result<u64> {
    let (mut done, mut answer) = pipe()?;
    // This process has one thread, so its copy may do what it may.
    if split()? {
        let sent = confined(confinement, job)
            .and_then(|answer| Ok(done.send(&answer)?));
        // SAFETY: a copy runs no handlers and no destructors of the original.
        unsafe { libc::_exit(sent.is_err().into()) };
    }
    drop(done);
    let answer = answer.recv();
    let ended = wait(WaitOptions::empty())?;
    match ended.and_then(|(_, how)| how.exit_status()) {
        Some(0) => Ok(answer?),
        how => bail!("a copy of a worker exits with {how:?}"),
    }
}

fn confined(confinement: Option<&Confinement>, job: Job) -> Result<u64> {
    if let Some(confinement) = confinement {
        // What the kernel lacks was said by the other workers.
        let _held = confinement.apply()?;
    }
    Ok(good_work(job.seed, job.number))
}
