//! Crews of workers that do nothing.

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::worker_cost::{Crew, Keeping, Plan, common_table, sum},
};
use thread_kit::{Parent, scope};

/// The default stack of std, and what each worker of a crew adds to it.
// threads: glibc gives the stack of an exited thread to the next one, with all
// pages that were ever touched, so the next one would seem to cost nothing. So
// a larger crew has larger stacks, which no thread has used before.
const USUAL_STACK: usize = 2 << 20;
const MORE: usize = 64 << 10;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Crew> {
    let keeping = Keeping::begin()?;
    let table = common_table(plan)?;
    let stack = USUAL_STACK + plan.count as usize * MORE;
    scope(|scope| {
        let mut crew = Vec::new();
        for _ in 0..plan.count {
            let work = |parent: &mut Parent| worker(&table, parent);
            crew.push(scope.spawn_with_stack(stack, work)?);
        }
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        for worker in &mut crew {
            worker.wait_for_answer()?;
        }
        let each = keeping.each(plan.count, &[])?;
        laps.worked(&[]);
        let mut sum = 0_u64;
        for worker in crew {
            let (found, _own) = worker.join()?;
            sum = sum.wrapping_add(found);
        }
        Ok(Crew { each, sum })
    })
}

/// Reads the table and makes a copy, or does nothing if there is none.
// threads: the copy is part of the answer, so it exists until the join.
fn worker(table: &[u64], parent: &mut Parent) -> Result<(u64, Vec<u64>)> {
    parent.gate.wait()?;
    let own = table.to_vec();
    Ok((sum(&own), own))
}
