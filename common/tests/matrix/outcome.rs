//! The check, the outcome, and how it looks.

use std::time::Duration;

use common::{
    laps::{Laps, monotonic},
    outcome::{Model, Outcome},
    scenarios::matrix::{
        Finished, Report, Shape, Source, Span, TABLE, Timeline, generate,
        outcome,
    },
};
use rusqlite::Connection;
use serde_json::Value;

use crate::{Folder, args, blamed, finish};

const GIVEN: [&str; 2] = ["--database", "not looked at here"];

struct Run {
    _folder: Folder,
    sources: Vec<Source>,
    finished: Vec<Finished<Vec<f64>>>,
    laps: Laps,
    gate_opened_at: Duration,
}

impl Run {
    fn new() -> Self {
        let folder = Folder::new();
        let (seed, rows, columns) = (1, 40, 6);
        let shape = Shape { seed, rows, columns };
        let paths = generate(folder.0.path(), &shape).unwrap();
        let table = || TABLE.to_owned();
        let source = |path| Source { path, table: table() };
        let sources: Vec<Source> = paths.into_iter().map(source).collect();
        let mut laps = Laps::begin();
        laps.started();
        let gate_opened_at = monotonic();
        let finished =
            sources.iter().map(|source| finish(source).unwrap()).collect();
        laps.worked(&[]);
        laps.stopped();
        Run { _folder: folder, sources, finished, laps, gate_opened_at }
    }

    fn outcome(&self, arguments: &[&str]) -> anyhow::Result<Outcome> {
        outcome(
            Model::Processes,
            &args(arguments),
            &self.sources,
            &self.finished,
            &self.laps,
            self.gate_opened_at,
        )
    }
}

#[test]
fn the_outcome_has_the_figures_of_each_database() {
    let run = Run::new();
    let found = run.outcome(&["--workers=2"]).unwrap();
    assert_eq!(found.scenario, "matrix");
    assert_eq!(found.model, Model::Processes);
    assert_eq!(found.parameters["workers"], 2);
    assert_eq!(found.parameters["columns"], 600);
    let databases = found.result.as_array().unwrap();
    assert_eq!(databases.len(), 6);
    let figures = &run.finished[1].report.figures;
    let second = &databases[1];
    assert_eq!(second["name"], "database-2");
    assert_eq!(second["rows_used"], figures.rows_used);
    assert_eq!(second["rows_left_out"], 40 - figures.rows_used);
    assert_eq!(second["columns_used"][5], "m5");
    assert_eq!(second["columns_left_out"][0], "station");
    assert_eq!(second["eigenvalues"][0], figures.eigenvalues[0]);
    assert_eq!(second["eigenvalues"][5], 0.0);
    assert_eq!(second["components_kept"], figures.components_kept);
    let times = in_order(&second["timeline"]);
    assert_eq!(second["timeline"]["worker"], 0);
    assert!(times.is_sorted() && times[0] >= 0.0);
    let ids = found.metrics.iter().map(|metric| metric.id.as_str());
    let expected = ["databases", "load", "transform", "cores-used"];
    assert!(ids.eq(expected));
    assert!(found.json().is_ok());
}

fn in_order(timeline: &Value) -> Vec<f64> {
    let spans = ["load", "transform"].map(|name| &timeline[name]);
    spans
        .into_iter()
        .flat_map(|span| span.as_array().unwrap())
        .map(|time| time.as_f64().unwrap())
        .collect()
}

#[test]
fn the_answer_covers_figures_and_projection_but_not_times() {
    let mut run = Run::new();
    let answer = run.outcome(&[]).unwrap().answer;
    run.finished[2].report.timeline.worker = 5;
    run.finished[2].report.timeline.load = Span::default();
    assert_eq!(run.outcome(&[]).unwrap().answer, answer);
    run.sources.pop();
    run.finished.pop();
    assert_ne!(run.outcome(&[]).unwrap().answer, answer);
    let sources = &run.outcome(&GIVEN).unwrap().parameters["sources"];
    assert_eq!(sources.as_array().unwrap().len(), 5);
}

