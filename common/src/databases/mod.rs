//! The databases of the scenarios that have some: six that are generated, or
//! a person's own. Opens one to read, and finds the table in it.

use std::{fs, path::Path, sync::Once, time::Duration};

use anyhow::{Result, anyhow, bail, ensure};
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

mod generate;

pub use generate::{Shape, generate, generated};

/// The name of the table in the generated databases.
pub const TABLE: &str = "measurements";

/// How long to wait for one who is writing to the database.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a database calls a table or a view.
struct Entry {
    name: String,
    is_view: bool,
}

/// Opens a database to read. The connection has no mutex of its own, because
/// it stays with the worker that opened it.
pub(crate) fn open(path: &Path) -> Result<Connection> {
    let metadata = fs::metadata(path)?;
    ensure!(metadata.is_file(), "it is a directory or device, not a file");
    switch_statistics_off();
    let connection = Connection::open_with_flags(
        // "./file:x" is a file. "file:x" would be a URI: the bundled SQLite
        // is built to see one even where the flag for it is off.
        Path::new(".").join(path),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(said_once)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// A database in memory, to be filled.
pub(crate) fn open_in_memory() -> Result<Connection> {
    switch_statistics_off();
    Ok(Connection::open_in_memory()?)
}

/// The table that is meant: `wanted`, in whatever case; without it the only
/// one there is, or the one that is called as in the generated databases.
pub(crate) fn find(
    connection: &Connection,
    wanted: Option<&str>,
) -> Result<String> {
    choose(&entries(connection).map_err(said_once)?, wanted)
}

/// The text of an error has that of its source in it; as a chain of the two it
/// would be said twice.
pub(crate) fn said_once(error: rusqlite::Error) -> anyhow::Error {
    match error.sqlite_error_code() {
        // Said of a reader, this needs a word more.
        Some(ErrorCode::ReadOnly) => anyhow!(
            "{error}: in WAL mode, or after a crash, it can only be read \
             where it can be written to; read a copy"
        ),
        // Of one who could not even be opened, it would say the path alone.
        Some(ErrorCode::OutOfMemory) => anyhow!("out of memory"),
        _ => anyhow!("{error}"),
    }
}

/// The name as SQL has it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// SQLite counts its memory, all connections of a process together, under one
/// mutex, at every allocation. Threads would meet there and processes would
/// not, which is a difference, but of SQLite's making and one that can be
/// switched off: so it is, before the first connection.
fn switch_statistics_off() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the option takes one `int`, and `Once` lets nobody else in
        // until it is set. If SQLite is in use already, by a part of the
        // program that is not ours, it refuses, and is slower, and no worse.
        unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0) };
    });
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
