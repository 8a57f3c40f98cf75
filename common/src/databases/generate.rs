//! The databases that are generated if the user provides none.
//!
//! A few hidden factors drive all columns, each column with its own mixture,
//! and every number has some noise. So a third of the components explains 95 %
//! of the variance. The tables also have the other contents of real tables: a
//! column of text, an occasional NULL, and in every other database a constant
//! column. The rows of database `index`, from 0, in Python, with `below` and
//! `uniform` as in [`Input`]:
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

/// Increment this with every change of the formulas or the table, so that old
/// databases are not mistaken for new ones.
const FORMAT: u32 = 1;
const DATABASES: usize = 6;
const FACTORS: usize = 24;
const NOISE: f64 = 0.22;
const ROWS_TO_A_NULL: u32 = 64;
const STATIONS: [&str; 4] = ["north", "east", "south", "west"];

/// The parameters of the generated databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The seed of all numbers.
    pub seed: u64,
    /// Rows of each table.
    pub rows: usize,
    /// Columns of each table, not counting the text column.
    pub columns: usize,
}

impl Shape {
    /// The default shape, for a quick first look or a full run.
    pub fn usual(seed: u64, quick: bool) -> Self {
        let (rows, columns) = if quick { (3_200, 320) } else { (4_800, 600) };
        Shape { seed, rows, columns }
    }
}

/// The folder's name: each shape has its own folder.
impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { seed, rows, columns } = self;
        write!(formatter, "{rows}-by-{columns}-seed-{seed}-format-{FORMAT}")
    }
}

/// The databases of this shape in the default folder, generated on first use.
///
/// # Errors
///
/// Fails if they do not exist and cannot be generated.
pub fn generated(shape: &Shape) -> Result<Vec<PathBuf>> {
    folder().and_then(|folder| generate(&folder, shape)).context(
        "cannot generate the databases; \
         provide your own with --database",
    )
}

/// The databases of this shape below `folder`, generated if they do not exist.
///
/// A database gets its name only when it is complete: it is built in memory,
/// written to a file with a temporary name, and renamed. A program killed on
/// the way leaves one such file, which the next one that generates a database
/// here overwrites. A lock admits one program at a time.
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
        .with_context(|| format!("cannot create {}", Escaped(&home)))?;
    let _only_one_at_a_time = lock(folder)?;
    let progress = Progress::new(DATABASES);
    for (index, path) in paths.iter().enumerate() {
        progress.now("generating databases (first run only)");
        if !path.exists() {
            write(&mut build(shape, index)?, &folder.join("unfinished"), path)
                .with_context(|| format!("cannot write {}", Escaped(path)))?;
        }
        progress.step();
    }
    Ok(paths)
}

/// The folder for generated databases: next to the one that Cargo built this
/// program into, `target/release` or `target/debug/deps`. There `cargo clean`
/// removes them, and both siblings and their tests find the same ones.
fn folder() -> Result<PathBuf> {
    let program = env::current_exe().context("this program has no path")?;
    let inner = ["deps", "examples"];
    program
        .ancestors()
        .skip(1)
        .find(|folder| !inner.iter().any(|name| folder.ends_with(name)))
        .and_then(Path::parent)
        .map(|target| target.join("matrix"))
        .with_context(|| format!("{} is not in a folder", Escaped(&program)))
}

/// The kernel releases the lock when its holder dies.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    File::create(&path)
        .and_then(|file| file.lock().map(|()| file))
        .with_context(|| format!("cannot lock {}", Escaped(&path)))
}

/// Removes the file if it cannot be finished: it may have filled the disk.
fn write(
    database: &mut Connection,
    unfinished: &Path,
    path: &Path,
) -> Result<()> {
    let finished = finish(database, unfinished, path);
    if finished.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(unfinished);
    }
    finished
}

/// Syncs the file before renaming it. Otherwise a power failure could leave the
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
    // With small pages, a row of hundreds of numbers overflows into other pages
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
    let columns = (0..shape.columns).map(|column| {
        if is_integer(column) {
            format!(", m{column} INTEGER")
        } else {
            format!(", m{column} REAL")
        }
    });
    let columns: String = columns.collect();
    format!("CREATE TABLE {TABLE} (station TEXT{columns})")
}

fn is_integer(column: usize) -> bool {
    column % 3 == 2
}

/// The formulas of the module's documentation.
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

/// The weight of each factor in each column; later factors weigh less.
fn mixing(input: &mut Input, columns: usize) -> Vec<Vec<f64>> {
    let mut strengths = |factor: usize| -> Vec<f64> {
        (0..columns)
            .map(|_| (input.uniform() - 0.5) * 8.0 / (8 + factor) as f64)
            .collect()
    };
    (0..FACTORS).map(&mut strengths).collect()
}

/// The numbers of a row, before scaling.
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
    if is_integer(column) {
        insert.raw_bind_parameter(column + 2, (100.0 * number).floor() as i64)
    } else {
        insert.raw_bind_parameter(column + 2, number)
    }
}
