//! A warm pool of one worker.

use anyhow::{Context as _, Result};
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
    supervision::Supervision,
};
use process_kit::{Pool, Turn};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    let rules = Supervision { workers: 1, ..Supervision::default() };
    let mut pool = Pool::start(rules)?;
    pool.wait_for_all()?;
    laps.started();
    let starts = measure(plan, |token| start(&mut pool, token))?;
    laps.worked(&pool.ids());
    pool.join()?;
    Ok(starts)
}

fn start(pool: &mut Pool<u64, Stamp>, token: u64) -> Result<Stamp> {
    pool.submit(token);
    Ok(pool.join_next()?.context("the pool has no job")?.result?)
}

/// What the pool's worker does with every job.
pub fn worker(token: u64, _turn: &Turn) -> Result<Stamp> {
    Ok(Stamp::now(token))
}
