//! Matrix: six databases, a matrix transformation of each.
//! Here: rayon's threads; a thread that is free takes the next database.
//! There: examples-processes/matrix/src/main.rs
//! Watch: how databases are handed out, and how a large result comes back.
//! Run: cargo run --release -p matrix-threads -- --quick

mod global_lock;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use common::{
    demo,
    laps::{Laps, monotonic},
    outcome::{Model, Outcome},
    progress::Progress,
    scenarios::matrix::{self, Args, Finished, Gil, Source, load, transform},
};
use rayon::{ThreadBuilder, ThreadPoolBuilder, prelude::*};
use thread_kit::GlobalLock;

fn main() -> ExitCode {
    demo::main(Model::Threads, run)
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let sources = matrix::sources(args)?;
    let mut laps = Laps::begin();
    let (finished, opened) = spawn_and_join(args, &sources, &mut laps)?;
    laps.stopped();
    matrix::outcome(model, args, &sources, &finished, &laps, opened)
}

/// What a worker is given.
struct Job<'a> {
    source: &'a Source,
    gil: Option<(Gil, &'a GlobalLock)>,
}

/// What it returns.
// threads: the projection is moved to the parent, without copying a byte.
type Answer = Finished<Vec<f64>>;

/// Finds the principal components of one database.
fn worker(job: Job) -> Result<Answer> {
    let Job { source, gil } = &job;
    let index = rayon::current_thread_index().unwrap_or_default();
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
) -> Result<(Vec<Answer>, Duration)> {
    let progress = Progress::new(sources.len());
    let workers = args.workers();
    let gil = args.gil();
    // threads: all workers take turns with one lock.
    let lock = gil.map(|gil| GlobalLock::new(gil.switch_interval));
    let job = |source| Job { source, gil: gil.zip(lock.as_ref()) };
    let threads = ThreadPoolBuilder::new().num_threads(workers);
    let ran = threads.build_scoped(ThreadBuilder::run, |pool| {
        // Every thread runs this, so then all of them have started.
        pool.broadcast(|_| ());
        laps.started();
        let opened = monotonic();
        let answers = sources.par_iter().with_max_len(1).map(job).map(worker);
        let answers = answers.inspect(|_| progress.step());
        let finished: Result<_> = pool.install(|| answers.collect());
        laps.worked(&[]);
        Ok((finished?, opened))
    });
    ran.context("cannot start a worker")?
}
