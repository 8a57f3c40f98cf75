#![doc = include_str!("README.md")]
//!
//! # The module
//!
//! Both siblings are the same terminal program, and everything a person sees of
//! it is here. A sibling only adds what runs the queries: it implements
//! [`Database`] for the screen's side and [`Link`] for the worker's.
//!
//! | module | contents |
//! |---|---|
//! | `message` | the messages between the screen and a database |
//! | `answer` | the worker's part: runs a query and hands over its rows |
//! | `database` | the screen's view of a worker; or no worker at all |
//! | `line` | the input line |
//! | `state` | what is on the screen, and how keys and news change it |
//! | `view` | how it looks |
//! | `walk` | the script's query |
//! | `session` | the loop: keys in, news in, a frame out |
//! | `screen` | a real terminal |
//! | `keys` | parses what a terminal sends |
//! | `script` | presses keys where there is no person |
//! | `perform` | the sessions of one run |
//! | `outcome` | the check and the outcome |

use std::{
    fs,
    io::{IsTerminal as _, stdin, stdout},
    path::PathBuf,
};

use anyhow::{Context as _, Result};
use clap::Parser;

use crate::{
    arguments::{Arguments, Common},
    databases::{Shape, generated},
    escaped::Escaped,
};

mod answer;
mod database;
mod keys;
mod line;
mod message;
mod outcome;
mod perform;
mod screen;
mod script;
mod session;
mod state;
mod view;
mod walk;

pub use answer::{Link, serve};
pub use database::{Database, NoWorker};
pub use message::{Event, News, Query, Row, Value};
pub use outcome::outcome;
pub use perform::{Record, perform};
pub use walk::{Table, Walk};

/// Does the screen keep up while a database is busy?
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  PROGRAM                      a program for the terminal: type, run, cancel
  PROGRAM --no-worker          the same, but a query freezes the screen
  PROGRAM --database my.sqlite with your own database
  PROGRAM --headless           a script presses the keys, to measure
  PROGRAM --headless --queries 2
  PROGRAM --headless --database my.sqlite
                               the script reads the first table of yours
  PROGRAM --quick --json       for a script

Without a terminal it runs as with --headless.")]
pub struct Args {
    /// Run the query on the thread that draws the screen, to feel the
    /// difference
    #[arg(long)]
    no_worker: bool,

    /// Let a script press the keys, on an invisible screen
    #[arg(long)]
    headless: bool,

    /// Number of databases to query at once, each with its own worker
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u8).range(1..=6))]
    queries: u8,

    /// Number of queries that the script cancels [default: 20; --quick: 15]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(0..=100_000))]
    cancels: Option<u32>,

    /// Number of steps in the script's query [default: 2000000; --quick:
    /// 1000000]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    steps: Option<u64>,

    /// Your own SQLite database instead of the generated ones (repeatable)
    #[arg(long, value_name = "FILE")]
    database: Vec<PathBuf>,

    #[command(flatten)]
    common: Common,
}

impl Arguments for Args {
    fn common(&self) -> &Common {
        &self.common
    }

    fn owns_the_terminal(&self) -> bool {
        self.is_interactive()
    }
}

impl Args {
    /// Whether a person uses the program.
    pub fn is_interactive(&self) -> bool {
        let Common { json, lifeline, .. } = self.common;
        let has_terminal = stdin().is_terminal() && stdout().is_terminal();
        has_terminal && !(self.headless || json || lifeline)
    }

    /// The work that the flags ask for.
    ///
    /// # Errors
    ///
    /// Fails, naming the file, if a database is missing, or if none can be
    /// generated.
    pub fn plan(&self) -> Result<Plan> {
        let Common { seed, quick, .. } = self.common;
        let usual = if quick { 1_000_000 } else { 2_000_000 };
        let cancels = if quick { 15 } else { 20 };
        if self.is_interactive() {
            screen::check_terminal()?;
        }
        let databases = self.databases()?;
        Ok(Plan {
            is_interactive: self.is_interactive(),
            no_worker: self.no_worker,
            at_once: self.queries.into(),
            cancels: self.cancels.unwrap_or(cancels),
            walk: Walk {
                seed,
                steps: self.steps.unwrap_or(usual),
                table: self.table(&databases)?,
            },
            has_own_databases: !self.database.is_empty(),
            databases,
        })
    }

    /// The table of the script's query. A person may query anything.
    fn table(&self, databases: &[PathBuf]) -> Result<Table> {
        let Common { seed, quick, .. } = self.common;
        if self.database.is_empty() || self.is_interactive() {
            return Ok(Table::Generated(Shape::usual(seed, quick).rows));
        }
        let asked = databases.iter().take(self.queries.into());
        Table::of_all(&asked.cloned().collect::<Vec<_>>())
    }

    fn databases(&self) -> Result<Vec<PathBuf>> {
        if self.database.is_empty() {
            let Common { seed, quick, .. } = self.common;
            return generated(&Shape::usual(seed, quick));
        }
        let there = |path: &PathBuf| {
            fs::metadata(path)
                .with_context(|| format!("database {}", Escaped(path)))
                .map(|_| path.clone())
        };
        self.database.iter().map(there).collect()
    }
}

/// The work of a run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whether a person uses the program, rather than a script.
    pub is_interactive: bool,
    /// Whether queries run only on the thread that draws the screen.
    pub no_worker: bool,
    /// How many databases are queried at once.
    pub at_once: usize,
    /// How many queries the script cancels.
    pub cancels: u32,
    /// The script's query.
    pub walk: Walk,
    /// Whether the user brought databases.
    pub has_own_databases: bool,
    /// The databases to choose from.
    pub databases: Vec<PathBuf>,
}

impl Plan {
    /// Example queries for a person. The first is the script's.
    fn examples(&self) -> Vec<String> {
        let mut examples = match self.walk.table {
            Table::Own(_) => vec![self.walk.sql()],
            Table::Generated(_) if self.has_own_databases => {
                vec!["SELECT * FROM sqlite_schema".into()]
            }
            Table::Generated(_) => vec![
                self.walk.sql(),
                "SELECT station, count(*), avg(m0), max(m1) \
                 FROM measurements GROUP BY station"
                    .into(),
                "SELECT * FROM measurements".into(),
            ],
        };
        examples.push(format!("{} 1000000) SELECT n FROM t", counting("<")));
        examples.push(format!("{} 0) SELECT count(*) FROM t", counting(">")));
        examples
    }
}

/// A query that counts as long as its condition holds.
fn counting(condition: &str) -> String {
    format!(
        "WITH RECURSIVE t(n) AS (VALUES (1) \
         UNION ALL SELECT n + 1 FROM t WHERE n {condition}"
    )
}
