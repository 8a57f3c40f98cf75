//! Reads the numeric columns of a table, in one pass.

use anyhow::{Context as _, Result, bail, ensure};
use rusqlite::{Connection, ffi};

use super::{Source, Span, find};
use crate::{
    databases::{self, Version},
    escaped::Escaped,
    laps::monotonic,
};

/// 2^53: from here on, one float stands for several integers.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// The numbers of a table: its numeric columns, its complete rows.
///
/// They are stored row by row, as they come from the database. Column by column
/// would suit the products a little better, but transposing the table costs
/// more than it gains (10 ms against 5 ms for 2.4 million numbers).
#[derive(Debug)]
pub struct Table {
    pub(super) source: Source,
    pub(super) load: Span,
    /// The version of the database, before it was read.
    pub(super) version: Version,
    /// The names of the used columns.
    pub(super) columns: Vec<String>,
    /// The indices of these columns among all.
    places: Vec<usize>,
    pub(super) columns_left_out: Vec<String>,
    /// Those of `columns` whose values are all the same as floats, but differ
    /// as integers.
    pub(super) columns_made_constant: Vec<String>,
    pub(super) rows_left_out: usize,
    pub(super) values: Vec<f64>,
}

impl Table {
    /// The number of complete rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns.len()
    }

    /// The names of the numeric columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The names of the other columns.
    pub fn columns_left_out(&self) -> &[String] {
        &self.columns_left_out
    }

    /// The number of incomplete rows.
    pub fn rows_left_out(&self) -> usize {
        self.rows_left_out
    }

    /// The names of the numeric columns that are constant only as floats.
    pub fn columns_made_constant(&self) -> &[String] {
        &self.columns_made_constant
    }

    /// The numbers, row by row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    fn is_constant_beyond_integers(&self, column: usize) -> bool {
        let first = self.values[column];
        let mut values =
            self.values[column..].iter().step_by(self.columns.len());
        first.abs() >= LARGEST_EXACT && values.all(|value| *value == first)
    }
}

/// Reads a table.
///
/// A column is numeric if it has a value and all its values are stored as
/// numbers. Its declared type proves nothing: SQLite stores what it is given.
/// Hidden columns of virtual tables are not read; generated columns are, as in
/// `SELECT *`.
///
/// # Errors
///
/// Fails, naming the file, if it is missing, is not a database, or does not
/// have the table; or if the table has no row, no numeric column, fewer than
/// two complete rows, or an infinite number.
pub fn load(source: &Source) -> Result<Table> {
    let start = monotonic();
    let table = source.blame(read(source))?;
    let end = monotonic();
    Ok(Table { load: Span { start, end }, ..table })
}

fn read(source: &Source) -> Result<Table> {
    let path = &source.path;
    let version = Version::of(path);
    let connection = databases::open(path)?;
    let name = find::find(&connection, path, Some(&source.table))?;
    read_table(&connection, &name, source)
        .map(|table| Table { version, ..table })
        .with_context(|| format!("table {name:?}"))
}

/// Uses one transaction, so that all queries see the same state.
fn read_table(
    connection: &Connection,
    name: &str,
    source: &Source,
) -> Result<Table> {
    let said_once = |error| databases::said_once(&source.path, error);
    let snapshot = connection.unchecked_transaction().map_err(said_once)?;
    let raw = Raw::read(&snapshot, name).map_err(said_once)?;
    let table = raw.sift(source)?;
    let columns_made_constant =
        made_constant(&snapshot, name, &table).map_err(said_once)?;
    Ok(Table { columns_made_constant, ..table })
}

/// A table as it comes: all columns, all rows, and NaN where there is no
/// number. NaN is free to use, because SQLite stores a NaN as NULL.
struct Raw {
    names: Vec<String>,
    /// Which columns contain something that is neither a number nor NULL.
    foreign: Vec<bool>,
    values: Vec<f64>,
}

impl Raw {
    fn read(connection: &Connection, table: &str) -> rusqlite::Result<Self> {
        let query = format!("SELECT * FROM main.{}", find::quoted(table));
        let mut statement = connection.prepare(&query)?;
        let names = databases::column_names(connection, &query);
        let mut foreign = vec![false; names.len()];
        let mut values = Vec::new();
        let raw = databases::prepared(connection, &query);
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {
            let columns = foreign.iter_mut().zip(0..);
            values.extend(columns.map(|(foreign, column)| {
                // SAFETY: `rows` keeps the statement alive and on a row, which
                // has a value for each column.
                let number = unsafe { number(raw, column) };
                *foreign |= number.is_none();
                number.unwrap_or(f64::NAN)
            }));
        }
        Ok(Raw { names, foreign, values })
    }

