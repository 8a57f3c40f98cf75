//! The databases of the scenarios that have some: six that are generated, or
//! a person's own.

use std::{ffi::CStr, fs, path::Path, ptr, sync::Once, time::Duration};

use anyhow::{Result, anyhow, ensure};
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use rustix::fs::{Access, access};

mod generate;
mod version;

pub use generate::{Shape, generate, generated};
pub use version::Version;

/// The name of the table in the generated databases.
pub const TABLE: &str = "measurements";

const INTERRUPTED: &str = "\
a write to it was interrupted, and must be rolled back first: open it once \
where it can be written to, with its own program or `sqlite3 FILE .tables`; \
to read a copy, copy FILE-journal with it and do the same there";

const IN_WAL_MODE: &str = "\
it is in WAL mode, and can only be read where FILE-shm can be written beside \
it: copy FILE, and FILE-wal if there is one, together into a folder that can \
be written to, and read that";

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
    // Not by opening it: closing it would drop the locks that other readers
    // in this process hold on it (fcntl(2)).
    access(path, Access::READ_OK)?;
    switch_statistics_off();
    let connection = Connection::open_with_flags(
        // "./file:x" is a file. "file:x" would be a URI: the bundled SQLite
        // is built to see one even where the flag for it is off.
        Path::new(".").join(path),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(|error| said_once(path, error))?;
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
pub fn said_once(path: &Path, error: rusqlite::Error) -> anyhow::Error {
    match error.sqlite_error_code() {
        // Of one who could not even be opened, it would say the path alone.
        Some(ErrorCode::OutOfMemory) => anyhow!("out of memory"),
        _ => match not_readable_yet(path, &error) {
            Some(why) => anyhow!("{why}"),
            None => anyhow!("{error}"),
        },
    }
}

/// Why a sound database at this path cannot be read as it is, and how it can;
/// nothing, if the error is about something else.
pub fn not_readable_yet(
    path: &Path,
    error: &rusqlite::Error,
) -> Option<&'static str> {
    match error.sqlite_error()?.extended_code {
        ffi::SQLITE_READONLY_ROLLBACK => Some(INTERRUPTED),
        ffi::SQLITE_READONLY_RECOVERY
        | ffi::SQLITE_READONLY_CANTINIT
        | ffi::SQLITE_READONLY_CANTLOCK
        | ffi::SQLITE_READONLY_DIRECTORY => Some(IN_WAL_MODE),
        // There is nothing else that a reader would have to create.
        ffi::SQLITE_CANTOPEN if !is_in_a_writable_folder(path) => {
            Some(IN_WAL_MODE)
        }
        _ => None,
    }
}

fn is_in_a_writable_folder(path: &Path) -> bool {
    let folder = Path::new(".").join(path);
    let folder = folder.parent().unwrap_or(&folder);
    access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// The names of a result's columns. What is not UTF-8 in one becomes U+FFFD,
/// where rusqlite's own call would panic.
pub fn column_names(connection: &Connection, sql: &str) -> Vec<String> {
    let statement = prepared(connection, sql);
    // SAFETY: the statement is alive, or null, of which SQLite says 0.
    let count = unsafe { ffi::sqlite3_column_count(statement) };
    let name = |column| {
        // SAFETY: as above; the statement has that column.
        let name = unsafe { ffi::sqlite3_column_name(statement, column) };
        if name.is_null() {
            return String::new(); // out of memory
        }
        // SAFETY: it is a string of C, and is copied before the next call.
        let name = unsafe { CStr::from_ptr(name) };
        name.to_string_lossy().into_owned()
    };
    (0..count).map(name).collect()
}

/// The statement that was prepared from this text, as SQLite's own calls take
/// it; null if there is none. It is not simply the only one of its connection:
/// a virtual table may keep some of its own.
pub fn prepared(connection: &Connection, sql: &str) -> *mut ffi::sqlite3_stmt {
    let mut statement = ptr::null_mut();
    loop {
        // SAFETY: the handle is only used for the next call.
        let database = unsafe { connection.handle() };
        // SAFETY: database and statement are alive, and no other thread uses
        // them meanwhile: a connection is not `Sync`.
        statement = unsafe { ffi::sqlite3_next_stmt(database, statement) };
        if statement.is_null() || is_of(statement, sql) {
            return statement;
        }
    }
}

/// SQLite keeps no more of the text than the statement itself.
fn is_of(statement: *mut ffi::sqlite3_stmt, sql: &str) -> bool {
    // SAFETY: the statement is alive.
    let text = unsafe { ffi::sqlite3_sql(statement) };
    if text.is_null() {
        return false;
    }
    // SAFETY: it is a string of C, which lives as long as the statement.
    let text = unsafe { CStr::from_ptr(text) }.to_bytes();
    !text.is_empty() && sql.as_bytes().starts_with(text)
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
