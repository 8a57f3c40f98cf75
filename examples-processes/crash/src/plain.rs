//! A lock that is neither released nor poisoned when its holder dies: the next
//! worker that wants it waits forever. Only the supervisor notices, with its
//! watchdog.

use std::{iter::repeat_n, mem::ManuallyDrop};

use anyhow::Result;
use common::scenarios::crash::{Answer, Hold, Ledger, Victim};
use process_kit::{PlainMutex, PlainMutexGuard, Segment};

use crate::{Access, Crew, Job, spawn_and_join};

pub fn run(crew: &mut Crew) -> Result<Answer> {
    // processes: shared memory outlives the workers, and so does a lost lock
    // in it. Workers that start over use a second ledger.
    let values = [Ledger::opening(), Ledger::anew()];
    let ledger = Segment::<[PlainMutex<Ledger>]>::create(&values)?;
    let ledgers = repeat_n(ledger.clone(), crew.plan.workers);
    let answer = spawn_and_join(crew, ledgers.map(Access::PlainLock))?;
    let report = Some(lock(&ledger[usize::from(crew.seen.hung)]).report());
    Ok(Answer { report, ..answer })
}

/// Releases the lock by hand, as in C: a worker that dies never does.
pub fn worker(job: &Job, mut victim: Victim, ledger: &PlainMutex<Ledger>) {
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

fn lock(ledger: &PlainMutex<Ledger>) -> PlainMutexGuard<'_, Ledger> {
    ledger.lock()
}
