//! No sharing: the parent owns the ledger, the workers send it transfers.
//!
//! Sending each transfer by itself would cost far more than making it, so
//! they are sent in batches.

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::shared_state::{Plan, Transfer},
};
use crossbeam::channel::{Receiver, Sender, bounded};
use thread_kit::Parent;

use crate::{Ledger, spawn_and_join};

/// Transfers per batch: as many as a pipe takes in one piece, on both sides.
const BATCH: usize = 341;

/// Batches in flight: as many as a pipe has room for, on both sides.
const QUEUE: usize = 16;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let mut balances = plan.opening();
    let (sender, receiver) = bounded(QUEUE);
    let shared = Ledger::Owner(sender);
    spawn_and_join(plan, shared, laps, |_| own(&mut balances, receiver))?;
    Ok(balances)
}

pub fn worker(
    plan: &Plan,
    owner: &Sender<Vec<Transfer>>,
    parent: &Parent,
) -> Result<()> {
    let transfers = plan.transfers(parent.index);
    parent.gate.wait()?;
    let mut transfers = transfers.iter();
    loop {
        let batch: Vec<_> = transfers.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(());
        }
        owner.send(batch)?;
    }
}

/// Makes every transfer it receives, until the last sender is gone.
fn own(balances: &mut [i64], receiver: Receiver<Vec<Transfer>>) -> Result<()> {
    for batch in receiver {
        for transfer in &batch {
            make(transfer, balances);
        }
    }
    Ok(())
}

// threads: a transfer arrives as a value, so its accounts exist.
fn make(transfer: &Transfer, balances: &mut [i64]) {
    balances[transfer.from as usize] -= i64::from(transfer.amount);
    balances[transfer.to as usize] += i64::from(transfer.amount);
}
