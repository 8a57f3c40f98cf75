//! No lock: one worker owns the ledger, the others send it their transfers. A
//! dead sender leaves nothing half done, because it never touched the ledger.
//!
//! Its heir does not know what had arrived, and need not: it sends everything
//! again, and the owner skips the transfers that it has already made.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::{Context as _, Result};
use common::scenarios::crash::{
    Answer, Hold, LastWords, Ledger, Order, Victim,
};
use crossbeam::channel::{Receiver, Sender, bounded};

use crate::{Access, Crew, Job, spawn_and_join};

/// Orders in flight: as many as fit into a page, on both sides. Few, so that
/// they do not hide how soon the next transfer is made.
const QUEUE: usize = 204;

/// How many orders have been sent, for the last words.
// threads: all workers count here: most deaths lose what any of them sent.
static SENT: AtomicU64 = AtomicU64::new(0);

pub fn run(crew: &mut Crew) -> Result<Answer> {
    let (sender, orders) = bounded(QUEUE);
    let mut ends = Vec::new();
    for _ in 0..crew.plan.workers {
        ends.push(Access::Sender(sender.clone()));
    }
    drop(sender);
    ends.push(Access::Owner(orders));
    spawn_and_join(crew, ends)
}

/// Sends all transfers.
pub fn worker(
    job: &Job,
    mut victim: Victim,
    owner: &Sender<Order>,
) -> Result<()> {
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

fn send(owner: &Sender<Order>, order: Order) -> Result<()> {
    SENT.fetch_add(1, Relaxed);
    owner.send(order)?;
    Ok(())
}

/// Makes every transfer it receives, until all are made.
pub fn own(job: &Job, orders: &Receiver<Order>) -> Result<Answer> {
    let mut ledger = Ledger::first(job.is_anew);
    while !ledger.is_complete(&job.plan) {
        let order = orders.recv().context("all senders are gone")?;
        ledger.make(order);
    }
    Ok(Answer { survivors: 0, report: Some(ledger.report()) })
}
