//! A lock that reports its holder's death to the next worker that takes it, so
//! that the ledger can be repaired.

use std::{
    iter::repeat_n,
    sync::{Mutex, MutexGuard},
};

use anyhow::Result;
use common::scenarios::crash::{Answer, Hold, Ledger, Victim};

use crate::{Access, Crew, Job, spawn_and_join};

pub fn run(crew: &mut Crew) -> Result<Answer> {
    let ledger = Mutex::new(crew.ledger());
    let ledgers = repeat_n(&ledger, crew.plan.workers);
    let answer = spawn_and_join(crew, ledgers.map(Access::Lock))?;
    let report = Some(repaired(&ledger).report());
    Ok(Answer { report, ..answer })
}

/// Makes the remaining transfers.
pub fn worker(job: &Job, mut victim: Victim, ledger: &Mutex<Ledger>) {
    let made = repaired(ledger).made(job.index);
    for (number, transfer) in job.plan.transfers(job.index, made) {
        victim.outlive_at(number);
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

/// Takes the lock. If it is poisoned, its holder died. The journal records in
/// which transfer, and the ledger is repaired before anyone sees it.
fn repaired(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(|poisoned| {
        let mut guard = poisoned.into_inner();
        guard.repair();
        ledger.clear_poison();
        guard
    })
}
