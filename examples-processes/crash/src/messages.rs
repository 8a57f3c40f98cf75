//! No lock: one owns the ledger, the others send it their transfers. A dead
//! one leaves nothing half made, because it never touched the ledger.
//!
//! What had arrived of it its heir does not know, and need not: it sends all
//! again, and the owner leaves out what it has made.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
};

use anyhow::{Context as _, Result, ensure};
use bytemuck::Zeroable as _;
use common::{
    laps::Laps,
    scenarios::crash::{
        Answer, Hold, LastWords, Ledger, Order, Plan, Report, Seen,
    },
};
use rustix::pipe::fcntl_setpipe_size;

use crate::{Job, supervisor::supervise};

/// Orders on their way: as many as fit into a page, on both sides. Few, so
/// that they do not hide how soon the next one is made.
const QUEUE: usize = 204;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Seen> {
    supervise(plan, laps, |is_heir| {
        let (orders, sender) = io::pipe()?; // processes: a pipe of the kernel
        fcntl_setpipe_size(&sender, QUEUE * size_of::<Order>())?;
        let mut jobs = Job::each(plan, is_heir, "");
        for job in &mut jobs {
            job.pipe = Some(sender.try_clone()?.into()); // processes: lent
        }
        let owner = Job::new(plan, plan.workers, is_heir, ""); // processes: one more
        jobs.push(Job { pipe: Some(orders.into()), ..owner });
        Ok(jobs)
    })
}

pub fn worker(mut job: Job) -> Result<Answer> {
    let mut pipe = File::from(job.pipe.take().context("no pipe")?);
    job.gate.wait()?;
    if job.index == job.plan.workers {
        let report = own(&job.plan, &mut pipe)?; // processes: the owner
        return Ok(job.answer(Some(report)));
    }
    send_all(&mut job, &mut pipe)?;
    Ok(job.answer(None))
}

fn send_all(job: &mut Job, owner: &mut File) -> Result<()> {
    for (number, transfer) in job.plan.transfers(job.index, 0) {
        job.victim.outlive_at(number);
        job.victim.die_at(number, Hold::Message, || {
            let words = LastWords::now(number.into()); // processes: the others go on
            let _ = send(owner, Order::farewell(job.index));
            words
        });
        send(owner, Order::new(job.index, number, transfer))?;
    }
    Ok(())
}

fn send(owner: &mut File, order: Order) -> Result<()> {
    owner.write_all(bytemuck::bytes_of(&order))?; // processes: copied
    Ok(())
}

/// Makes every transfer that comes, until all are made.
fn own(plan: &Plan, orders: &mut File) -> Result<Report> {
    let mut ledger = Ledger::opening();
    let mut batch = [Order::zeroed(); QUEUE];
    while !ledger.is_complete(plan) {
        let bytes = orders.read(bytemuck::cast_slice_mut(&mut batch))?; // processes: copied
        ensure!(bytes > 0 && bytes % size_of::<Order>() == 0, "torn");
        for order in &batch[..bytes / size_of::<Order>()] {
            ensure!(order.is_possible(plan), "{order:?} is impossible"); // processes: bytes, so checked
            ledger.make(*order);
        }
    }
    Ok(ledger.report())
}
