//! SQLite's global statistics are off. This test is a program of its own,
//! because they are global: nothing else may have opened a database before.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use common::scenarios::matrix::{Shape, Source, TABLE, generate, load};
use rusqlite::{Connection, ffi};

#[test]
fn connections_do_not_meet_at_the_statistics_of_memory() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape { seed: 1, rows: 2, columns: 2 };
    for path in generate(folder.path(), &shape).unwrap() {
        let table = TABLE.into();
        load(&Source { path, table }).unwrap();
    }
    let _open = Connection::open_in_memory().unwrap();
    // SAFETY: the call only reads a counter.
    let used = unsafe { ffi::sqlite3_memory_used() };
    assert_eq!(used, 0, "bytes of memory in use are counted");
}
