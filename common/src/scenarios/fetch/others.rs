//! The server for the clients of others: those in another language, or a
//! tool such as `curl`.

use std::io::{Write as _, stdin, stdout};

use anyhow::{Context as _, Result};

use super::{Doors, serve};

/// Prints where the server is, in one line, and serves until stdin is closed.
/// Then it prints what it has served: as JSON, in another line. What a reply
/// is like, its address says, as our own do.
///
/// # Errors
///
/// Fails if no port can be had, or if nobody reads what is printed.
pub fn serve_others() -> Result<()> {
    let doors = Doors::open()?;
    say(&format!("http://{}", doors.listener.local_addr()?))?;
    let served = serve(&doors.listener, stdin())?;
    say(&serde_json::to_string(&served)?)
}

/// Stdout keeps what is not flushed, if it is a pipe.
fn say(line: &str) -> Result<()> {
    let mut stdout = stdout();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .context("nobody reads stdout")
}
