//! The server, in a process of its own: what it takes is nobody's who
//! fetches, and it fails, if it does, alone.

use std::{
    io,
    net::TcpListener,
    os::fd::{AsFd as _, OwnedFd},
};

use anyhow::{Context as _, Result};
use common::scenarios::fetch::{self, Doors, Served};
use process_kit::{Parent, scope};

use crate::{Answer, Part};

/// Does `work` beside a server behind these doors, and asks it afterwards
/// what it has served. It is reaped only then, and so what it took is not
/// among what `work` finds its own children to have taken.
pub fn beside<T>(
    doors: Option<Doors>,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, Option<Served>)> {
    let Some(Doors { listener, closed, .. }) = doors else {
        return Ok((work()?, None));
    };
    scope(|scope| {
        let (line, end) = io::pipe().context("no pipe for the server")?;
        let lent = [listener.as_fd(), line.as_fd()];
        let server = scope.spawn_with::<_, Answer>(&Part::Serve, &lent)?; // processes: one of two parts
        drop(listener);
        let done = work();
        drop((end, closed));
        let served = server.join().context("the server failed")?;
        Ok((done?, Some(served.served()?))) // processes: one of two answers
    })
}

/// Serves until the other end of its line is closed.
pub fn serve((): (), parent: &mut Parent) -> Result<Served> {
    let listener = TcpListener::from(parent.take_descriptor()?);
    let line: OwnedFd = parent.take_descriptor()?;
    fetch::serve(&listener, line)
}
