//! The partition with std alone: what the kit's scope does for the others.
//!
//! A worker is spawned, waits at the gate, is released, sends its answer,
//! stays parked while its memory is measured, and is joined.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, Builder, Scope, ScopedJoinHandle},
};

use anyhow::{Context as _, Result, anyhow};
use common::{
    laps::Laps,
    scenarios::shared_state::{Plan, Sums, write_global},
};

use crate::partition::{merge, sum};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    thread::scope(|scope| {
        spawn_and_join(plan, laps, |index| Worker::spawn(scope, plan, index))
    })
}

fn spawn_and_join<'scope>(
    plan: &Plan,
    laps: &mut Laps,
    spawn: impl Fn(usize) -> Result<Worker<'scope>>,
) -> Result<Vec<i64>> {
    let mut balances = plan.opening();
    let mut workers = Vec::new();
    for index in 0..plan.workers {
        workers.push(spawn(index)?);
    }
    for worker in &mut workers {
        worker.wait_until_it_stands()?;
    }
    laps.started();
    for worker in &mut workers {
        worker.release()?;
    }
    for worker in &mut workers {
        merge(&mut balances, &worker.wait_for_answer()?);
    }
    laps.worked(&[]);
    for worker in workers {
        worker.join()?;
    }
    Ok(balances)
}

/// A worker as its parent sees it.
// threads: if the parent gives up, it drops its ends of the channels, and the
// worker returns when it next uses one. A thread cannot be killed.
struct Worker<'scope> {
    thread: ScopedJoinHandle<'scope, Result<()>>,
    gate: Sender<()>,
    answer: Receiver<Sums>,
}

impl<'scope> Worker<'scope> {
    fn spawn(
        scope: &'scope Scope<'scope, '_>,
        plan: &'scope Plan,
        index: usize,
    ) -> Result<Self> {
        let (gate, opened) = channel();
        let (answers, answer) = channel();
        let work = move || worker(plan, index, &opened, &answers);
        let thread = Builder::new()
            .spawn_scoped(scope, work)
            .context("cannot start a worker")?;
        Ok(Worker { thread, gate, answer })
    }

    fn wait_until_it_stands(&mut self) -> Result<()> {
        self.answer.recv().map(drop).context("a worker exited early")
    }

    fn release(&mut self) -> Result<()> {
        self.gate.send(()).context("a worker exited at the gate")
    }

    fn wait_for_answer(&mut self) -> Result<Sums> {
        self.answer.recv().context("a worker exited before it answered")
    }

    /// Releases the parked worker and joins it.
    fn join(self) -> Result<()> {
        drop(self.gate);
        self.thread.join().map_err(|_| anyhow!("a worker panicked"))?
    }
}

/// The worker's side of this exchange.
fn worker(
    plan: &Plan,
    index: usize,
    gate: &Receiver<()>,
    answer: &Sender<Sums>,
) -> Result<()> {
    write_global();
    let transfers = plan.transfers(index);
    answer.send(Sums::new())?;
    gate.recv()?;
    let sums = sum(plan, &transfers);
    answer.send(sums)?;
    // Parked until the parent closes the gate: nothing more is sent.
    let _ = gate.recv();
    Ok(())
}
