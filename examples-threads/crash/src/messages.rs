//! No lock: one owns the ledger, the others send it their transfers. A dead
//! one leaves nothing half made, because it never touched the ledger.
//!
//! What had arrived of it its heir does not know, and need not: it sends all
//! again, and the owner leaves out what it has made.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

use anyhow::{Result, anyhow};
use common::{
    laps::Laps,
    scenarios::crash::{
        Answer, Hold, LastWords, Ledger, Order, Plan, Report, Seen,
    },
};
use crossbeam::channel::{self, Receiver, Sender};

use crate::{Job, Sacrifice, supervisor::supervise};

/// Orders on their way: as many as fit into a page, on both sides. Few, so
/// that they do not hide how soon the next one is made.
const QUEUE: usize = 204;

/// What all have sent: the victim says it for all, as all are lost.
static SENT: AtomicU64 = AtomicU64::new(0);

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Seen> {
    supervise(plan, laps, |is_heir| Ok(vec![Sacrifice::new(plan, is_heir)])) // threads: with the ledger
}

pub fn worker(all: Sacrifice) -> Result<Answer> {
    let (sender, orders) = channel::bounded(QUEUE); // threads: on the heap
    thread::scope(|scope| {
        let (plan, ledger) = (&all.plan, all.ledger());
        let owner = scope.spawn(move || own(plan, ledger, orders)); // threads: one more
        let work = move |job: &mut Job| send_all(job, &sender);
        let survivors = all.spawn_and_join(work)?;
        let report = owner.join().map_err(|_| anyhow!("the owner panicked"))?;
        Ok(Answer { survivors, report: Some(report) })
    })
}

fn send_all(job: &mut Job, owner: &Sender<Order>) -> Result<()> {
    for (number, transfer) in job.plan.transfers(job.index, 0) {
        job.victim.outlive_at(number);
        job.victim.die_at(number, Hold::Message, || {
            let words = LastWords::now(SENT.load(Relaxed)); // threads: all is lost
            let _ = send(owner, Order::farewell(job.index));
            words
        });
        send(owner, Order::new(job.index, number, transfer))?;
    }
    Ok(())
}

fn send(owner: &Sender<Order>, order: Order) -> Result<()> {
    SENT.fetch_add(1, Relaxed);
    owner.send(order)?; // threads: moved
    Ok(())
}

/// Makes every transfer that comes, until all are made.
fn own(plan: &Plan, mut ledger: Ledger, orders: Receiver<Order>) -> Report {
    for order in orders {
        ledger.make(order); // threads: typed, so right
        if ledger.is_complete(plan) {
            break;
        }
    }
    ledger.report()
}
