//! The databases that are made if none is given.
//!
//! A few hidden factors drive all columns, each column in its own mixture,
//! and every number has some noise. So a third of the components carries 95 %
//! of the variance. What real tables have beside numbers is there, too: a
//! column of text, a NULL here and there, and in every other database a column
//! that never changes. The rows of database `index`, from 0, in Python, with
//! `below` and `uniform` as in [`Input`]:
//!
//! ```python
//! def database(seed, index, rows, columns):
//!     draw = Input(seed, stream=index)
//!     mixing = [[(draw.uniform() - 0.5) * 8 / (8 + factor)
//!                for column in range(columns)] for factor in range(24)]
//!     for row in range(rows):
//!         station = ["north", "east", "south", "west"][draw.below(4)]
//!         factors = [draw.uniform() - 0.5 for factor in range(24)]
//!         numbers = []
//!         for column in range(columns):
//!             x = 0.22 * (draw.uniform() - 0.5)
//!             for factor in range(24):
//!                 x += factors[factor] * mixing[factor][column]
//!             x = 10 * (column % 5) + (1 + column % 7) * x
//!             numbers.append(floor(100 * x) if column % 3 == 2 else x)
//!         if index % 2 == 1:
//!             numbers[-1] = 1
//!         if draw.below(64) == 0:
//!             numbers[draw.below(columns)] = None
//!         yield [station] + numbers
//! ```

use std::{
    env, fmt,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use rusqlite::{Connection, Statement, types::Null};

use super::TABLE;
use crate::{escaped::Escaped, input::Input, progress::Progress};

/// To be counted up with every change of the formulas or the table, so that
/// what an older version made is not taken for the new.
const FORMAT: u32 = 1;
const DATABASES: usize = 6;
const FACTORS: usize = 24;
const NOISE: f64 = 0.22;
const ROWS_TO_A_NULL: u32 = 64;
const STATIONS: [&str; 4] = ["north", "east", "south", "west"];

/// What shapes the generated databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The seed of all numbers.
    pub seed: u64,
    /// Rows of each table.
    pub rows: usize,
    /// Columns of each table, without the one of text.
    pub columns: usize,
}

impl Shape {
    /// Large enough for the work of a person's first look, or of a longer.
    pub fn usual(seed: u64, quick: bool) -> Self {
        let (rows, columns) = if quick { (3_200, 320) } else { (4_800, 600) };
        Shape { seed, rows, columns }
    }
}

/// The folder's name: databases of other shapes lie beside these.
impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { seed, rows, columns } = self;
        write!(formatter, "{rows}-by-{columns}-seed-{seed}-format-{FORMAT}")
    }
}

/// The databases of that shape where they belong, which are made now if this
/// is the first time.
///
/// # Errors
///
/// Fails if they can be neither found nor made.
pub fn generated(shape: &Shape) -> Result<Vec<PathBuf>> {
    folder().and_then(|folder| generate(&folder, shape)).context(
        "the databases could not be generated; \
         give some of your own with --database",
    )
}

/// The databases of that shape below `folder`, which are made if they are not
/// there.
///
/// A database gets its name when it is whole: it is built in memory, written
/// to a file of another name, and that is renamed. Whoever is killed on the
/// way leaves one such file, and the next one who makes a database here
/// overwrites it. A lock lets only one at a time.
///
/// # Errors
///
/// Fails if the folder cannot be written to.
pub fn generate(folder: &Path, shape: &Shape) -> Result<Vec<PathBuf>> {
    let home = folder.join(shape.to_string());
    let path = |number| home.join(format!("database-{number}.sqlite"));
    let paths: Vec<PathBuf> = (1..=DATABASES).map(path).collect();
    if paths.iter().all(|path| path.exists()) {
        return Ok(paths);
    }
    fs::create_dir_all(&home)
        .with_context(|| format!("no folder {}", Escaped(&home)))?;
    let _only_one_at_a_time = lock(folder)?;
    let progress = Progress::new(DATABASES);
    for (index, path) in paths.iter().enumerate() {
        progress.now("generating databases, once");
        if !path.exists() {
            write(&mut build(shape, index)?, &folder.join("unfinished"), path)
                .with_context(|| format!("no file {}", Escaped(path)))?;
        }
        progress.step();
    }
    Ok(paths)
}

/// Where generated databases belong: beside the folder that Cargo built this
/// program into, `target/release` or `target/debug/deps`. There `cargo clean`
/// finds them, and both siblings and their tests find the same.
fn folder() -> Result<PathBuf> {
    let program = env::current_exe().context("this program has no path")?;
    let inner = ["deps", "examples"];
    program
        .ancestors()
        .skip(1)
        .find(|folder| !inner.iter().any(|name| folder.ends_with(name)))
        .and_then(Path::parent)
        .map(|target| target.join("matrix"))
        .with_context(|| format!("{} is in no folder", Escaped(&program)))
}

