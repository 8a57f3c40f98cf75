#![doc = include_str!("README.md")]
//!
//! # The module
//!
//! A worker processes one database in three calls, all defined here:
//!
//! 1. [`load`] reads the numeric columns of a table,
//! 2. [`transform()`] standardises them and finds their principal components,
//! 3. [`Components::project_into`] writes the rows, projected onto the leading
//!    components, wherever the sibling wants them: threads into a `Vec`,
//!    processes directly into shared memory.
//!
//! Each call runs on the calling thread, and every sum has a fixed order, so
//! that both siblings and the serial reference agree to the bit.
//!
//! | module | contents |
//! |---|---|
//! | [`databases`] | the generated databases; opening a database |
//! | `find` | finding the requested table |
//! | `table` | reading the table into a matrix |
//! | `transform` | correlation, eigenvectors, projection |
//! | `report` | what a worker reports about a database |
//! | `outcome` | the check against the serial reference, and the outcome |
//! | `story` | the same for a person |

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Error, Result};
use clap::{Parser, ValueEnum, builder::RangedU64ValueParser};
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{Arguments, Common, Switching, Workers},
    databases,
    escaped::Escaped,
    path_bytes,
};

mod find;
mod outcome;
mod report;
mod story;
mod table;
mod transform;

pub use crate::databases::{Shape, TABLE, generate};
pub use outcome::outcome;
pub use report::{Figures, Finished, Report, Span, Timeline};
pub use table::{Table, load};
pub use transform::{Components, product, transform};

const EXAMPLES: &str = "\
Examples:
  PROGRAM
  PROGRAM --workers 1
  PROGRAM --global-lock held        a GIL: do two cores help?
  PROGRAM --global-lock released    and if native code releases it?
  PROGRAM --database a.sqlite --database b.sqlite --table measurements

All numeric columns of the table are used, in order. A column that contains
anything but numbers is left out, and its name is reported; rows with a NULL
are left out and counted.";

/// Six databases, a matrix transformation of each.
#[derive(Debug, Clone, Parser)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Rows of each generated database [default: 4800; --quick: 3200]
    #[arg(
        long,
        value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(2..=100_000)
    )]
    rows: Option<usize>,

    /// Numeric columns of each generated database [default: 600; --quick: 320]
    #[arg(
        long,
        value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000)
    )]
    columns: Option<usize>,

    /// Your own SQLite database instead of the generated ones (repeatable);
    /// --seed and --quick only affect those
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["rows", "columns"]
    )]
    database: Vec<PathBuf>,

    /// The table in each of your databases [default: measurements, or the only
    /// one]
    #[arg(long, value_name = "NAME", requires = "database")]
    table: Option<String>,

    /// Whether workers run under a lock like CPython's GIL
    #[arg(long, value_name = "HOW", value_enum,
          default_value_t = GlobalLock::Off)]
    global_lock: GlobalLock,

    #[command(flatten)]
    switching: Switching,

    #[command(flatten)]
    workers: Workers,

    #[command(flatten)]
    common: Common,
}

impl Arguments for Args {
    fn common(&self) -> &Common {
        &self.common
    }
}

impl Args {
    /// The number of workers to start.
    pub fn workers(&self) -> usize {
        self.workers.count()
    }

    /// The same for workers that are there already, as the ranks of MPI.
    ///
    /// # Errors
    ///
    /// Fails if `--workers` asks for another number.
    pub fn for_workers(&self, started: usize) -> Result<Self> {
        let workers = self.workers.given(started).map_err(Error::msg)?;
        Ok(Args { workers, ..self.clone() })
    }

    /// The shape of the generated databases.
    pub fn shape(&self) -> Shape {
        let usual = Shape::usual(self.common.seed, self.common.quick);
        Shape {
            rows: self.rows.unwrap_or(usual.rows),
            columns: self.columns.unwrap_or(usual.columns),
            ..usual
        }
    }

    /// The lock that the workers run under, if there is one.
    pub fn gil(&self) -> Option<Gil> {
        let is_released = match self.global_lock {
            GlobalLock::Off => return None,
            GlobalLock::Held => false,
            GlobalLock::Released => true,
        };
        Some(Gil { switch_interval: self.switching.interval, is_released })
    }

    fn has_databases(&self) -> bool {
        !self.database.is_empty()
    }
}

/// Whether workers run under a global lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GlobalLock {
    /// No lock: this is Rust
    Off,
    /// A worker holds it, except between two steps of its job
    Held,
    /// The same, but released during native code, as numpy does
    Released,
}

/// A global lock like CPython's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gil {
    /// A waiting worker requests the lock after this time.
    pub switch_interval: Duration,
    /// Whether it is released during native code.
    pub is_released: bool,
}

/// A table in a database: the job of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The database.
    #[serde(with = "path_bytes")]
    pub path: PathBuf,
    /// The table in it.
    pub table: String,
}

impl Source {
    /// The name of the database: its file name without folder and extension.
    pub fn name(&self) -> String {
        let stem = self.path.file_stem().unwrap_or(self.path.as_os_str());
        stem.to_string_lossy().into_owned()
    }

    /// Adds the name of the database to an error.
    fn blame<T>(&self, result: Result<T>) -> Result<T> {
        result.with_context(|| format!("database {}", Escaped(&self.path)))
    }
}

/// The databases to work on: the given ones, or the generated ones, which are
/// created now if they do not exist.
///
/// # Errors
///
/// Fails, naming the file, if one is missing, is not a database, or does not
/// have the table; or if the generated ones can be neither found nor created.
pub fn sources(args: &Args) -> Result<Vec<Source>> {
    if args.has_databases() { given(args) } else { generated(&args.shape()) }
}

fn given(args: &Args) -> Result<Vec<Source>> {
    let wanted = args.table.as_deref();
    let source = |path: &PathBuf| {
        let table = databases::open(path)
            .and_then(|connection| find::find(&connection, path, wanted))
            .with_context(|| format!("database {}", Escaped(path)))?;
        Ok(Source { path: path.clone(), table })
    };
    args.database.iter().map(source).collect()
}

fn generated(shape: &Shape) -> Result<Vec<Source>> {
    let paths = databases::generated(shape)?;
    let table = || TABLE.to_owned();
    let source = |path| Source { path, table: table() };
    Ok(paths.into_iter().map(source).collect())
}
