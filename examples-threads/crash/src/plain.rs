//! A lock that is neither released nor poisoned when its holder dies: the next
//! worker that wants it waits forever. Only the supervisor notices, with its
//! watchdog.

use std::{
    iter::repeat_n,
    mem::ManuallyDrop,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use common::scenarios::crash::{Answer, Hold, Ledger, Victim};

use crate::{Access, Crew, Job, spawn_and_join};

pub fn run(crew: &mut Crew) -> Result<Answer> {
    let ledger = Mutex::new(crew.ledger());
    let ledgers = repeat_n(&ledger, crew.plan.workers);
    let answer = spawn_and_join(crew, ledgers.map(Access::PlainLock))?;
    let report = Some(lock(&ledger).report());
    Ok(Answer { report, ..answer })
}

/// Releases the lock by hand, as in C: a worker that dies never does.
pub fn worker(job: &Job, mut victim: Victim, ledger: &Mutex<Ledger>) {
    let made = lock(ledger).made(job.index);
    for (number, transfer) in job.plan.transfers(job.index, made) {
        victim.outlive_at(number);
        let mut ledger = ManuallyDrop::new(lock(ledger));
        ledger.begin(job.index, transfer);
        ledger.debit(transfer);
        victim.die_at(number, Hold::PlainLock, || ledger.last_words());
        ledger.credit(transfer);
        ledger.finish();
        drop(ManuallyDrop::into_inner(ledger));
    }
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
