//! The host of a worker: a process that is there to be harmed.

use std::os::unix::net::UnixStream;

use anyhow::Result;
use common::scenarios::confine::{Attempt, Inside, Seen, Target, Task};
use process_kit::descriptor;
use serde::{Deserialize, Serialize};
use thread_kit::scope;

use crate::hired::Hired;

/// What a host is asked for.
#[derive(Serialize, Deserialize)]
pub struct Order {
    pub attempt: Attempt,
    /// Whether the good job comes after a hostile one.
    pub hostile: bool,
    pub target: Target,
    /// Holds what an act starts.
    #[serde(with = "descriptor")]
    pub leash: UnixStream,
    /// Whether the worker asks a sibling to act for it.
    pub asks_sibling: bool,
}

/// Gives a worker the hostile job and then a good one, and reports what it
/// sees.
pub fn serve(order: Order) -> Result<Seen> {
    let Order { attempt, hostile, target, leash, asks_sibling } = order;
    let inside = Inside::put(&attempt, &target)?;
    let target = inside.target(&target);
    let lent = inside.lend(attempt.act, leash)?;
    scope(|scope| {
        let hire = || {
            let Attempt { variant, without, .. } = attempt;
            Hired::spawn(scope, variant, without, &target, &lent, asks_sibling)
        };
        let (mut worker, mut tried) = (hire()?, None);
        if hostile {
            tried = Some(worker.ask(Task::Hostile(attempt.act))?.tried()?);
        }
        if attempt.is_fresh() || worker.is_dead() {
            worker.join()?;
            worker = hire()?;
        }
        let next = worker.ask(attempt.good_job())?.good()?;
        let lacking = worker.join()?;
        let (scratch, is_scribbled) =
            (inside.scratch()?, inside.is_scribbled());
        Ok(Seen { tried, next, scratch, is_scribbled, lacking })
    })
}
