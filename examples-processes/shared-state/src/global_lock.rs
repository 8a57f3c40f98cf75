//! A GIL: whoever runs holds one lock, and hands it on when its turn is over.
//!
//! It guards the interpreter and not the program's data. Each process has an
//! interpreter of its own, and so a lock of its own, for which nobody waits:
//! so processes use all cores; and what they share is as unguarded as ever.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use anyhow::Result;
use common::{laps::Laps, scenarios::shared_state::Plan};
use process_kit::Segment;
use thread_kit::{GlobalLock, Held};

use crate::{
    Job,
    racy::{Account, totals},
    spawn_and_join,
};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(Vec<i64>, Option<u64>)> {
    let opening = plan.opening().into_iter();
    let accounts: Vec<_> = opening.map(|balance| [balance, 0]).collect();
    let ledger = Segment::<[Account]>::create(&accounts)?; // processes: named
    let jobs = Job::each(plan, ledger.name()); // processes: opened by name
    spawn_and_join(jobs, laps, || Ok(()))?;
    Ok(totals(&ledger))
}

pub fn worker(job: &Job) -> Result<()> {
    let ledger = Segment::<[Account]>::open(&job.ledger)?; // processes: mapped
    let lock = GlobalLock::new(job.plan.switch_interval); // processes: one in each
    let transfers = job.plan.transfers(job.index);
    job.gate.wait()?;
    let mut held = lock.take(); // processes: nobody else wants it
    for transfer in transfers.iter() {
        let amount = i64::from(transfer.amount);
        update(&ledger[transfer.from as usize], -amount, &mut held);
        update(&ledger[transfer.to as usize], amount, &mut held);
    }
    Ok(())
}

fn update([balance, updates]: &Account, amount: i64, held: &mut Held<'_>) {
    add(balance, amount, held);
    add(updates, 1, held);
}

/// A turn may end between load and store, as it may after any call of an
/// interpreter's.
fn add(number: &AtomicI64, amount: i64, held: &mut Held<'_>) {
    let before = number.load(Relaxed);
    held.checkpoint();
    number.store(before + amount, Relaxed);
    held.checkpoint();
}
