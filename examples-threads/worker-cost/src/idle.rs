//! Crews of workers that do nothing.

use std::thread::{Builder, scope};

use anyhow::{Context as _, Result, anyhow};
use common::{
    gate::Gate,
    laps::Laps,
    scenarios::worker_cost::{Crew, Keeping, Plan, common_table, sum},
};

/// What std gives to a thread, and what each worker of a crew adds: because a
/// thread that ends leaves its stack to the next one (glibc), with all that
/// was ever touched of it, and that one would seem to cost nothing. A larger
/// crew has larger stacks.
const USUAL_STACK: usize = 2 << 20; // threads: processes keep nothing
const MORE: usize = 64 << 10;

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Crew> {
    let keeping = Keeping::begin()?;
    let stack = USUAL_STACK + plan.count as usize * MORE; // threads: its own
    let table = common_table(plan)?; // threads: all read it as it is
    let (gate, exit) = (&Gate::new(), &Gate::new()); // threads: or their end would be next
    scope(|scope| {
        let (keeper, leave) = (gate.close(), exit.close());
        let mut crew = Vec::new();
        for _ in 0..plan.count {
            let work = || worker(&table, [gate, exit]); // threads: borrowed
            let idle = Builder::new().stack_size(stack); // threads: none that was used
            let idle = idle.spawn_scoped(scope, work);
            crew.push(idle.context("no worker can be started")?);
        }
        keeper.wait_for(crew.len());
        laps.started();
        keeper.open();
        leave.wait_for(crew.len()); // threads: parked again
        let each = keeping.each(plan.count, &[])?; // threads: of our own memory
        laps.worked(&[]); // threads: all memory is our own
        leave.open();
        let mut sum = 0_u64;
        for worker in crew {
            let found = worker.join(); // threads: joined
            let found = found.map_err(|_| anyhow!("a worker panicked"))?;
            sum = sum.wrapping_add(found);
        }
        Ok(Crew { each, sum })
    })
}

/// Reads the table, and makes a copy; or does nothing, if there is none.
fn worker(table: &[u64], [gate, exit]: [&Gate; 2]) -> u64 {
    gate.wait();
    let own = table.to_vec();
    exit.wait(); // threads: with its copy
    sum(&own)
}
