//! What a child process needs with std alone: an owner and a role.
//!
//! It has no twin: a thread needs no owner to reap it, and its closure
//! carries the job as it is.

use std::{env, process::Child};

use anyhow::{Result, ensure};
use common::scenarios::shared_state::{Plan, Variant};

/// A child that does not outlive its owner. Without this, an early `?` would
/// leave a running process behind, and later a zombie.
pub struct Owned(pub Child);

impl Owned {
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits for the child and reaps it.
    pub fn join(mut self) -> Result<()> {
        let status = self.0.wait()?;
        ensure!(status.success(), "a worker failed: {status}");
        Ok(())
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // An error means that the child was already reaped.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The first argument of a worker.
pub const ROLE: &str = "by-hand-worker";

/// The job is passed as text, in the arguments.
pub fn arguments(plan: &Plan, index: usize) -> [String; 5] {
    let Plan { accounts, transfers, workers, seed, .. } = plan;
    [
        accounts.to_string(),
        transfers.to_string(),
        workers.to_string(),
        seed.to_string(),
        index.to_string(),
    ]
}

/// The plan and the worker's index, if this process is such a worker.
pub fn role() -> Option<(Plan, usize)> {
    let mut texts = env::args().skip(1);
    if texts.next()? != ROLE {
        return None;
    }
    let plan = Plan {
        variant: Variant::ByHand,
        accounts: texts.next()?.parse().ok()?,
        transfers: texts.next()?.parse().ok()?,
        workers: texts.next()?.parse().ok()?,
        seed: texts.next()?.parse().ok()?,
        switch_interval: Default::default(),
    };
    Some((plan, texts.next()?.parse().ok()?))
}
