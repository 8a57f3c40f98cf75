//! Load and store apart, and both meet in between: an update is lost each
//! time, and not only now and then.
//!
//! That no update was lost in `racy` shows that nobody was unlucky. This
//! shows that it can happen: each worker has read before any of them writes.

use std::{
    sync::atomic::{
        AtomicI64,
        Ordering::{Relaxed, SeqCst},
    },
    thread::yield_now,
};

use anyhow::Result;
use common::{laps::Laps, scenarios::shared_state::Plan};
use process_kit::Segment;

use crate::{
    Job,
    racy::{Account, totals},
    spawn_and_join,
};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(Vec<i64>, Option<u64>)> {
    let opening = plan.opening().into_iter().chain([0]);
    let accounts: Vec<_> = opening.map(|balance| [balance, 0]).collect();
    let ledger = Segment::<[Account]>::create(&accounts)?; // processes: named
    let jobs = Job::each(plan, ledger.name()); // processes: opened by name
    spawn_and_join(jobs, laps, || Ok(()))?;
    Ok(totals(&ledger[..plan.accounts as usize]))
}

pub fn worker(job: &Job) -> Result<()> {
    let ledger = Segment::<[Account]>::open(&job.ledger)?; // processes: mapped
    let transfers = job.plan.transfers(job.index);
    let ([meeting, _], workers) = (&ledger[2], job.plan.workers as i64);
    job.gate.wait()?;
    let meet = || meet(meeting, workers);
    for transfer in transfers.iter() {
        update(
            &ledger[transfer.from as usize],
            -i64::from(transfer.amount),
            meet,
        );
        update(&ledger[transfer.to as usize], i64::from(transfer.amount), meet);
    }
    Ok(())
}

fn update([balance, updates]: &Account, amount: i64, meet: impl Fn()) {
    let (held, made) = (balance.load(Relaxed), updates.load(Relaxed));
    meet();
    balance.store(held + amount, Relaxed);
    updates.store(made + 1, Relaxed);
    meet();
}

/// Waits until as many have come as there are workers. It is counted on and
/// on, so that nobody who comes to the next meeting is taken for one who is
/// late for this.
fn meet(meeting: &AtomicI64, workers: i64) {
    let place = meeting.fetch_add(1, SeqCst);
    let all_are_here = (place / workers + 1) * workers;
    while meeting.load(SeqCst) < all_are_here {
        yield_now();
    }
}
