//! What it costs to confine a worker.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Bill, Good, Report};
use crate::laps::Laps;

/// The costs of one variant: medians.
#[derive(Debug)]
pub struct Costs {
    /// What was measured.
    pub bill: Bill,
    /// Seconds for a worker that does nothing, from its spawn until it is gone.
    pub start: f64,
    /// Seconds for a system call.
    pub call: f64,
    /// Seconds for a job of a worker that is there.
    pub warm: f64,
    /// Seconds for a job with a worker of its own.
    pub fresh: f64,
    /// Seconds for a job in a copy of a worker, where there are copies.
    pub forked: Option<f64>,
    /// The answer of the jobs.
    pub answer: u64,
    /// The time that all this took.
    pub laps: Laps,
}

/// Takes the times while the workers of a bill come and go.
#[derive(Debug, Default)]
pub struct Clock {
    starts: Vec<Duration>,
    fresh: Vec<Duration>,
    warm: Vec<Duration>,
    forked: Vec<Duration>,
    call: Option<f64>,
    answer: Option<u64>,
}

impl Clock {
    /// System calls in one measurement.
    pub const CALLS: u32 = 20_000;

    /// Times a worker that does nothing.
    ///
    /// # Errors
    ///
    /// Fails if `start` does.
    pub fn start(&mut self, start: impl FnOnce() -> Result<()>) -> Result<()> {
        let begin = Instant::now();
        start()?;
        self.starts.push(begin.elapsed());
        Ok(())
    }

    /// Times a good job, with a worker of its own.
    ///
    /// # Errors
    ///
    /// Fails if `job` does, or if its answer is another one than before.
    pub fn fresh(&mut self, job: impl FnOnce() -> Result<Good>) -> Result<()> {
        let time = self.time(job)?;
        self.fresh.push(time);
        Ok(())
    }

    /// Times a good job of a worker that is there.
    ///
    /// # Errors
    ///
    /// As [`fresh`](Clock::fresh).
    pub fn warm(&mut self, job: impl FnOnce() -> Result<Good>) -> Result<()> {
        let time = self.time(job)?;
        self.warm.push(time);
        Ok(())
    }

    /// Times a good job in a copy of a worker.
    ///
    /// # Errors
    ///
    /// As [`fresh`](Clock::fresh).
    pub fn forked(&mut self, job: impl FnOnce() -> Result<Good>) -> Result<()> {
        let time = self.time(job)?;
        self.forked.push(time);
        Ok(())
    }

    /// Notes the time of a system call, which the worker has taken.
    ///
    /// # Errors
    ///
    /// Fails if this is not what the worker was asked for.
    pub fn called(&mut self, report: &Report) -> Result<()> {
        let Report::Calls(seconds) = report else {
            anyhow::bail!("not the time of a system call: {report:?}");
        };
        self.call = Some(*seconds);
        Ok(())
    }

    /// The costs.
    ///
    /// # Errors
    ///
    /// Fails if something was not measured.
    pub fn costs(mut self, bill: Bill, laps: Laps) -> Result<Costs> {
        let (Some(call), Some(answer)) = (self.call, self.answer) else {
            anyhow::bail!("{}: something was not measured", bill.name());
        };
        Ok(Costs {
            bill,
            start: median(&mut self.starts)?,
            call,
            warm: median(&mut self.warm)?,
            fresh: median(&mut self.fresh)?,
            forked: median(&mut self.forked).ok(),
            answer,
            laps,
        })
    }

    fn time(&mut self, job: impl FnOnce() -> Result<Good>) -> Result<Duration> {
        let begin = Instant::now();
        let good = job()?;
        let time = begin.elapsed();
        let first = *self.answer.get_or_insert(good.answer);
        ensure!(first == good.answer, "the same job has two answers");
        Ok(time)
    }
}

/// The upper median.
fn median(times: &mut [Duration]) -> Result<f64> {
    ensure!(!times.is_empty(), "nothing was timed");
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64())
}
