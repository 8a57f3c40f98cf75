//! A server that is asked for a worker's work.
//!
//! A fork costs what the forking process holds. This server is the program
//! started again, so it holds little and has one thread, whatever its parent
//! has become; and what it has prepared, each child has for nothing.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    os::{fd::AsFd as _, unix::net::UnixStream},
};

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};
use process_kit::Parent;

use crate::{Job, borrowed, scope};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    let (mut requests, requested) = UnixStream::pair()?; // processes: through the kernel
    scope(|scope| {
        let lent = [requested.as_fd()];
        let mut server = scope.spawn_with::<_, u64>(&Job::Serve, &lent)?; // processes: it ends with us
        drop(requested); // processes: or its end would never come
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        let ask = |token| start(&mut requests, token); // processes: both ways
        let starts = measure(plan, ask)?;
        drop(requests); // processes: the server hears of it
        server.wait_for_answer()?;
        laps.worked(&[server.id()]); // processes: its memory counts too
        server.join()?;
        Ok(starts)
    })
}

fn start(requests: &mut UnixStream, token: u64) -> Result<Stamp> {
    let mut stamp = [0; size_of::<Stamp>()]; // processes: bytes
    requests.write_all(&token.to_ne_bytes())?;
    requests.read_exact(&mut stamp)?;
    Ok(bytemuck::cast(stamp))
}

/// The server: it forks for each request, and reaps. How many there were is
/// its answer.
pub fn worker(parent: &mut Parent) -> Result<u64> {
    let mut requested = UnixStream::from(parent.take_descriptor()?);
    parent.gate.wait()?;
    let mut token = [0; size_of::<u64>()];
    for served in 0.. {
        match requested.read_exact(&mut token) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Ok(served); // processes: nobody asks any more
            }
            read => read?,
        }
        let stamp = borrowed::start(u64::from_ne_bytes(token))?; // processes: fork
        requested.write_all(bytemuck::bytes_of(&stamp))?;
    }
    Ok(u64::MAX)
}
