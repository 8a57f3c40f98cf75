//! No sharing: one owns the ledger, the others send it their transfers.
//!
//! Sent one by one, a transfer would cost far more than it is worth; so they
//! travel in batches, as letters do.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};

use anyhow::{Context as _, Result, ensure};
use bytemuck::Zeroable as _;
use common::{
    laps::Laps,
    scenarios::shared_state::{Plan, Transfer},
};
use process_kit::Parent;

use crate::{Job, spawn_and_join};

/// Transfers in a batch: 4092 bytes. All workers write to one pipe, and the
/// kernel keeps up to 4096 bytes of one write together (PIPE_BUF, pipe(7)).
const BATCH: usize = 341;

/// Batches on their way: as many as a pipe holds, on both sides.
const QUEUE: usize = 16;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let mut balances = plan.opening();
    let (receiver, sender) = io::pipe()?;
    let mut jobs = Vec::new();
    for index in 0..plan.workers {
        let sender = Some(sender.try_clone()?);
        jobs.push(Job { sender, ..Job::new(plan, index, "") });
    }
    drop(sender); // processes: or the pipe never ends
    spawn_and_join(jobs, laps, || own(&mut balances, receiver))?;
    Ok(balances)
}

pub fn worker(job: &Job, parent: &mut Parent) -> Result<()> {
    let mut sender = PipeWriter::from(parent.take_descriptor()?);
    let transfers = job.plan.transfers(job.index);
    parent.gate.wait()?;
    let mut transfers = transfers.iter();
    loop {
        let batch: Vec<_> = transfers.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(());
        }
        sender.write_all(bytemuck::cast_slice(&batch))?; // processes: copied
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

/// Bytes of another process are checked before they are used.
fn make(transfer: &Transfer, balances: &mut [i64]) -> Option<()> {
    *balances.get_mut(transfer.from as usize)? -= i64::from(transfer.amount);
    *balances.get_mut(transfer.to as usize)? += i64::from(transfer.amount);
    Some(())
}
