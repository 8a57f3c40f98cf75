//! Matrix: six databases, a matrix transformation of each.
//! Here: the ranks of MPI; one that is free is sent the next database.
//! There: examples-processes/matrix/src/main.rs
//! Watch: how databases are handed out, and how a large result comes back.
//! Run: scripts/machines.sh mpirun -n 2 target/release/matrix-mpi --quick

mod global_lock;
mod ranks;

use std::{collections::BTreeMap, process::ExitCode, thread, time::Duration};

use anyhow::Result;
use common::{
    demo,
    laps::{Laps, monotonic},
    outcome::{Model, Outcome},
    progress::Progress,
    scenarios::matrix::{self, Args, Finished, Gil, Source, load, transform},
};
use serde::{Deserialize, Serialize};

use crate::ranks::{JoinSet, Parent, Ranks};

fn main() -> Result<ExitCode> {
    let ranks = Ranks::join()?;
    // mpi: `mpirun` has started all ranks, and their number is their role.
    Ok(match ranks.own() {
        0 => {
            demo::main(Model::Processes, |model, args| run(model, args, &ranks))
        }
        _ => ranks.serve(worker),
    })
}

fn run(model: Model, args: &Args, ranks: &Ranks) -> Result<Outcome> {
    let args = &args.for_workers(ranks.count())?;
    let sources = matrix::sources(args)?;
    let mut laps = Laps::begin();
    let (finished, opened) = spawn_and_join(args, &sources, &mut laps, ranks)?;
    laps.stopped();
    matrix::outcome(model, args, &sources, &finished, &laps, opened)
}

/// What a worker is given.
#[derive(Serialize, Deserialize)]
struct Job {
    source: Source,
    gil: Option<Gil>,
}

/// What it returns.
// mpi: the projection is copied into a message, and out of it.
type Answer = Finished<Vec<f64>>;

/// Finds the principal components of one database.
fn worker(job: Job, parent: &mut Parent) -> Result<Answer> {
    let Job { source, gil } = &job;
    let index = parent.index;
    if let Some(gil) = gil {
        return global_lock::worker(source, *gil, index);
    }
    let components = transform(load(source)?)?;
    let mut projection = vec![0.0; components.projection_len()];
    let report = components.project_into(projection.as_mut_slice(), index)?;
    Ok(Answer { report, projection })
}

/// Starts the workers, releases them all at once, and collects their
/// results in the order of the sources.
fn spawn_and_join(
    args: &Args,
    sources: &[Source],
    laps: &mut Laps,
    ranks: &Ranks,
) -> Result<(Vec<Answer>, Duration)> {
    let progress = Progress::new(sources.len());
    let gil = args.gil();
    let job = |source: &Source| Job { source: source.clone(), gil };
    let jobs = sources.iter().map(job).collect();
    thread::scope(|scope| {
        let mut set = JoinSet::spawn(scope, ranks, worker, jobs)?;
        set.wait_for_all()?;
        laps.started();
        let opened = monotonic();
        set.open_gate()?;
        let mut finished = BTreeMap::new();
        while let Some(answer) = set.join_next()? {
            finished.insert(answer.place, answer.value);
            progress.step();
        }
        laps.worked(&[]);
        // mpi: the other ranks are no children, so each reports what it used.
        set.join_all()?.into_iter().for_each(|used| laps.used_elsewhere(used));
        Ok((finished.into_values().collect(), opened))
    })
}
