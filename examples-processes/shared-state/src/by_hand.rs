//! The partition with std alone: what the kit's scope does for the others.
//!
//! A worker is spawned, waits at the gate, is released, sends its answer,
//! stays parked while its memory is measured, and is joined.

use std::{
    io::{Read as _, Write as _, stdin, stdout},
    process::{ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, Result};
use common::{
    laps::Laps,
    scenarios::shared_state::{Plan, Sums, write_global},
};

use crate::{
    by_hand_child::{Owned, ROLE, arguments},
    partition::{merge, sum},
};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    spawn_and_join(plan, laps, |index| Worker::spawn(plan, index))
}

fn spawn_and_join(
    plan: &Plan,
    laps: &mut Laps,
    spawn: impl Fn(usize) -> Result<Worker>,
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
    let ids: Vec<_> = workers.iter().map(|worker| worker.child.id()).collect();
    laps.worked(&ids);
    for worker in workers {
        worker.join()?;
    }
    Ok(balances)
}

/// A worker as its parent sees it.
// processes: if the parent gives up, it kills the child. If the parent is
// killed, the child finds its stdin closed when it next reads it.
struct Worker {
    child: Owned,
    gate: ChildStdin,
    answer: ChildStdout,
    sums: Sums,
}

impl Worker {
    fn spawn(plan: &Plan, index: usize) -> Result<Self> {
        let mut child = Command::new("/proc/self/exe")
            .arg(ROLE)
            .args(arguments(plan, index))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a worker")?;
        let gate = child.stdin.take().context("stdin is not a pipe")?;
        let answer = child.stdout.take().context("stdout is not a pipe")?;
        let sums = vec![0; plan.accounts as usize];
        let child = Owned(child);
        Ok(Worker { child, gate, answer, sums })
    }

    fn wait_until_it_stands(&mut self) -> Result<()> {
        self.answer.read_exact(&mut [0]).context("a worker exited early")
    }

    fn release(&mut self) -> Result<()> {
        self.gate.write_all(&[0]).context("a worker exited at the gate")
    }

    fn wait_for_answer(&mut self) -> Result<Sums> {
        let bytes = bytemuck::cast_slice_mut(&mut self.sums);
        let read = self.answer.read_exact(bytes);
        read.context("a worker exited before it answered")?;
        Ok(self.sums.clone())
    }

    /// Releases the parked worker and joins it.
    fn join(self) -> Result<()> {
        drop(self.gate);
        self.child.join()
    }
}

/// The worker's side of this exchange.
pub fn worker(plan: &Plan, index: usize) -> Result<()> {
    write_global();
    let (mut gate, mut answer) = (stdin(), stdout());
    let transfers = plan.transfers(index);
    answer.write_all(&[0]).and_then(|()| answer.flush())?;
    gate.read_exact(&mut [0])?;
    let sums = sum(plan, &transfers);
    answer.write_all(bytemuck::cast_slice(&sums))?;
    answer.flush()?;
    // Parked until the parent closes the gate: nothing more is sent.
    let _ = gate.read(&mut [0]);
    Ok(())
}
