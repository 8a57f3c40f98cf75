//! A GIL: whoever runs holds one lock, and hands it on when its turn is over.
//!
//! It guards the interpreter and not the program's data. One worker runs at
//! a time, so that two cores are worth no more than one; and still what one
//! has loaded is out of date if its turn ends before it stores.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use anyhow::Result;
use common::{aligned::Aligned, laps::Laps, scenarios::shared_state::Plan};
use thread_kit::{GlobalLock, Held};

use crate::{
    Job,
    racy::{Account, totals},
    spawn_and_join,
};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(Vec<i64>, Option<u64>)> {
    let opening = plan.opening().into_iter();
    let accounts: Vec<_> = opening.map(|balance| [balance, 0]).collect();
    let account = |pair: [i64; 2]| pair.map(AtomicI64::new);
    let ledger = &Aligned::new(&accounts, account); // threads: on the heap
    let lock = &GlobalLock::new(plan.switch_interval); // threads: one for all
    let work = |job: &Job| worker(job, ledger, lock); // threads: borrowed
    spawn_and_join(plan, laps, work, || Ok(()))?;
    Ok(totals(ledger))
}

fn worker(job: &Job, ledger: &[Account], lock: &GlobalLock) -> Result<()> {
    // threads: shared
    let transfers = job.plan.transfers(job.index);
    job.gate.wait();
    let mut held = lock.take(); // threads: it waits for its turn
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
