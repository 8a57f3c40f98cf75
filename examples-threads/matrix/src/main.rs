//! Matrix: six databases, a matrix transformation of each.
//! Here: rayon's threads; whoever is free takes the next database.
//! There: examples-processes/matrix/src/main.rs
//! Watch: who takes the next database, and how a large result comes back.
//! Run: cargo run --release -p matrix-threads -- --quick

mod global_lock;

use std::{process::ExitCode, time::Duration};

use anyhow::{Result, anyhow};
use common::{
    demo,
    laps::{Laps, monotonic},
    outcome::{Model, Outcome},
    progress::Progress,
    scenarios::matrix::{self, Args, Finished, Gil, Source, load, transform},
};
use rayon::{
    ThreadBuilder, ThreadPoolBuilder, current_thread_index, prelude::*,
};
use thread_kit::GlobalLock;

fn main() -> ExitCode {
    demo::main(Model::Threads, run) // threads: one process, one role
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let sources = matrix::sources(args)?;
    let mut laps = Laps::begin();
    let (finished, opened) = spawn_and_join(args, &sources, &mut laps)?;
    laps.stopped();
    matrix::outcome(model, args, &sources, &finished, &laps, opened)
}

fn worker(source: &Source) -> Result<Finished<Vec<f64>>> {
    let index = current_thread_index().unwrap_or_default();
    let components = transform(load(source)?)?;
    let mut projection = vec![0.0; components.projection_len()];
    let report = components.project_into(&mut projection, index)?;
    Ok(Finished { report, projection }) // threads: moved, not a byte copied
}

/// Starts the workers, releases them all at once, and collects what they
/// found, in the order of the sources.
fn spawn_and_join(
    args: &Args,
    sources: &[Source],
    laps: &mut Laps,
) -> Result<(Vec<Finished<Vec<f64>>>, Duration)> {
    let progress = Progress::new(sources.len());
    let workers = args.workers();
    let lock = |gil: Gil| (gil, GlobalLock::new(gil.switch_interval));
    let gil = args.gil().map(lock); // threads: one for all
    let job = |source| match &gil {
        None => worker(source),
        Some((gil, lock)) => global_lock::worker(source, *gil, lock),
    };
    let threads = ThreadPoolBuilder::new().num_threads(workers);
    let ran = threads.build_scoped(ThreadBuilder::run, |pool| {
        pool.broadcast(|_| ()); // threads: all have run this, so all stand ready
        laps.started();
        let opened = monotonic();
        let done = |_: &_| progress.step();
        let jobs = sources.par_iter().with_max_len(1);
        let map = || jobs.map(job).inspect(done).collect::<Result<_>>();
        let finished = pool.install(map); // threads: rayon
        laps.worked(&[]);
        Ok((finished?, opened))
    });
    ran.map_err(|error| anyhow!("no worker can be started: {error}"))?
}
