//! The databases of the scenarios that have some: six that are generated, or
//! a person's own.

use std::{fs, path::Path, sync::Once, time::Duration};

use anyhow::{Result, anyhow, ensure};
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

mod generate;

pub use generate::{Shape, generate, generated};

/// The name of the table in the generated databases.
pub const TABLE: &str = "measurements";

/// How long to wait for one who is writing to the database.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens a database to read. The connection has no mutex of its own, because
/// it stays with the worker that opened it.
///
/// # Errors
///
/// Fails if there is no such file, or one that cannot be read.
pub fn open(path: &Path) -> Result<Connection> {
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
fn open_in_memory() -> Result<Connection> {
    switch_statistics_off();
    Ok(Connection::open_in_memory()?)
}

/// The text of an error has that of its source in it; as a chain of the two it
/// would be said twice.
pub fn said_once(error: rusqlite::Error) -> anyhow::Error {
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
