//! A lock that tells nobody that its holder died, and is not given back: who
//! comes next waits for ever. Only the supervisor sees that, as a watchdog.

use std::mem::ManuallyDrop;

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::crash::{Answer, Hold, Ledger, Plan, Seen},
};
use process_kit::{PlainMutex, Segment};

use crate::{Job, supervisor::supervise};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Seen> {
    let opening =
        Segment::<[PlainMutex<Ledger>]>::create(&[Ledger::opening()])?; // processes: named
    let anew = Segment::<[PlainMutex<Ledger>]>::create(&[Ledger::anew()])?; // processes: never locked yet
    let seen = supervise(plan, laps, |is_heir| {
        let ledger = if is_heir { &anew } else { &opening };
        Ok(Job::each(plan, is_heir, ledger.name())) // processes: by name
    })?;
    let report = anew[0].lock().report(); // processes: the other is lost
    Ok(Seen { report, ..seen })
}

pub fn worker(mut job: Job) -> Result<Answer> {
    let ledger = Segment::<[PlainMutex<Ledger>]>::open(&job.ledger)?; // processes: mapped
    job.gate.wait()?;
    make_all(&mut job, &ledger[0]);
    Ok(job.answer(None))
}

/// The lock is given back by hand, as in C: who dies does not come to that.
fn make_all(job: &mut Job, ledger: &PlainMutex<Ledger>) {
    let lock = || ledger.lock(); // processes: never poisoned
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
