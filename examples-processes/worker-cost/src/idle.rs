//! Crews of workers that do nothing.

use std::mem::ManuallyDrop;

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::worker_cost::{Crew, Keeping, Plan, common_table, sum},
};
use process_kit::{Parent, ids, scope};

use crate::{job::Job, table::Table};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Crew> {
    let keeping = Keeping::begin()?;
    let job = Job::Idle { table: Table::of(&common_table(plan)?)? };
    scope(|scope| {
        let mut crew = Vec::new();
        for _ in 0..plan.count {
            crew.push(scope.spawn::<_, u64>(&job)?);
        }
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        for worker in &mut crew {
            worker.wait_for_answer()?;
        }
        let each = keeping.each(plan.count, &ids(&crew))?;
        laps.worked(&ids(&crew));
        let mut sum = 0_u64;
        for worker in crew {
            let found = worker.join()?;
            sum = sum.wrapping_add(found);
        }
        Ok(Crew { each, sum })
    })
}

/// Reads the table and makes a copy, or does nothing if there is none.
// processes: the copy is never dropped, so it exists until the process exits.
pub fn worker(table: Option<Table>, parent: &mut Parent) -> Result<u64> {
    parent.gate.wait()?;
    let Some(table) = table else { return Ok(0) };
    let table = ManuallyDrop::new(table.open()?);
    let own = ManuallyDrop::new(table.as_slice::<u64>().to_vec());
    Ok(sum(&own))
}
