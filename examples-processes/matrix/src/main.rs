//! Matrix: six databases, a matrix transformation of each.
//! Here: a process for each database; the next starts when one is done.
//! There: examples-threads/matrix/src/main.rs
//! Watch: how databases are handed out, and how a large result comes back.
//! Run: cargo run --release -p matrix-processes -- --quick

mod global_lock;

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use anyhow::Result;
use common::{
    demo,
    laps::{Laps, monotonic},
    outcome::{Model, Outcome},
    progress::Progress,
    scenarios::matrix::{self, Args, Finished, Gil, Source, load, transform},
};
use process_kit::{Frozen, JoinSet, Mapping, Parent, Role, role, scope};
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    match role() {
        Role::Main => demo::main(Model::Processes, run),
        Role::Worker(parent) => parent.serve(worker),
    }
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let sources = matrix::sources(args)?;
    let mut laps = Laps::begin();
    let (finished, opened) = spawn_and_join(args, &sources, &mut laps)?;
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
// processes: the parent maps the projection, without copying a byte.
type Answer = Finished<Frozen>;

/// Finds the principal components of one database.
fn worker(job: Job, parent: &mut Parent) -> Result<Answer> {
    let Job { source, gil } = &job;
    let index = parent.index;
    parent.gate.wait()?;
    if let Some(gil) = gil {
        return global_lock::worker(source, *gil, index);
    }
    let components = transform(load(source)?)?;
    let mut projection = Mapping::zeroed::<f64>(components.projection_len())?;
    let report = components.project_into(projection.as_mut_slice(), index)?;
    Ok(Answer { report, projection: projection.into_frozen()? })
}

/// Starts the workers, releases them all at once, and collects their
/// results in the order of the sources.
fn spawn_and_join(
    args: &Args,
    sources: &[Source],
    laps: &mut Laps,
) -> Result<(Vec<Answer>, Duration)> {
    let progress = Progress::new(sources.len());
    let workers = args.workers();
    let gil = args.gil();
    let job = |source: &Source| Job { source: source.clone(), gil };
    let jobs = sources.iter().map(job).collect();
    scope(|scope| {
        let mut set = JoinSet::spawn(scope, workers, jobs)?;
        scope.wait_for_all()?;
        laps.started();
        let opened = monotonic();
        scope.open_gate();
        let mut finished = BTreeMap::new();
        while let Some(answer) = set.join_next()? {
            finished.insert(answer.place, answer.value);
            progress.step();
        }
        laps.worked(&set.ids());
        set.join_all()?;
        Ok((finished.into_values().collect(), opened))
    })
}
