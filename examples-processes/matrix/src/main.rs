//! Matrix: six databases, a matrix transformation of each.
//! Here: a process for each database, the next when one is done.
//! There: examples-threads/matrix/src/main.rs
//! Watch: who takes the next database, and how a large result comes back.
//! Run: cargo run --release -p matrix-processes -- --quick

mod global_lock;

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use anyhow::Result;
use common::{
    demo,
    laps::{Laps, monotonic},
    outcome::{Model, Outcome},
    progress::Progress,
    scenarios::matrix::{
        self, Args, Finished, Gil, Report, Source, load, transform,
    },
};
use process_kit::{Frozen, JoinSet, Mapping, Parent, Role, role, scope};

fn main() -> ExitCode {
    match role() {
        Role::Main => demo::main(Model::Processes, run), // processes: two
        Role::Worker(parent) => parent.serve(worker),    // processes: roles
    }
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let sources = matrix::sources(args)?;
    let mut laps = Laps::begin();
    let (finished, opened) = spawn_and_join(args, &sources, &mut laps)?;
    laps.stopped();
    matrix::outcome(model, args, &sources, &finished, &laps, opened)
}

fn worker(
    (source, gil): (Source, Option<Gil>), // processes: all that it needs
    parent: &mut Parent,
) -> Result<Report> {
    parent.gate.wait()?;
    if let Some(gil) = gil {
        return global_lock::worker(&source, gil, parent);
    }
    let components = transform(load(&source)?)?;
    let bytes = size_of::<f64>() * components.projection_len();
    let mut memory = Mapping::new(bytes)?; // processes: for two to see
    let projection = memory.as_mut_slice();
    let report = components.project_into(projection, parent.index)?;
    parent.give_descriptor(memory.freeze()?); // processes: not a byte copied
    Ok(report)
}

/// Starts the workers, releases them all at once, and collects what they
/// found, in the order of the sources.
fn spawn_and_join(
    args: &Args,
    sources: &[Source],
    laps: &mut Laps,
) -> Result<(Vec<Finished<Frozen>>, Duration)> {
    let progress = Progress::new(sources.len());
    let workers = args.workers();
    scope(|scope| {
        let job = |source: &Source| (source.clone(), args.gil());
        let jobs = sources.iter().map(job).collect(); // processes: owned
        let mut set = JoinSet::spawn(scope, workers, jobs)?;
        scope.wait_for_all()?; // processes: the first of them
        laps.started();
        let opened = monotonic();
        scope.open_gate();
        let mut finished = BTreeMap::new();
        while let Some(mut answer) = set.join_next()? {
            let file = answer.take_descriptor()?;
            let report: Report = answer.value; // processes: bytes, decoded
            let bytes = report.figures.projection_bytes(args.most_numbers())?;
            let projection = Frozen::open(file, bytes)?; // processes: sealed
            finished.insert(answer.place, Finished { report, projection });
            progress.step();
        }
        laps.worked(&set.ids());
        set.join_all()?; // processes: let go, and reaped
        Ok((finished.into_values().collect(), opened))
    })
}
