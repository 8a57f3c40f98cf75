//! No sharing: one owns the ledger, the others send it their transfers.
//!
//! Sent one by one, a transfer would cost far more than it is worth; so they
//! travel in batches, as letters do.

use std::io::{PipeReader, PipeWriter, Read as _, Write as _, pipe};

use anyhow::{Context as _, Result, ensure};
use bytemuck::Zeroable as _;
use common::{
    laps::Laps,
    scenarios::shared_state::{Plan, Transfer},
};
use process_kit::Parent;

use crate::{Ledger, spawn_and_join};

/// Transfers in a batch: 4092 bytes. All workers write to one pipe, and the
/// kernel keeps up to 4096 bytes of one write together (PIPE_BUF, pipe(7)).
const BATCH: usize = 341;

/// Batches on their way: as many as a pipe holds, on both sides.
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

/// Makes every transfer that comes, until the last sender is gone.
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
                .with_context(|| format!("{transfer:?} is impossible"))?;
        }
    }
}

// processes: bytes came, so nobody knows that the accounts are there.
fn make(transfer: &Transfer, balances: &mut [i64]) -> Option<()> {
    *balances.get_mut(transfer.from as usize)? -= i64::from(transfer.amount);
    *balances.get_mut(transfer.to as usize)? += i64::from(transfer.amount);
    Some(())
}
