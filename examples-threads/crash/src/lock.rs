//! A lock that tells whoever takes it next that its holder died, so that the
//! ledger can be repaired.

use std::sync::{Mutex, MutexGuard};

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
    let report = Some(repaired(ledger).report());
    Ok(Answer { survivors, report })
}

/// Makes the transfers that are left.
fn make_all(job: &mut Job, ledger: &Mutex<Ledger>) {
    let made = repaired(ledger).made(job.index);
    for (number, transfer) in job.plan.transfers(job.index, made) {
        job.victim.outlive_at(number);
        let victim = &mut job.victim;
        victim.die_at(number, Hold::Nothing, || repaired(ledger).last_words());
        let mut ledger = repaired(ledger);
        ledger.begin(job.index, transfer);
        ledger.debit(transfer);
        victim.die_at(number, Hold::Lock, || ledger.last_words());
        ledger.credit(transfer);
        ledger.finish();
        drop(ledger);
    }
}

/// Takes the lock. Poison says that its holder died; the journal knows of
/// what, and the ledger is made whole before anyone sees it.
fn repaired(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(|poisoned| {
        let mut guard = poisoned.into_inner();
        guard.repair();
        ledger.clear_poison();
        guard
    })
}
