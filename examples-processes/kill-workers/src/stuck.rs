//! The kinds of stuck jobs, and what stops each of them.

use std::{
    hint::spin_loop,
    io::{self, Read as _},
    sync::PoisonError,
    thread,
    time::Duration,
};

use anyhow::{Result, bail};
use common::scenarios::kill_workers::{ENDLESS_QUERY, Kind, native_call};
use process_kit::{Mutex, Turn};
use rusqlite::Connection;

/// Hangs until something stops it.
pub fn hang(kind: Kind, turn: &Turn, lost: &Mutex<i64>) -> Result<u64> {
    match kind {
        Kind::Loop => tight_loop(turn),
        Kind::Read => blocked_read()?,
        Kind::Query => endless_query()?,
        Kind::Sleep => thread::sleep(Duration::MAX),
        Kind::Lock => lost_lock(lost),
        Kind::Native => bail!("the call returned {}", native_call()),
    }
    bail!("stopped")
}

fn tight_loop(turn: &Turn) {
    while !turn.is_cancelled() {
        spin_loop();
    }
}

// processes: a job registers nothing. SIGTERM terminates the process, whatever
// it waits for.
fn blocked_read() -> Result<()> {
    let (mut reader, _writer) = io::pipe()?;
    Ok(reader.read_exact(&mut [0])?)
}

fn endless_query() -> Result<()> {
    let database = Connection::open_in_memory()?;
    Ok(database.query_row(ENDLESS_QUERY, [], |_| Ok(()))?)
}

fn lost_lock(lost: &Mutex<i64>) {
    drop(lost.lock().unwrap_or_else(PoisonError::into_inner));
}