/// The kernel takes the lock back from whoever dies with it.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    File::create(&path)
        .and_then(|file| file.lock().map(|()| file))
        .with_context(|| format!("no lock on {}", Escaped(&path)))
}

/// What cannot be finished is removed: it may be what has filled the disk.
fn write(
    database: &mut Connection,
    unfinished: &Path,
    path: &Path,
) -> Result<()> {
    let finished = finish(database, unfinished, path);
    if finished.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(unfinished);
    }
    finished
}

/// It is on the disk before it gets its name, lest a power failure leave the
/// name without the content.
fn finish(
    database: &mut Connection,
    unfinished: &Path,
    path: &Path,
) -> Result<()> {
    let mut file = File::create(unfinished)?;
    file.write_all(&database.serialize("main")?)?;
    file.sync_all()?;
    Ok(fs::rename(unfinished, path)?)
}

fn build(shape: &Shape, index: usize) -> Result<Connection> {
    let mut connection = super::open_in_memory()?;
    // With small pages a row of hundreds of numbers goes on in other pages,
    // and takes twice as long to read.
    connection.pragma_update(None, "page_size", 65536)?;
    connection.execute(&declaration(shape), [])?;
    let transaction = connection.transaction()?;
    let marks = vec!["?"; shape.columns + 1].join(", ");
    let insert = format!("INSERT INTO {TABLE} VALUES ({marks})");
    fill(&mut transaction.prepare(&insert)?, shape, index)?;
    transaction.commit()?;
    Ok(connection)
}

fn declaration(shape: &Shape) -> String {
    let columns = (0..shape.columns).map(|column| match is_integer(column) {
        true => format!(", m{column} INTEGER"),
        false => format!(", m{column} REAL"),
    });
    let columns: String = columns.collect();
    format!("CREATE TABLE {TABLE} (station TEXT{columns})")
}

fn is_integer(column: usize) -> bool {
    column % 3 == 2
}

/// The formulas of the module's text.
fn fill(insert: &mut Statement<'_>, shape: &Shape, index: usize) -> Result<()> {
    let mut input = Input::new(shape.seed, index as u64);
    let mixing = mixing(&mut input, shape.columns);
    let mut numbers = vec![0.0; shape.columns];
    for _ in 0..shape.rows {
        let station = STATIONS[input.below(STATIONS.len() as u32) as usize];
        measure(&mut input, &mixing, &mut numbers);
        insert.raw_bind_parameter(1, station)?;
        for (column, &number) in numbers.iter().enumerate() {
            bind(insert, column, number)?;
        }
        if index % 2 == 1 {
            insert.raw_bind_parameter(shape.columns + 1, 1)?;
        }
        if input.below(ROWS_TO_A_NULL) == 0 {
            let column = input.below(shape.columns as u32) as usize;
            insert.raw_bind_parameter(column + 2, Null)?;
        }
        insert.raw_execute()?;
    }
    Ok(())
}

/// How much of each factor each column has; the later factors have less.
fn mixing(input: &mut Input, columns: usize) -> Vec<Vec<f64>> {
    let mut strengths = |factor: usize| -> Vec<f64> {
        (0..columns)
            .map(|_| (input.uniform() - 0.5) * 8.0 / (8 + factor) as f64)
            .collect()
    };
    (0..FACTORS).map(&mut strengths).collect()
}

/// The numbers of a row, before they get their unit.
fn measure(input: &mut Input, mixing: &[Vec<f64>], numbers: &mut [f64]) {
    let factors: Vec<f64> =
        mixing.iter().map(|_| input.uniform() - 0.5).collect();
    for number in &mut *numbers {
        *number = NOISE * (input.uniform() - 0.5);
    }
    for (factor, strengths) in factors.iter().zip(mixing) {
        for (number, strength) in numbers.iter_mut().zip(strengths) {
            *number += factor * strength;
        }
    }
}

/// SQLite counts parameters from one, and the first is the station.
fn bind(
    insert: &mut Statement<'_>,
    column: usize,
    number: f64,
) -> rusqlite::Result<()> {
    let number = (10 * (column % 5)) as f64 + (1 + column % 7) as f64 * number;
    match is_integer(column) {
        true => insert
            .raw_bind_parameter(column + 2, (100.0 * number).floor() as i64),
        false => insert.raw_bind_parameter(column + 2, number),
    }
}