    fn sift(mut self, source: &Source) -> Result<Table> {
        ensure!(!self.values.is_empty(), "it is empty");
        let used = self.numeric_columns();
        let name = |column: usize| self.names[column].clone();
        let is_left_out = |column: &usize| !used.contains(column);
        let all = 0..self.names.len();
        let columns_left_out: Vec<String> =
            all.filter(is_left_out).map(name).collect();
        ensure!(
            !used.is_empty(),
            "none of its columns is numeric: {}",
            Escaped(&columns_left_out.join(", "))
        );
        let columns = used.iter().copied().map(name).collect();
        let rows_left_out = self.keep_complete_rows(&used)?;
        Ok(Table {
            source: source.clone(),
            load: Span::default(),
            version: Version::default(),
            columns,
            places: used,
            columns_left_out,
            columns_made_constant: Vec::new(),
            rows_left_out,
            values: self.values,
        })
    }

    fn numeric_columns(&self) -> Vec<usize> {
        let width = self.names.len();
        let has_number = |column: &usize| {
            let mut values = self.values[*column..].iter().step_by(width);
            values.any(|value| !value.is_nan())
        };
        (0..width)
            .filter(|&column| !self.foreign[column])
            .filter(has_number)
            .collect()
    }

    /// Moves the used values of complete rows together, in place, and returns
    /// how many rows are left out.
    fn keep_complete_rows(&mut self, used: &[usize]) -> Result<usize> {
        let width = self.names.len();
        let rows = self.values.len() / width;
        let mut end = 0;
        for row in 0..rows {
            let mut is_finite = true;
            for (to, from) in (end..).zip(used) {
                let value = self.values[row * width + from];
                is_finite &= value.is_finite();
                self.values[to] = value;
            }
            if is_finite {
                end += used.len();
            } else {
                self.refuse_infinite(row, used, end)?;
            }
        }
        self.values.truncate(end);
        let complete = end / used.len();
        ensure!(
            complete >= 2,
            "{complete} of its {rows} rows has a number in each numeric \
             column, and a covariance needs two"
        );
        Ok(rows - complete)
    }

    /// A row whose used values, at `start`, are not all finite, is incomplete.
    /// An infinite value is an error, because it is not a measurement.
    fn refuse_infinite(
        &self,
        row: usize,
        used: &[usize],
        start: usize,
    ) -> Result<()> {
        let values = &self.values[start..start + used.len()];
        match values.iter().position(|value| value.is_infinite()) {
            None => Ok(()),
            Some(position) => bail!(
                "column {:?} is infinite in row {}",
                self.names[used[position]],
                row + 1
            ),
        }
    }
}

/// Which columns are constant only because floats cannot hold the difference
/// between their integers.
fn made_constant(
    connection: &Connection,
    name: &str,
    table: &Table,
) -> rusqlite::Result<Vec<String>> {
    let suspects: Vec<usize> = (0..table.columns.len())
        .filter(|&column| table.is_constant_beyond_integers(column))
        .collect();
    let differ = |&column: &usize| {
        let column = table.places[column];
        format!(
            "min(c{column}) < max(c{column}) AND \
             CAST(min(c{column}) AS REAL) = CAST(max(c{column}) AS REAL)"
        )
    };
    if suspects.is_empty() {
        return Ok(Vec::new());
    }
    let all = 0..table.columns.len() + table.columns_left_out.len();
    let all: Vec<_> = all.map(|column| format!("c{column}")).collect();
    let differ: Vec<_> = suspects.iter().map(differ).collect();
    let query = format!(
        "WITH t({}) AS (SELECT * FROM main.{}) SELECT {} FROM t",
        all.join(", "),
        find::quoted(name),
        differ.join(", ")
    );
    connection.query_row(&query, [], |row| {
        let mut made_constant = Vec::new();
        for (index, &column) in suspects.iter().enumerate() {
            if row.get(index)? {
                made_constant.push(table.columns[column].clone());
            }
        }
        Ok(made_constant)
    })
}

/// The value of a column: NaN for NULL, None for anything that is not a number.
///
/// This is the hot loop of the load, so it calls SQLite directly:
/// `Row::get_ref` requests the number of columns each time, and copies text
/// that nobody reads (26 ns for a number, against 20 ns here, of which 8 ns are
/// SQLite's step).
///
/// # Safety
///
/// The statement must be alive, stand on a row, and have that column.
unsafe fn number(
    statement: *mut ffi::sqlite3_stmt,
    column: i32,
) -> Option<f64> {
    // SAFETY: as the caller promises. The value is used before the next step.
    let value = unsafe { ffi::sqlite3_column_value(statement, column) };
    // SAFETY: the value is alive. It needs no protection by a mutex, because
    // its connection is used by no other thread.
    match unsafe { ffi::sqlite3_value_type(value) } {
        ffi::SQLITE_NULL => Some(f64::NAN),
        ffi::SQLITE_INTEGER | ffi::SQLITE_FLOAT => {
            // SAFETY: as above.
            Some(unsafe { ffi::sqlite3_value_double(value) })
        }
        _ => None,
    }
}
