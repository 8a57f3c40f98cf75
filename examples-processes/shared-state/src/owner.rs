//! No sharing: the parent owns the ledger, the workers send it transfers.
//!
//! Sending each transfer by itself would cost far more than making it, so
//! they are sent in batches.

use std::io::{PipeReader, PipeWriter, Read as _, Write as _, pipe};

use anyhow::{Context as _, Result, ensure};
use bytemuck::Zeroable as _;
use common::{
    laps::Laps,
    scenarios::shared_state::{Plan, Transfer},
};
use process_kit::Parent;

use crate::{Ledger, spawn_and_join};

/// Transfers per batch: 4092 bytes. All workers write to one pipe, and the
/// kernel writes up to 4096 bytes atomically (PIPE_BUF, pipe(7)).
const BATCH: usize = 341;

/// Batches in flight: as many as a pipe has room for, on both sides.
const QUEUE: usize = 16;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let mut balances = plan.opening();
    let (receiver, sender) = pipe()?;
    let shared = Ledger::Owner(sender);
    spawn_and_join(plan, shared, laps, |_| own(&mut balances, receiver))?;
    Ok(balances)
}

pub fn worker(
    plan: &Plan,
    mut owner: &PipeWriter,
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
        owner.write_all(bytemuck::cast_slice(&batch))?;
    }
}

/// Makes every transfer it receives, until the last sender is gone.
fn own(balances: &mut [i64], mut receiver: PipeReader) -> Result<()> {
    let mut batches = vec![Transfer::zeroed(); BATCH * QUEUE];
    loop {
        let bytes = receiver.read(bytemuck::cast_slice_mut(&mut batches))?;
        ensure!(bytes % size_of::<Transfer>() == 0, "a transfer was torn");
        if bytes == 0 {
            return Ok(());
        }
        for transfer in &batches[..bytes / size_of::<Transfer>()] {
            make(transfer, balances)
                .with_context(|| format!("no such account: {transfer:?}"))?;
        }
    }
}

// processes: a transfer arrives as bytes, so its accounts are checked.
fn make(transfer: &Transfer, balances: &mut [i64]) -> Option<()> {
    *balances.get_mut(transfer.from as usize)? -= i64::from(transfer.amount);
    *balances.get_mut(transfer.to as usize)? += i64::from(transfer.amount);
    Some(())
}
