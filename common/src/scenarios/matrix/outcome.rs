//! The check against the serial reference, and the outcome.

use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Args, Figures, Finished, Report, Source, Timeline, load, story, transform,
};
use crate::{
    databases::Version,
    digest::Digest,
    laps::Laps,
    outcome::{Better, Metric, Model, Outcome, Portable},
};

/// The likely reason for a wrong result: the reference was read later.
const CHANGED: &str = "\
the database changed while it was read; run again while nothing writes to it, \
or use a copy made by `sqlite3 FILE '.backup COPY'`";

/// The outcome of a run after its clock has stopped: `finished` has one entry
/// per source, in the same order, and `gate_opened_at` is the
/// [time](crate::laps::monotonic) at which the work started.
///
/// # Errors
///
/// Fails, naming database and figure, if anything differs, to the bit, from
/// what one thread computes serially. With
/// [`Common::expect`](crate::arguments::Common) this check is skipped.
pub fn outcome<P: AsRef<[f64]>>(
    model: Model,
    args: &Args,
    sources: &[Source],
    finished: &[Finished<P>],
    laps: &Laps,
    gate_opened_at: Duration,
) -> Result<Outcome> {
    ensure!(
        sources.len() == finished.len(),
        "{} of {} databases are finished",
        finished.len(),
        sources.len()
    );
    // An expected answer was checked before: from then on, digests suffice.
    let one_after_the_other = match args.common.expect {
        None => Some(check(sources, finished)?),
        Some(_) => None,
    };
    let reports: Vec<&Report> =
        finished.iter().map(|finished| &finished.report).collect();
    let busy = Busy::of(&reports);
    let work = laps.seconds().work;
    Ok(Outcome {
        parameters: parameters(args, sources),
        answer: answer(finished),
        portable: Some(portable(&reports)),
        result: result(&reports, gate_opened_at)?,
        metrics: metrics(&busy, reports.len(), work),
        story: story::lines(&reports, gate_opened_at, one_after_the_other),
        meaning: story::meaning(&busy, work),
        ..Outcome::new("matrix", model, laps)
    })
}

/// The time that all workers spent, summed up, in seconds.
pub(super) struct Busy {
    pub(super) load: f64,
    pub(super) transform: f64,
}

impl Busy {
    fn of(reports: &[&Report]) -> Self {
        let timelines = || reports.iter().map(|report| &report.timeline);
        Busy {
            load: timelines().map(|line| line.load.seconds()).sum(),
            transform: timelines().map(|line| line.transform.seconds()).sum(),
        }
    }

    pub(super) fn seconds(&self) -> f64 {
        self.load + self.transform
    }
}

/// Does everything again, one database after another, and returns how many
/// seconds that took.
fn check<P: AsRef<[f64]>>(
    sources: &[Source],
    finished: &[Finished<P>],
) -> Result<f64> {
    let mut seconds = 0.0;
    for (source, finished) in sources.iter().zip(finished) {
        let expected = compare(source, finished).map_err(|error| {
            if finished.report.version == Version::of(&source.path) {
                error
            } else {
                error.context(CHANGED)
            }
        })?;
        seconds += Busy::of(&[&expected.report]).seconds();
    }
    Ok(seconds)
}

/// The reference, if everything matches it.
fn compare<P: AsRef<[f64]>>(
    source: &Source,
    finished: &Finished<P>,
) -> Result<Finished<Vec<f64>>> {
    let expected = reference(source)?;
    let verdict = match difference(&expected, finished) {
        None => Ok(()),
        Some(what) => Err(anyhow!("{what} not as in the serial reference")),
    };
    source.blame(verdict)?;
    Ok(expected)
}

/// What any worker does, without any other worker.
fn reference(source: &Source) -> Result<Finished<Vec<f64>>> {
    let components = transform(load(source)?)?;
    let mut projection = vec![0.0; components.projection_len()];
    let report = components.project_into(&mut projection, 0)?;
    Ok(Finished { report, projection })
}

