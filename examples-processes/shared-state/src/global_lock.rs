//! A GIL: only the worker that holds the lock runs, for one turn at a time.
//!
//! It guards the interpreter, not the program's data. Each process has its own
//! interpreter and so its own lock, which no other process wants. So processes
//! use all cores, and the data that they share is as unguarded as ever.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use anyhow::Result;
use common::{laps::Laps, scenarios::shared_state::Plan};
use process_kit::Parent;
use thread_kit::{GlobalLock, Held};

use crate::{
    Ledger,
    racy::{Account, accounts, totals},
    spawn_and_join,
};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(Vec<i64>, Option<u64>)> {
    let ledger = accounts(&plan.opening())?;
    let shared = Ledger::GlobalLock(ledger.clone());
    spawn_and_join(plan, shared, laps, |_| Ok(()))?;
    Ok(totals(&ledger))
}

pub fn worker(plan: &Plan, ledger: &[Account], parent: &Parent) -> Result<()> {
    // processes: each has its own lock, and no other process wants it.
    let lock = GlobalLock::new(plan.switch_interval);
    let transfers = plan.transfers(parent.index);
    parent.gate.wait()?;
    let mut held = lock.take();
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

/// A turn may end between load and store, as it may after any call in an
/// interpreter.
fn add(number: &AtomicI64, amount: i64, held: &mut Held<'_>) {
    let before = number.load(Relaxed);
    held.checkpoint();
    number.store(before + amount, Relaxed);
    held.checkpoint();
}
