//! The generated databases.

use std::{fs, io::ErrorKind, os::unix::fs::symlink, thread};

use common::{
    arguments::Arguments as _,
    scenarios::matrix::{Shape, Source, TABLE, generate, load},
};
use rusqlite::Connection;

use crate::{Folder, args, asked, finish, python};

const SHAPE: Shape = Shape { seed: 1, rows: 300, columns: 7 };

fn generated(folder: &Folder, shape: &Shape) -> Vec<Source> {
    let paths = generate(folder.0.path(), shape).unwrap();
    let table = || TABLE.to_owned();
    let source = |path| Source { path, table: table() };
    paths.into_iter().map(source).collect()
}

fn contents(sources: &[Source]) -> Vec<Vec<u8>> {
    let read = |source: &Source| fs::read(&source.path).unwrap();
    sources.iter().map(read).collect()
}

#[test]
fn the_same_seed_gives_the_same_databases_and_another_seed_others() {
    let folders = [Folder::new(), Folder::new()];
    let first = contents(&generated(&folders[0], &SHAPE));
    assert_eq!(first.len(), 6);
    assert_eq!(first, contents(&generated(&folders[1], &SHAPE)));
    let seed = SHAPE.seed + 1;
    let other = generated(&folders[1], &Shape { seed, ..SHAPE });
    let other = contents(&other);
    let mut all = [first.clone(), other].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 12, "no two are the same");
}

#[test]
fn what_is_planted_is_found() {
    let folder = Folder::new();
    for (index, source) in generated(&folder, &SHAPE).iter().enumerate() {
        let figures = finish(source).unwrap().report.figures;
        assert_eq!(figures.name, format!("database-{}", index + 1));
        let nulls = rows_with_a_null(source);
        assert!(nulls > 0);
        assert_eq!(figures.rows_left_out, nulls);
        assert_eq!(figures.rows_used, SHAPE.rows - nulls);
        assert_eq!(figures.columns_left_out, ["station"]);
        assert_eq!(
            figures.columns_used,
            ["m0", "m1", "m2", "m3", "m4", "m5", "m6"]
        );
        let zeros = figures.eigenvalues.iter().filter(|value| **value == 0.0);
        assert_eq!(zeros.count(), index % 2, "constant columns");
    }
}

fn rows_with_a_null(source: &Source) -> usize {
    let connection = Connection::open(&source.path).unwrap();
    let null = "m0+m1+m2+m3+m4+m5+m6 IS NULL";
    let query = format!("SELECT count(*) FROM {TABLE} WHERE {null}");
    let count: u32 =
        connection.query_row(&query, [], |row| row.get(0)).unwrap();
    count as usize
}

#[test]
fn they_are_made_once() {
    let folder = Folder::new();
    let sources = generated(&folder, &SHAPE);
    fs::write(&sources[3].path, "whole, by its name").unwrap();
    fs::remove_file(&sources[4].path).unwrap();
    // As one leaves it who is killed while writing.
    fs::write(folder.path("unfinished"), "half a data").unwrap();
    generated(&folder, &SHAPE);
    assert_eq!(fs::read(&sources[3].path).unwrap(), b"whole, by its name");
    assert_eq!(load(&sources[4]).unwrap().columns().len(), 7);
    assert!(!folder.path("unfinished").exists());
}

/// Or it would keep a full disk full.
#[test]
fn what_cannot_be_finished_is_removed() {
    let folder = Folder::new();
    symlink("/dev/full", folder.path("unfinished")).unwrap();
    let error = generate(folder.0.path(), &SHAPE).unwrap_err();
    assert!(format!("{error:#}").contains("No space left"), "{error:#}");
    let left = fs::symlink_metadata(folder.path("unfinished"));
    assert_eq!(left.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn many_may_make_them_at_once() {
    let (folder, quiet) = (Folder::new(), Folder::new());
    let expected = contents(&generated(&quiet, &SHAPE));
    thread::scope(|scope| {
        let makers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| contents(&generated(&folder, &SHAPE))))
            .collect();
        for maker in makers {
            assert_eq!(maker.join().unwrap(), expected);
        }
    });
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let folder = Folder::new();
    fs::write(folder.path("file"), "").unwrap();
    let error = generate(&folder.path("file"), &SHAPE).unwrap_err();
    let home = folder.path("file/300-by-7-seed-1-format-1");
    assert_eq!(error.to_string(), format!("cannot create {}", home.display()));
}

/// In `target/matrix`, where they are found again, by whichever program.
#[test]
fn without_a_database_those_of_the_shape_are_asked_for() {
    let small = ["--rows", "2", "--columns", "1", "--seed", "3"];
    let sources = asked(&small).unwrap();
    let folder = sources[0].path.parent().unwrap();
    assert!(folder.ends_with("matrix/2-by-1-seed-3-format-1"));
    assert_eq!(sources.len(), 6);
    assert_eq!(asked(&small).unwrap(), sources);
    let quick = args(&["--quick"]);
    assert!(quick.common().quick);
    assert!(quick.shape().rows < args(&[]).shape().rows);
}

/// The Python of the modules' texts, as it stands there.
#[test]
fn the_formulas_are_those_of_the_text() {
    let program = [
        fenced(include_str!("../../src/input.rs")),
        fenced(include_str!("../../src/databases/generate.rs")),
        include_str!("generated.py").to_owned(),
    ];
    let folder = Folder::new();
    let shape = Shape { rows: 150, ..SHAPE };
    let sources = generated(&folder, &shape);
    let paths: Vec<_> =
        sources.iter().map(|source| source.path.as_path()).collect();
    python("sqlite3", &program.join("\n"), &paths);
}

fn fenced(source: &str) -> String {
    source
        .lines()
        .skip_while(|line| *line != "//! ```python")
        .skip(1)
        .take_while(|line| *line != "//! ```")
        .map(|line| line.trim_start_matches("//!").replacen(' ', "", 1) + "\n")
        .collect()
}
