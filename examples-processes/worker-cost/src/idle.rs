//! Crews of workers that do nothing.

use std::{
    mem::ManuallyDrop,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
};

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::worker_cost::{Crew, Keeping, Plan, common_table, sum},
};
use process_kit::{Frozen, Mapping, Parent};

use crate::{Job, scope};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Crew> {
    let keeping = Keeping::begin()?;
    let table = Lent::new(&common_table(plan)?)?; // processes: all map it
    scope(|scope| {
        let mut crew = Vec::new();
        for _ in 0..plan.count {
            let job = Job::Idle { table: plan.table }; // processes: encoded
            crew.push(scope.spawn_with::<_, u64>(&job, &table.descriptors())?);
        }
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        for worker in &mut crew {
            worker.wait_for_answer()?; // processes: then it stays, parked
        }
        let ids: Vec<u32> = crew.iter().map(|worker| worker.id()).collect();
        let each = keeping.each(plan.count, &ids)?; // processes: of their memory
        laps.worked(&ids); // processes: their memory counts too
        let mut sum = 0_u64;
        for worker in crew {
            sum = sum.wrapping_add(worker.join()?); // processes: let go, and reaped
        }
        Ok(Crew { each, sum })
    })
}

/// The common table, sealed, so that workers may read it as they would their
/// own memory; and nothing where there is none.
struct Lent(Option<OwnedFd>); // processes: a file of memory

impl Lent {
    fn new(table: &[u64]) -> Result<Self> {
        if table.is_empty() {
            return Ok(Lent(None));
        }
        let mut memory = Mapping::new(size_of_val(table))?; // processes: memfd_create(2)
        memory.as_mut_slice().copy_from_slice(table);
        Ok(Lent(Some(memory.freeze()?)))
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.0.iter().map(|file| file.as_fd()).collect()
    }
}

/// Reads the table, and makes a copy; or does nothing, if there is none.
pub fn worker(table: usize, parent: &mut Parent) -> Result<u64> {
    parent.gate.wait()?;
    if table == 0 {
        return Ok(0); // processes: nothing is lent
    }
    let table = Frozen::open(parent.take_descriptor()?, table)?; // processes: mapped
    // It is measured while it is parked, which is when this has returned.
    let table = ManuallyDrop::new(table);
    let own = ManuallyDrop::new(table.as_slice::<u64>().to_vec()); // processes: kept
    Ok(sum(&own))
}
