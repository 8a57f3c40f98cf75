//! No sharing: one owns the ledger, the others send it their transfers.
//!
//! Sent one by one, a transfer would cost far more than it is worth; so they
//! travel in batches, as letters do.

use anyhow::Result;
use common::{
    gate::Gate,
    laps::Laps,
    scenarios::shared_state::{Plan, Transfer},
};
use crossbeam::channel::{self, Receiver, Sender};

use crate::spawn_and_join;

/// Transfers in a batch: as many as a pipe takes in one piece, on both sides.
const BATCH: usize = 341;

/// Batches on their way: as many as a pipe holds, on both sides.
const QUEUE: usize = 16;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let mut balances = plan.opening();
    let (sender, receiver) = channel::bounded(QUEUE);
    let senders = vec![sender; plan.workers];
    let job =
        |(index, sender)| move |gate: &Gate| worker(plan, index, gate, sender);
    let jobs = senders.into_iter().enumerate().map(job).collect();
    spawn_and_join(jobs, laps, || own(&mut balances, receiver))?;
    Ok(balances)
}

fn worker(
    plan: &Plan,
    index: usize,
    gate: &Gate,
    sender: Sender<Vec<Transfer>>,
) -> Result<()> {
    let transfers = plan.transfers(index);
    gate.wait();
    let mut transfers = transfers.iter();
    loop {
        let batch: Vec<_> = transfers.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(());
        }
        sender.send(batch)?;
    }
}

/// Makes every transfer that comes, until the last sender is gone.
fn own(balances: &mut [i64], receiver: Receiver<Vec<Transfer>>) -> Result<()> {
    for batch in receiver {
        for transfer in batch {
            balances[transfer.from as usize] -= i64::from(transfer.amount);
            balances[transfer.to as usize] += i64::from(transfer.amount);
        }
    }
    Ok(())
}
