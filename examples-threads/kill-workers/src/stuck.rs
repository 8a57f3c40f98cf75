//! The kinds of stuck jobs, and what stops each of them.

use std::{
    hint::spin_loop,
    io::{self, Read as _},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Result, bail};
use common::scenarios::kill_workers::{ENDLESS_QUERY, Kind, native_call};
use rusqlite::Connection;
use thread_kit::Turn;

/// Hangs until something stops it.
pub fn hang(kind: Kind, turn: &Turn, lost: &Mutex<i64>) -> Result<u64> {
    match kind {
        Kind::Loop => tight_loop(turn),
        Kind::Read => blocked_read(turn)?,
        Kind::Query => endless_query(turn)?,
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

// threads: a read returns only if its job has registered how to interrupt it.
// Here, closing the pipe does that.
fn blocked_read(turn: &Turn) -> Result<()> {
    let (mut reader, writer) = io::pipe()?;
    turn.on_interrupt(move || drop(writer));
    Ok(reader.read_exact(&mut [0])?)
}

/// An interrupt before the query's first step is lost (documentation of
/// `sqlite3_interrupt`). The deadline is long after that step.
fn endless_query(turn: &Turn) -> Result<()> {
    let database = Connection::open_in_memory()?;
    let handle = database.get_interrupt_handle();
    turn.on_interrupt(move || handle.interrupt());
    Ok(database.query_row(ENDLESS_QUERY, [], |_| Ok(()))?)
}

fn lost_lock(lost: &Mutex<i64>) {
    drop(lost.lock().unwrap_or_else(PoisonError::into_inner));
}
