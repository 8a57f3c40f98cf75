//! Reads the numeric columns of a table, in one pass.

use std::ptr;

use anyhow::{Context as _, Result, bail, ensure};
use rusqlite::{Connection, ffi};

use super::{Source, Span, find};
use crate::{databases, laps::monotonic};

/// The numbers of a table: its numeric columns, its complete rows.
///
/// They lie row by row, as they come from the database. Column by column would
/// suit the products a little better, but turning the table over costs more
/// than they would gain (10 ms against 5 ms for 2.4 million numbers).
#[derive(Debug)]
pub struct Table {
    pub(super) source: Source,
    pub(super) load: Span,
    /// The used columns' names.
    pub(super) columns: Vec<String>,
    pub(super) columns_left_out: Vec<String>,
    pub(super) rows_left_out: usize,
    pub(super) values: Vec<f64>,
}

impl Table {
    /// How many rows are complete.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns.len()
    }

    /// The names of the numeric columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The names of the others.
    pub fn columns_left_out(&self) -> &[String] {
        &self.columns_left_out
    }

    /// How many rows are not complete.
    pub fn rows_left_out(&self) -> usize {
        self.rows_left_out
    }

    /// The numbers, row by row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

/// Reads a table.
///
/// A column is numeric if it has a value, and all its values are stored as
/// numbers. What the column was declared as is no proof: SQLite stores what it
/// is given. Hidden columns of virtual tables are not read; generated columns
/// are, as `SELECT *` has them.
///
/// # Errors
///
/// Fails, naming the file, if it is missing, is no database, or does not have
/// the table; if the table has no row, no numeric column, fewer than two
/// complete rows, or an infinite number.
pub fn load(source: &Source) -> Result<Table> {
    let start = monotonic();
    let table = source.blame(read(source))?;
    let end = monotonic();
    Ok(Table { load: Span { start, end }, ..table })
}

fn read(source: &Source) -> Result<Table> {
    let connection = databases::open(&source.path)?;
    let name = find::find(&connection, Some(&source.table))?;
    Raw::read(&connection, &name)
        .map_err(databases::said_once)
        .and_then(|raw| raw.sift(source))
        .with_context(|| format!("table {name:?}"))
}

/// A table as it comes: all columns, all rows, NaN where there is no number.
/// That mark is free, because SQLite stores a NaN as NULL.
struct Raw {
    names: Vec<String>,
    /// Which columns have something that is neither a number nor NULL.
    foreign: Vec<bool>,
    values: Vec<f64>,
}

impl Raw {
    fn read(connection: &Connection, table: &str) -> rusqlite::Result<Self> {
        let query = format!("SELECT * FROM main.{}", find::quoted(table));
        let mut statement = connection.prepare(&query)?;
        let names = statement.column_names().map(Into::into).collect();
        let mut foreign = vec![false; statement.column_count()];
        let mut values = Vec::new();
        // SAFETY: the handle is only used for this one call.
        let database = unsafe { connection.handle() };
        // SAFETY: the database is open. Of its statements this is the first in
        // the list, and the only one: the connection is ours alone.
        let raw = unsafe { ffi::sqlite3_next_stmt(database, ptr::null_mut()) };
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
            columns_left_out.join(", ")
        );
        let columns = used.iter().copied().map(name).collect();
        let rows_left_out = self.keep_complete_rows(&used)?;
        Ok(Table {
            source: source.clone(),
            load: Span::default(),
            columns,
            columns_left_out,
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

    /// Moves the used values of complete rows together, in place, and says how
    /// many rows are left out.
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
            match is_finite {
                true => end += used.len(),
                false => self.refuse_infinite(row, used, end)?,
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

    /// A row whose used values, at `start`, are not all finite, is incomplete;
    /// unless one is infinite, because that is no measurement at all.
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

/// The value of a column, NaN for NULL; nothing, if it is not a number.
///
/// This is the hot loop of the load, and so it is spelled with SQLite's own
/// calls: `Row::get_ref` asks for the number of columns each time, and copies
/// a text that nobody will read (26 ns for a number, and 20 ns here, of which
/// 8 ns is SQLite's step).
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
