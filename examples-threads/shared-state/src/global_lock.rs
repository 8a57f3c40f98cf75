//! A GIL: only the worker that holds the lock runs, for one turn at a time.
//!
//! It guards the interpreter, not the program's data. Only one worker runs at
//! a time, so two cores do no more than one. Updates can still be lost: a
//! loaded value is stale if the worker's turn ends before it stores.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use anyhow::Result;
use common::{laps::Laps, scenarios::shared_state::Plan};
use thread_kit::{GlobalLock, Held, Parent};

use crate::{
    Ledger,
    racy::{Account, accounts, totals},
    spawn_and_join,
};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(Vec<i64>, Option<u64>)> {
    let ledger = accounts(&plan.opening());
    // threads: all workers take turns with one lock.
    let lock = GlobalLock::new(plan.switch_interval);
    let shared = Ledger::GlobalLock(&ledger, &lock);
    spawn_and_join(plan, shared, laps, |_| Ok(()))?;
    Ok(totals(&ledger))
}

pub fn worker(
    plan: &Plan,
    ledger: &[Account],
    lock: &GlobalLock,
    parent: &Parent,
) -> Result<()> {
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
