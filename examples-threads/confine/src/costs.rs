//! What it costs to confine a worker.

use std::{io, os::fd::AsFd as _, sync::Arc};

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::confine::{Bill, Clock, Costs, Target, Task},
};
use thread_kit::scope;

use crate::hired::Hired;

/// Starts workers in turn: for nothing, and for a job each; in between, one
/// that stays does the same job.
pub fn measure(bill: Bill) -> Result<Costs> {
    let (mut laps, mut clock) = (Laps::begin(), Clock::default());
    let target = Target::default();
    // No job here uses what it is lent.
    let lent = Arc::new(io::stderr().as_fd().try_clone_to_owned()?);
    scope(|scope| {
        let Bill { variant, without, .. } = bill;
        let hire =
            || Hired::spawn(scope, variant, without, &target, &lent, false);
        let mut worker = hire()?;
        laps.started();
        clock.called(&worker.ask(Task::Calls(Clock::CALLS))?)?;
        for _ in 0..bill.starts {
            clock.start(|| hire()?.join().map(drop))?;
            clock.warm(|| worker.ask(bill.good_job())?.good())?;
            clock.fresh(|| {
                let mut fresh = hire()?;
                let good = fresh.ask(bill.good_job())?.good()?;
                fresh.join()?;
                Ok(good)
            })?;
        }
        laps.worked(&worker.ids());
        worker.join()
    })?;
    laps.stopped();
    clock.costs(bill, laps)
}
