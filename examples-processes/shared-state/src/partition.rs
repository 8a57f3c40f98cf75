//! No sharing: each worker sums up its own transfers, and the sums are merged
//! at the end.

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::shared_state::{Plan, Sums, Transfers},
};
use process_kit::Parent;

use crate::{Ledger, spawn_and_join};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Vec<i64>> {
    let mut balances = plan.opening();
    spawn_and_join(plan, Ledger::Partition, laps, |handles| {
        for handle in handles {
            merge(&mut balances, handle.wait_for_answer()?);
        }
        Ok(())
    })?;
    Ok(balances)
}

// processes: the sums are encoded, sent through a socket, and decoded.
pub fn worker(plan: &Plan, parent: &Parent) -> Result<Sums> {
    let transfers = plan.transfers(parent.index);
    parent.gate.wait()?;
    Ok(sum(plan, &transfers))
}

pub fn sum(plan: &Plan, transfers: &Transfers) -> Sums {
    let mut sums = vec![0; plan.accounts as usize];
    for transfer in transfers.iter() {
        sums[transfer.from as usize] -= i64::from(transfer.amount);
        sums[transfer.to as usize] += i64::from(transfer.amount);
    }
    sums
}

pub fn merge(balances: &mut [i64], sums: &[i64]) {
    for (balance, sum) in balances.iter_mut().zip(sums) {
        *balance += sum;
    }
}