#[test]
fn another_language_compares_counts_exactly_and_eigenvalues_as_figures() {
    let mut run = Run::new();
    let portable = |run: &Run| run.outcome(&[]).unwrap().portable.unwrap();
    let all = portable(&run);
    let reports = run.finished.iter().map(|one| &one.report.figures);
    let values: Vec<f64> =
        reports.flat_map(|figures| figures.eigenvalues.clone()).collect();
    assert_eq!(all.figures, values);
    assert_eq!(all.figures.len(), 6 * 6);
    run.sources.pop();
    run.finished.pop();
    assert_ne!(portable(&run).answer, all.answer);
    assert_eq!(portable(&run).figures, values[..5 * 6]);
}

#[test]
fn whatever_differs_from_the_reference_is_refused_by_name() {
    type Harm = fn(&mut Finished<Vec<f64>>);
    let harms: [(&str, Harm); 9] = [
        ("its name is", |it| it.report.figures.name.push('x')),
        ("rows used are", |it| it.report.figures.rows_used += 1),
        ("rows left out are", |it| it.report.figures.rows_left_out += 1),
        ("columns used are", |it| {
            it.report.figures.columns_used.swap(0, 1);
        }),
        ("columns left out are", |it| {
            it.report.figures.columns_left_out.clear();
        }),
        ("columns made constant are", |it| {
            it.report.figures.columns_made_constant.push("m0".into());
        }),
        ("eigenvalues are", |it| {
            let value = &mut it.report.figures.eigenvalues[0];
            *value = value.next_up();
        }),
        ("components kept are", |it| it.report.figures.components_kept = 0),
        ("the projection is", |it| {
            it.projection[9] = it.projection[9].next_down();
        }),
    ];
    for (figure, harm) in harms {
        let mut run = Run::new();
        harm(&mut run.finished[3]);
        let text = blamed(run.outcome(&[]), &run.sources[3].path);
        assert_eq!(text, format!("{figure} not as in the serial reference"));
    }
}

#[test]
fn a_database_that_changed_is_to_blame_and_not_its_worker() {
    let mut run = Run::new();
    let writer = Connection::open(&run.sources[3].path).unwrap();
    // In the WAL, too, of which the file itself shows nothing.
    let wal = "PRAGMA journal_mode = wal";
    writer.query_row(wal, [], |_| Ok(())).unwrap();
    run.finished[3] = finish(&run.sources[3]).unwrap();
    writer.execute("DELETE FROM measurements WHERE rowid = 7", []).unwrap();
    let text = format!("{:#}", run.outcome(&[]).unwrap_err());
    let changed = "the database changed while it was read; ";
    assert!(text.starts_with(changed), "{text}");
    assert!(text.ends_with("rows used are not as in the serial reference"));
}

#[test]
fn a_database_that_nobody_finished_is_missed() {
    let mut run = Run::new();
    run.finished.pop();
    let error = run.outcome(&[]).unwrap_err().to_string();
    assert_eq!(error, "5 of 6 databases are finished");
}

#[test]
fn the_story_fits_on_80_columns() {
    let mut run = Run::new();
    for (index, finished) in run.finished.iter_mut().enumerate() {
        let start = run.gate_opened_at;
        let time = |tenths| start + Duration::from_millis(100 * tenths);
        let step = |start, end| Span { start: time(start), end: time(end) };
        finished.report.timeline = Timeline {
            worker: 8 + index % 3,
            load: step(index as u64, index as u64 + 1),
            transform: step(index as u64 + 1, index as u64 + 3),
        };
    }
    let found = run.outcome(&[]).unwrap();
    let text = found.human();
    let width = text.lines().map(|line| line.chars().count()).max();
    assert!(width.unwrap() <= 80, "{text}");
    assert!(text.contains("not numeric: station\n"), "{text}");
    let chart = "
worker  8 ░░░░░░░░░█████████████████░░░░░░░░░█████████████████
worker  9          ░░░░░░░░██████████████████░░░░░░░░░█████████████████
worker 10                  ░░░░░░░░░██████████████████░░░░░░░░██████████████████
░ load  █ transform, in 800 ms
";
    assert!(text.contains(chart), "{text}");
}

#[test]
fn a_report_and_a_job_survive_the_pipe() {
    let run = Run::new();
    let report = &run.finished[0].report;
    let bytes = postcard::to_stdvec(report).unwrap();
    assert!(bytes.len() < 300, "{} bytes", bytes.len());
    assert_eq!(postcard::from_bytes::<Report>(&bytes).unwrap(), *report);
    let bytes = postcard::to_stdvec(&run.sources[0]).unwrap();
    let source: Source = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(source, run.sources[0]);
}
