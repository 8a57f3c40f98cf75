//! No lock: one worker owns the ledger, the others send it their transfers. A
//! dead sender leaves nothing half done, because it never touched the ledger.
//!
//! Its heir does not know what had arrived, and need not: it sends everything
//! again, and the owner skips the transfers that it has already made.

use std::{
    io::{PipeReader, PipeWriter, Read as _, Write as _, pipe},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use anyhow::{Result, ensure};
use bytemuck::Zeroable as _;
use common::scenarios::crash::{
    Answer, Hold, LastWords, Ledger, Order, Victim,
};
use rustix::pipe::fcntl_setpipe_size;

use crate::{Access, Crew, Job, spawn_and_join};

/// Orders in flight: as many as fit into a page, on both sides. Few, so that
/// they do not hide how soon the next transfer is made.
const QUEUE: usize = 204;

/// How many orders have been sent, for the last words.
// processes: each worker has its own count.
static SENT: AtomicU64 = AtomicU64::new(0);

pub fn run(crew: &mut Crew) -> Result<Answer> {
    let (orders, sender) = pipe()?;
    fcntl_setpipe_size(&sender, QUEUE * size_of::<Order>())?;
    let mut ends = Vec::new();
    for _ in 0..crew.plan.workers {
        ends.push(Access::Sender(sender.try_clone()?));
    }
    drop(sender);
    ends.push(Access::Owner(orders));
    spawn_and_join(crew, ends)
}

/// Sends all transfers.
pub fn worker(job: &Job, mut victim: Victim, owner: &PipeWriter) -> Result<()> {
    for (number, transfer) in job.plan.transfers(job.index, 0) {
        victim.outlive_at(number);
        victim.die_at(number, Hold::Message, || {
            let words = LastWords::now(SENT.load(Relaxed));
            let _ = send(owner, Order::farewell(job.index));
            words
        });
        send(owner, Order::new(job.index, number, transfer))?;
    }
    Ok(())
}

fn send(mut owner: &PipeWriter, order: Order) -> Result<()> {
    SENT.fetch_add(1, Relaxed);
    owner.write_all(bytemuck::bytes_of(&order))?;
    Ok(())
}

/// Makes every transfer it receives, until all are made.
pub fn own(job: &Job, mut orders: &PipeReader) -> Result<Answer> {
    let mut ledger = Ledger::first(job.is_anew);
    let mut batch = [Order::zeroed(); QUEUE];
    while !ledger.is_complete(&job.plan) {
        let bytes = orders.read(bytemuck::cast_slice_mut(&mut batch))?;
        ensure!(bytes > 0 && bytes % size_of::<Order>() == 0, "torn order");
        for order in &batch[..bytes / size_of::<Order>()] {
            // processes: an order arrives as bytes, so it is checked.
            ensure!(order.is_possible(&job.plan), "invalid order: {order:?}");
            ledger.make(*order);
        }
    }
    Ok(Answer { survivors: 0, report: Some(ledger.report()) })
}
