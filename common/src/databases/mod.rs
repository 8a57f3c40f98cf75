//! The databases for the scenarios that use them: six generated ones, or the
//! user's own.

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
a write to it was interrupted and must be rolled back first: open it once \
where it is writable, with its own program or `sqlite3 FILE .tables`; to read \
a copy, copy FILE-journal along with it and do the same there";

const IN_WAL_MODE: &str = "\
it is in WAL mode and can only be read where FILE-shm can be created next to \
it: copy FILE, and FILE-wal if it exists, into one writable folder, and read \
the copy";

/// How long to wait for a writer of the database.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens a database for reading. The connection has no mutex, because it stays
/// with the worker that opened it.
///
/// # Errors
///
/// Fails if the file does not exist or cannot be read.
pub fn open(path: &Path) -> Result<Connection> {
    let metadata = fs::metadata(path)?;
    ensure!(metadata.is_file(), "it is a directory or device, not a file");
    // Not by opening it: closing it would drop the locks that other readers
    // in this process hold on it (fcntl(2)).
    access(path, Access::READ_OK)?;
    switch_statistics_off();
    let connection = Connection::open_with_flags(
        // "./file:x" is a file. "file:x" would be a URI: the bundled SQLite
        // is built to accept URIs even without the flag for it.
        Path::new(".").join(path),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(|error| said_once(path, error))?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// An empty database in memory.
fn open_in_memory() -> Result<Connection> {
    switch_statistics_off();
    Ok(Connection::open_in_memory()?)
}

/// The text of an error already contains that of its source, so a chain of the
/// two would repeat it.
pub fn said_once(path: &Path, error: rusqlite::Error) -> anyhow::Error {
    match error.sqlite_error_code() {
        // If it could not even be opened, the text would be the path alone.
        Some(ErrorCode::OutOfMemory) => anyhow!("out of memory"),
        _ => match not_readable_yet(path, &error) {
            Some(why) => anyhow!("{why}"),
            None => anyhow!("{error}"),
        },
    }
}

/// Why an intact database at this path cannot be read as it is, and how to read
/// it. None if the error has another cause.
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
        // A reader never has to create anything else.
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

/// The names of a result's columns. Invalid UTF-8 becomes U+FFFD, where
/// rusqlite's own call would panic.
pub fn column_names(connection: &Connection, sql: &str) -> Vec<String> {
    let statement = prepared(connection, sql);
    // SAFETY: the statement is alive, or null, for which SQLite returns 0.
    let count = unsafe { ffi::sqlite3_column_count(statement) };
    let name = |column| {
        // SAFETY: as above; the statement has that column.
        let name = unsafe { ffi::sqlite3_column_name(statement, column) };
        if name.is_null() {
            return String::new(); // out of memory
        }
        // SAFETY: it is a C string, and is copied before the next call.
        let name = unsafe { CStr::from_ptr(name) };
        name.to_string_lossy().into_owned()
    };
    (0..count).map(name).collect()
}

/// The raw handle of the statement prepared from this text, or null. It need
/// not be the connection's only statement: a virtual table may have its own.
pub fn prepared(connection: &Connection, sql: &str) -> *mut ffi::sqlite3_stmt {
    let mut statement = ptr::null_mut();
    loop {
        // SAFETY: the handle is only used for the next call.
        let database = unsafe { connection.handle() };
        // SAFETY: database and statement are alive, and no other thread uses
        // them at the same time: a connection is not `Sync`.
        statement = unsafe { ffi::sqlite3_next_stmt(database, statement) };
        if statement.is_null() || is_of(statement, sql) {
            return statement;
        }
    }
}

/// SQLite keeps only the part of the text that is the statement.
fn is_of(statement: *mut ffi::sqlite3_stmt, sql: &str) -> bool {
    // SAFETY: the statement is alive.
    let text = unsafe { ffi::sqlite3_sql(statement) };
    if text.is_null() {
        return false;
    }
    // SAFETY: it is a C string, which lives as long as the statement.
    let text = unsafe { CStr::from_ptr(text) }.to_bytes();
    !text.is_empty() && sql.as_bytes().starts_with(text)
}

/// At every allocation, SQLite updates memory statistics under one mutex for
/// all connections of a process. Threads would contend for it and processes
/// would not. That difference is SQLite's own and can be switched off, so this
/// does so before the first connection.
fn switch_statistics_off() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the option takes one `int`, and `Once` blocks all other
        // callers until it is set. If another part of the program, not ours,
        // already uses SQLite, SQLite refuses, and is slower but no less safe.
        unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0) };
    });
}
