//! A server that does a worker's job on request.

use std::io::{PipeReader, PipeWriter, Read as _, Write as _, pipe};

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::worker_cost::{Plan, Stamp, Starts, measure},
};
use process_kit::{Parent, scope};

use crate::{borrowed, job::Job, program::stamp_in};

pub fn run(plan: &Plan, laps: &mut Laps) -> Result<Starts> {
    let (requested, requests) = pipe()?;
    let (answers, served) = pipe()?;
    scope(|scope| {
        let serve = Job::Serve { requested, served };
        let mut server = scope.spawn::<_, u64>(&serve)?;
        drop(serve);
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        let ask = |token| start(&requests, &answers, token);
        let starts = measure(plan, ask)?;
        drop(requests);
        server.wait_for_answer()?;
        laps.worked(&[server.id()]);
        server.join()?;
        Ok(starts)
    })
}

fn start(
    mut requests: &PipeWriter,
    answers: &PipeReader,
    token: u64,
) -> Result<Stamp> {
    requests.write_all(&token.to_ne_bytes())?;
    stamp_in(answers)
}

/// The server. It answers with the number of requests that it served.
// processes: it forks for each request. The cost of a fork grows with the
// forking process, which is small here, however large its parent has become.
pub fn worker(
    mut requested: PipeReader,
    mut served: PipeWriter,
    parent: &mut Parent,
) -> Result<u64> {
    parent.gate.wait()?;
    let (mut count, mut token) = (0, [0; size_of::<u64>()]);
    // The end of the pipe, when nobody asks any more, shows as an error.
    while requested.read_exact(&mut token).is_ok() {
        let stamp = borrowed::start(u64::from_ne_bytes(token))?;
        served.write_all(bytemuck::bytes_of(&stamp))?;
        count += 1;
    }
    Ok(count)
}
