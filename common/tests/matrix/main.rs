//! What both siblings of `matrix` share, through its public door.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::Parser as _;
use common::scenarios::matrix::{
    Args, Finished, Source, Table, load, sources, transform,
};
use rusqlite::Connection;
use tempfile::TempDir;

mod agreeing;
mod generating;
mod outcome;
mod reading;
#[path = "../support/mod.rs"]
mod support;
mod transforming;

use support::python;

/// A folder of databases that is gone after the test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A new database, filled by `sql`, of which `t` is the table to read.
    fn database(&self, sql: &str) -> Source {
        let path = self.path("a.sqlite");
        if path.exists() {
            fs::remove_file(&path).unwrap();
        }
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(sql).unwrap();
        let table = "t".into();
        Source { path, table }
    }

    /// What is read from such a database.
    fn load(&self, sql: &str) -> Table {
        load(&self.database(sql)).unwrap()
    }

    /// Why it is not read, without the file that is to blame.
    fn refusal(&self, sql: &str) -> String {
        blamed(load(&self.database(sql)), &self.path("a.sqlite"))
    }
}

/// The text of an error, which must begin with the file it blames.
fn blamed<T>(result: Result<T>, path: &Path) -> String {
    let text = format!("{:#}", result.err().unwrap());
    let blame = format!("database {}: ", path.display());
    let rest = text.strip_prefix(&blame).map(str::to_owned);
    rest.unwrap_or_else(|| panic!("{text} does not begin with {blame}"))
}

/// The sources of a command line.
fn asked(arguments: &[&str]) -> Result<Vec<Source>> {
    sources(&args(arguments))
}

fn args(arguments: &[&str]) -> Args {
    Args::try_parse_from(["matrix"].iter().chain(arguments)).unwrap()
}

/// All that a worker does.
fn finish(source: &Source) -> Result<Finished<Vec<f64>>> {
    let components = transform(load(source)?)?;
    let mut projection = vec![0.0; components.projection_len()];
    let report = components.project_into(&mut projection, 0)?;
    Ok(Finished { report, projection })
}
