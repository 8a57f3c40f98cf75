//! Whoever dies is replaced, until all the work is done.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd},
    time::Duration,
};

use anyhow::Result;
use common::{
    laps::Laps,
    scenarios::crash::{Answer, LastWords, Plan, Seen, Way},
};
use process_kit::{JoinHandle, Scope, first_ready, scope};

use crate::Sacrifice;

/// A process, and what its heir would have to do.
type Member<'scope> = (Sacrifice, JoinHandle<'scope, Answer>);

/// Starts the processes, releases them all at once, and sees to it that the
/// work is done. `begin` makes their jobs: the first ones, or, where it says
/// so, those of heirs by whom all is begun anew.
pub fn supervise(
    plan: &Plan,
    laps: &mut Laps,
    mut begin: impl FnMut(bool) -> Result<Vec<Sacrifice>>,
) -> Result<Seen> {
    scope(|scope| {
        let (last_words, theirs) = io::pipe()?;
        let running = spawn_all(scope, begin(false)?, &[theirs.as_fd()])?;
        drop(theirs);
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        let mut seen = Seen::new(LastWords::hear(last_words)?);
        let anew = || spawn_all(scope, begin(true)?, &[]);
        let done = replace(scope, plan, running, anew, &mut seen)?;
        let ids: Vec<_> = done.iter().map(JoinHandle::id).collect();
        laps.worked(&ids);
        for handle in done {
            seen.answered(handle.join()?);
        }
        Ok(seen)
    })
}

/// Waits until all have answered. Who dies has an heir. If whoever is left
/// hangs, it is killed, and all is begun anew.
fn replace<'scope>(
    scope: &'scope Scope,
    plan: &Plan,
    mut running: Vec<Member<'scope>>,
    mut anew: impl FnMut() -> Result<Vec<Member<'scope>>>,
    seen: &mut Seen,
) -> Result<Vec<JoinHandle<'scope, Answer>>> {
    let mut done = Vec::new();
    while !running.is_empty() {
        let is_lost = plan.way == Way::Panic; // threads: else all of them die
        let patience = seen.patience(plan, is_lost);
        let Some((job, mut handle)) = next(&mut running, patience)? else {
            seen.hangs()?;
            done.clear();
            running.clear(); // threads: all are killed, there is no other way
            running = anew()?;
            continue;
        };
        match handle.wait_for_answer_or_death()? {
            None => done.push(handle),
            Some(how) => {
                seen.died(how)?; // threads: and all the others with it
                running.push(spawn(scope, job.heir(), &[])?);
            }
        }
    }
    Ok(done)
}

/// Whoever answers or dies next; nobody, if that takes too long.
fn next<'scope>(
    running: &mut Vec<Member<'scope>>,
    patience: Duration,
) -> Result<Option<Member<'scope>>> {
    let handles = running.iter().map(|(_, handle)| handle);
    let ready = first_ready(handles, Some(patience))?;
    Ok(ready.map(|ready| running.swap_remove(ready)))
}

fn spawn_all<'scope>(
    scope: &'scope Scope,
    jobs: Vec<Sacrifice>,
    lent: &[BorrowedFd<'_>],
) -> Result<Vec<Member<'scope>>> {
    jobs.into_iter().map(|job| spawn(scope, job, lent)).collect()
}

fn spawn<'scope>(
    scope: &'scope Scope,
    job: Sacrifice,
    lent: &[BorrowedFd<'_>],
) -> Result<Member<'scope>> {
    let handle = scope.spawn_with(&job, lent)?;
    Ok((job, handle))
}