/// The first figure that differs.
fn difference<P: AsRef<[f64]>>(
    expected: &Finished<Vec<f64>>,
    found: &Finished<P>,
) -> Option<&'static str> {
    let (one, other) = (&expected.report.figures, &found.report.figures);
    [
        ("its name is", one.name == other.name),
        ("rows used are", one.rows_used == other.rows_used),
        ("rows left out are", one.rows_left_out == other.rows_left_out),
        ("columns used are", one.columns_used == other.columns_used),
        (
            "columns left out are",
            one.columns_left_out == other.columns_left_out,
        ),
        (
            "columns made constant are",
            one.columns_made_constant == other.columns_made_constant,
        ),
        ("eigenvalues are", same_bits(&one.eigenvalues, &other.eigenvalues)),
        ("components kept are", one.components_kept == other.components_kept),
        (
            "the projection is",
            same_bits(&expected.projection, found.projection.as_ref()),
        ),
    ]
    .into_iter()
    .find_map(|(figure, is_same)| (!is_same).then_some(figure))
}

fn same_bits(one: &[f64], other: &[f64]) -> bool {
    let mut pairs = one.iter().zip(other);
    one.len() == other.len()
        && pairs.all(|(one, other)| one.to_bits() == other.to_bits())
}

/// Only what affects the work: the shape of the generated databases, or the
/// given ones.
fn parameters(args: &Args, sources: &[Source]) -> Value {
    let workers = args.workers();
    let gil = args.gil().map(|gil| {
        let switch_interval = gil.switch_interval.as_secs_f64();
        json!({
            "switch_interval": switch_interval,
            "is_released": gil.is_released,
        })
    });
    if args.has_databases() {
        let named = |Source { path, table }: &Source| json!({"path": path.to_string_lossy(), "table": table});
        let sources: Vec<_> = sources.iter().map(named).collect();
        return json!({"workers": workers, "gil": gil, "sources": sources});
    }
    let shape = args.shape();
    json!({
        "workers": workers,
        "gil": gil,
        "seed": shape.seed,
        "rows": shape.rows,
        "columns": shape.columns,
    })
}

fn answer<P: AsRef<[f64]>>(finished: &[Finished<P>]) -> String {
    let mut digest = Digest::new();
    digest.count(finished.len() as u64);
    for Finished { report: Report { figures, .. }, projection } in finished {
        add_exact(&mut digest, figures);
        digest.floats(&figures.eigenvalues);
        digest.count(figures.components_kept as u64);
        digest.floats(projection.as_ref());
    }
    digest.hex()
}

/// The eigenvalues are the figures. The projection is not, because an
/// eigenvector whose eigenvalue nearly equals another may point anywhere
/// between the two.
fn portable(reports: &[&Report]) -> Portable {
    let mut digest = Digest::new();
    digest.count(reports.len() as u64);
    for Report { figures, .. } in reports {
        add_exact(&mut digest, figures);
        digest.count(figures.components_kept as u64);
    }
    let values = reports.iter().map(|report| &report.figures.eigenvalues);
    Portable {
        answer: digest.hex(),
        figures: values.flatten().copied().collect(),
    }
}

/// Everything that does not depend on the last bits of floats.
fn add_exact(digest: &mut Digest, figures: &Figures) {
    digest.text(&figures.name);
    digest.count(figures.rows_used as u64);
    digest.count(figures.rows_left_out as u64);
    for names in [&figures.columns_used, &figures.columns_left_out] {
        digest.count(names.len() as u64);
        for name in names {
            digest.text(name);
        }
    }
}

fn result(reports: &[&Report], zero: Duration) -> Result<Value> {
    #[derive(Serialize)]
    struct Entry<'a> {
        #[serde(flatten)]
        figures: &'a Figures,
        timeline: Value,
    }
    let entries = reports.iter().map(|report| Entry {
        figures: &report.figures,
        timeline: in_seconds(&report.timeline, zero),
    });
    Ok(serde_json::to_value(entries.collect::<Vec<_>>())?)
}

/// A timeline for JSON: seconds since the gate opened.
fn in_seconds(timeline: &Timeline, zero: Duration) -> Value {
    json!({
        "worker": timeline.worker,
        "load": timeline.load.since(zero),
        "transform": timeline.transform.since(zero),
    })
}

fn metrics(busy: &Busy, databases: usize, work: f64) -> Vec<Metric> {
    let (rate, used) = (databases as f64 / work, busy.seconds() / work);
    let lower =
        |id, label, value| Metric::new(id, label, "s", Better::Lower, value);
    vec![
        Metric::new("databases", "databases", "op/s", Better::Higher, rate),
        lower("load", "load, summed over workers", busy.load),
        lower("transform", "transform, summed over workers", busy.transform),
        Metric::new("cores-used", "cores used", "1", Better::Neither, used),
    ]
}
