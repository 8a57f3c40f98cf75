//! Finds the requested table in a database.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use rusqlite::Connection;

use super::TABLE;
use crate::{databases::said_once, escaped::Escaped};

/// A table or a view.
struct Entry {
    name: OsString,
    is_view: bool,
}

impl Entry {
    /// Only a name that is valid UTF-8 can be part of a query.
    fn text(&self) -> Result<String> {
        let text = self.name.to_str().map(Into::into);
        text.with_context(|| {
            format!(
                "the name of its table \"{}\" is not UTF-8, so no query \
                 can contain it: rename the table",
                Escaped(&self.name)
            )
        })
    }
}

/// The requested table: `wanted`, case-insensitively; otherwise the only one
/// there is, or the one named as in the generated databases.
pub(super) fn find(
    connection: &Connection,
    path: &Path,
    wanted: Option<&str>,
) -> Result<String> {
    let entries = entries(connection).map_err(|error| said_once(path, error));
    choose(&entries?, wanted)
}

/// The name as an SQL identifier.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// All tables and views. SQLite's internal tables and the shadow tables of a
/// full-text index contain no measurements.
fn entries(connection: &Connection) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = connection.prepare(
        "SELECT name, type = 'view' FROM pragma_table_list \
         WHERE schema = 'main' AND type <> 'shadow' \
         AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )?;
    let entries = statement.query_map([], |row| {
        let name = OsStr::from_bytes(row.get_ref(0)?.as_bytes()?).to_owned();
        Ok(Entry { name, is_view: row.get(1)? })
    })?;
    entries.collect()
}

fn choose(entries: &[Entry], wanted: Option<&str>) -> Result<String> {
    let named = |name: &str| {
        entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name))
    };
    let mut tables = entries.iter().filter(|entry| !entry.is_view);
    let found = match (wanted, tables.next(), tables.next()) {
        (Some(wanted), _, _) => named(wanted),
        (None, Some(only), None) => Some(only),
        (None, _, _) => named(TABLE),
    };
    match (found, wanted) {
        (Some(entry), _) => entry.text(),
        (None, _) if entries.is_empty() => bail!("it has no table"),
        (None, Some(wanted)) => {
            bail!("it has no table {wanted:?}, only {}", list(entries))
        }
        (None, None) => {
            bail!("which table? Give --table one of {}", list(entries))
        }
    }
}

fn list(entries: &[Entry]) -> String {
    let shown = |entry: &Entry| format!("\"{}\"", Escaped(&entry.name));
    let names = entries.iter().map(shown);
    names.collect::<Vec<_>>().join(", ")
}
