//! The script's query.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};

use crate::databases;

/// A query that keeps a core busy and yields rows all along: it walks from row
/// to row of a table, and returns about every 256th step. The steps are those
/// of the minimal standard generator (Park and Miller, 1993), which takes one
/// line in any language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// Where it starts.
    pub seed: u64,
    /// The number of steps.
    pub steps: u64,
    /// The table.
    pub table: Table,
}

/// The table of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Table {
    /// The table of the generated databases, with this many rows.
    Generated(usize),
    /// A table of the user's, by name.
    Own(String),
}

impl Walk {
    /// The walk in SQL.
    pub fn sql(&self) -> String {
        let first = 1 + self.seed % 2_147_483_646;
        let steps = self.steps;
        let (columns, join) = self.table.sql();
        format!(
            "WITH RECURSIVE walk(step, place) AS (VALUES (0, {first}) \
             UNION ALL SELECT step + 1, place * 48271 % 2147483647 \
             FROM walk WHERE step < {steps}) \
             SELECT step, {columns} FROM walk {join} WHERE place % 256 = 0"
        )
    }
}

impl Table {
    /// The columns to read, and the join.
    fn sql(&self) -> (&'static str, String) {
        match self {
            Table::Generated(rows) => (
                "station, m2",
                format!(
                    "CROSS JOIN measurements \
                     ON measurements.rowid = 1 + place % {rows}"
                ),
            ),
            // Its row ids may have gaps, so it takes the next one that exists.
            Table::Own(name) => {
                let name = format!("\"{}\"", name.replace('"', "\"\""));
                let largest = format!("(SELECT max(_rowid_) FROM {name})");
                let next = format!(
                    "(SELECT min(_rowid_) FROM {name} \
                     WHERE _rowid_ > place % {largest})"
                );
                let join = format!("LEFT JOIN {name} t ON t._rowid_ = {next}");
                ("t.*", join)
            }
        }
    }

    /// The first table that all of these databases have: all of them get the
    /// same query.
    ///
    /// # Errors
    ///
    /// Fails if one cannot be read, or if there is no such table.
    pub fn of_all(databases: &[PathBuf]) -> Result<Self> {
        let mut common: Option<Vec<String>> = None;
        for path in databases {
            let tables = tables(path).with_context(|| name(path))?;
            let is_there = |table: &String| tables.contains(table);
            common = Some(match common {
                Some(common) => common.into_iter().filter(is_there).collect(),
                None => tables,
            });
        }
        let first = common.and_then(|common| common.into_iter().next());
        let names: Vec<_> = databases.iter().map(|path| name(path)).collect();
        first.map(Table::Own).with_context(|| {
            format!(
                "{}: the script reads a table that all of them have, but \
                 there is none; without --headless you can run any query",
                names.join(", ")
            )
        })
    }
}

fn name(database: &Path) -> String {
    format!("database {}", database.display())
}

/// The names of the tables with row ids, the oldest first.
fn tables(database: &Path) -> Result<Vec<String>> {
    let connection = databases::open(database)?;
    let read = || {
        let mut statement = connection.prepare(
            "SELECT it.name FROM sqlite_schema it JOIN pragma_table_list kind \
             ON kind.schema = 'main' AND kind.name = it.name \
             WHERE it.type = 'table' AND kind.type = 'table' AND kind.wr = 0 \
             AND it.name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY it.rowid",
        )?;
        let mut rows = statement.query([])?;
        let mut names = Vec::new();
        while let Some(row) = rows.next()? {
            // A name that is not text cannot be part of a query.
            names.extend(row.get_ref(0)?.as_str().ok().map(str::to_owned));
        }
        Ok(names)
    };
    read().map_err(|error: rusqlite::Error| anyhow!("{error}"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// A database file created by these statements.
    fn database(home: &Path, name: &str, sql: &str) -> PathBuf {
        let path = home.join(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        path
    }

    #[test]
    fn a_walk_finds_a_row_at_each_step_of_a_table_with_gaps() {
        let home = tempfile::tempdir().unwrap();
        let path = database(
            home.path(),
            "gaps.sqlite",
            "CREATE TABLE \"a \"\"b\" (c);
             INSERT INTO \"a \"\"b\" (_rowid_, c) VALUES
                (-5, 1), (3, 2), (700, 3), (9000000000, 4)",
        );
        let table = Table::of_all(std::slice::from_ref(&path)).unwrap();
        assert_eq!(table, Table::Own("a \"b".into()));
        let walk = Walk { seed: 1, steps: 100_000, table };
        let connection = databases::open(&path).unwrap();
        let mut statement = connection.prepare(&walk.sql()).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, i64>(1));
        let rows: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
        assert!(rows.len() > 300, "{}", rows.len());
        assert!(rows.iter().all(|row| (2..=4).contains(row)));
    }

    #[test]
    fn the_table_is_one_that_all_of_them_have() {
        let home = tempfile::tempdir().unwrap();
        let one = "CREATE TABLE a (x); CREATE TABLE b (x); CREATE VIEW c AS \
                   SELECT 1; CREATE TABLE d (x PRIMARY KEY) WITHOUT ROWID";
        let one = database(home.path(), "one.sqlite", one);
        let other = "CREATE TABLE c (x); CREATE TABLE d (x); \
                     CREATE TABLE b (x)";
        let other = database(home.path(), "other.sqlite", other);
        let empty = database(home.path(), "empty.sqlite", "");
        let both = Table::of_all(&[one.clone(), other]).unwrap();
        assert_eq!(both, Table::Own("b".into()));
        let none = Table::of_all(&[one, empty]).unwrap_err().to_string();
        assert!(none.contains("empty.sqlite"), "{none}");
        assert!(none.contains("without --headless"), "{none}");
    }
}
