//! No sharing: one owns the ledger, the others send it their transfers.
//!
//! Sent one by one, a transfer would cost far more than it is worth; so they
//! travel in batches, as letters do.

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::shared_state::{Plan, Transfer},
};
use crossbeam::channel::{self, Receiver, Sender};

use crate::{Job, spawn_and_join};

/// Transfers in a batch: as many as a pipe takes in one piece, on both sides.
const BATCH: usize = 341;

/// Batches on their way: as many as a pipe holds, on both sides.
const QUEUE: usize = 16;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let mut balances = plan.opening();
    let (sender, receiver) = channel::bounded(QUEUE);
    let work = move |job: &Job| worker(job, &sender); // threads: a clone each
    spawn_and_join(plan, laps, work, || own(&mut balances, receiver))?;
    Ok(balances)
}

fn worker(job: &Job, sender: &Sender<Vec<Transfer>>) -> Result<()> {
    // threads: shared
    let transfers = job.plan.transfers(job.index);
    job.gate.wait();
    let mut transfers = transfers.iter();
    loop {
        let batch: Vec<_> = transfers.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(());
        }
        sender.send(batch)?; // threads: moved
    }
}

/// Makes every transfer that comes, until the last sender is gone.
fn own(balances: &mut [i64], receiver: Receiver<Vec<Transfer>>) -> Result<()> {
    for batch in receiver {
        for transfer in &batch {
            make(transfer, balances); // threads: typed, so right
        }
    }
    Ok(())
}

fn make(transfer: &Transfer, balances: &mut [i64]) {
    balances[transfer.from as usize] -= i64::from(transfer.amount); // threads: it fits
    balances[transfer.to as usize] += i64::from(transfer.amount);
}
