//! A lock that tells whoever takes it next that its holder died, so that the
//! ledger can be repaired.

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::crash::{Answer, Hold, Ledger, Plan, Seen},
};
use process_kit::{Mutex, MutexGuard, Segment};

use crate::{Job, supervisor::supervise};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Seen> {
    let ledger = Segment::<[Mutex<Ledger>]>::create(&[Ledger::opening()])?; // processes: outlives them
    let begin = |is_heir| Ok(Job::each(plan, is_heir, ledger.name())); // processes: by name
    let seen = supervise(plan, laps, begin)?;
    let report = repaired(&ledger[0]).report(); // processes: seen from here
    Ok(Seen { report, ..seen })
}

pub fn worker(mut job: Job) -> Result<Answer> {
    let ledger = Segment::<[Mutex<Ledger>]>::open(&job.ledger)?; // processes: mapped
    job.gate.wait()?;
    make_all(&mut job, &ledger[0]);
    Ok(job.answer(None))
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
