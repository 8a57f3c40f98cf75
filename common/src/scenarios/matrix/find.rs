//! Finds the table that is meant in a database.

use anyhow::{Result, bail};
use rusqlite::Connection;

use super::TABLE;
use crate::databases::said_once;

/// What a database calls a table or a view.
struct Entry {
    name: String,
    is_view: bool,
}

/// The table that is meant: `wanted`, in whatever case; without it the only
/// one there is, or the one that is called as in the generated databases.
pub(super) fn find(
    connection: &Connection,
    wanted: Option<&str>,
) -> Result<String> {
    choose(&entries(connection).map_err(said_once)?, wanted)
}

/// The name as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// All tables and views. What SQLite keeps for itself, and the shadow tables
/// of a full-text index, are nobody's measurements.
fn entries(connection: &Connection) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = connection.prepare(
        "SELECT name, type = 'view' FROM pragma_table_list \
         WHERE schema = 'main' AND type <> 'shadow' \
         AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )?;
    let entries = statement.query_map([], |row| {
        Ok(Entry { name: row.get(0)?, is_view: row.get(1)? })
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
        (Some(entry), _) => Ok(entry.name.clone()),
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
    let names = entries.iter().map(|entry| format!("{:?}", entry.name));
    names.collect::<Vec<_>>().join(", ")
}
