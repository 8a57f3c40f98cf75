//! A lock that tells nobody that its holder died, and is not given back: who
//! comes next waits for ever. Only the supervisor sees that, as a watchdog.

use std::{
    mem::ManuallyDrop,
    sync::{Mutex, PoisonError},
};

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::crash::{Answer, Hold, Ledger, Plan, Seen},
};

use crate::{Job, Sacrifice, supervisor::supervise};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Seen> {
    supervise(plan, laps, |is_heir| Ok(vec![Sacrifice::new(plan, is_heir)])) // threads: with the ledger
}

pub fn worker(all: Sacrifice) -> Result<Answer> {
    let ledger = &Mutex::new(all.ledger()); // threads: dies with this process
    let survivors = all.spawn_and_join(|job| {
        make_all(job, ledger); // threads: borrowed
        Ok(())
    })?;
    let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    let report = Some(ledger.report());
    Ok(Answer { survivors, report })
}

/// The lock is given back by hand, as in C: who dies does not come to that.
fn make_all(job: &mut Job, ledger: &Mutex<Ledger>) {
    let lock = || ledger.lock().unwrap_or_else(PoisonError::into_inner); // threads: never poisoned
    let made = lock().made(job.index);
    for (number, transfer) in job.plan.transfers(job.index, made) {
        job.victim.outlive_at(number);
        let mut ledger = ManuallyDrop::new(lock());
        ledger.begin(job.index, transfer);
        ledger.debit(transfer);
        job.victim.die_at(number, Hold::PlainLock, || ledger.last_words());
        ledger.credit(transfer);
        ledger.finish();
        drop(ManuallyDrop::into_inner(ledger));
    }
}
