//! Load and store as two steps, with a meeting in between: an update is lost
//! every time, not just now and then.
//!
//! If `racy` loses no update, that only shows that nobody was unlucky. This
//! shows that it can happen: every worker loads before any of them stores.

use std::{
    sync::atomic::{
        AtomicI64,
        Ordering::{Relaxed, SeqCst},
    },
    thread::yield_now,
};

use anyhow::Result;
use common::{laps::Laps, scenarios::shared_state::Plan};
use thread_kit::Parent;

use crate::{
    Ledger,
    racy::{Account, accounts, totals},
    spawn_and_join,
};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<(Vec<i64>, Option<u64>)> {
    let meeting = [0];
    let ledger = accounts(&[&plan.opening()[..], &meeting].concat());
    spawn_and_join(plan, Ledger::Forced(&ledger), laps, |_| Ok(()))?;
    Ok(totals(&ledger[..plan.accounts as usize]))
}

pub fn worker(plan: &Plan, ledger: &[Account], parent: &Parent) -> Result<()> {
    let transfers = plan.transfers(parent.index);
    let ([meeting, _], workers) = (&ledger[2], plan.workers as i64);
    parent.gate.wait()?;
    let meet = || meet(meeting, workers);
    for transfer in transfers.iter() {
        let amount = i64::from(transfer.amount);
        update(&ledger[transfer.from as usize], -amount, meet);
        update(&ledger[transfer.to as usize], amount, meet);
    }
    Ok(())
}

fn update([balance, updates]: &Account, amount: i64, meet: impl Fn()) {
    let (held, made) = (balance.load(Relaxed), updates.load(Relaxed));
    meet();
    balance.store(held + amount, Relaxed);
    updates.store(made + 1, Relaxed);
    meet();
}

/// Waits until every worker has arrived. The count is never reset, so a worker
/// that arrives at the next meeting is not mistaken for a late one at this
/// meeting.
fn meet(meeting: &AtomicI64, workers: i64) {
    let place = meeting.fetch_add(1, SeqCst);
    let all_are_here = (place / workers + 1) * workers;
    while meeting.load(SeqCst) < all_are_here {
        yield_now();
    }
}
