//! Lays out the bait, starts a host, and looks at what is left.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::Duration,
};

use anyhow::{Result, bail};
use common::{
    laps::Laps,
    scenarios::confine::{
        Attempt, Bait, Cell, Ending, Seen, Traces, Tried, Variant, file_secret,
    },
};
use process_kit::{Segment, first_ready, scope};

use crate::host::Order;

/// Tries an act in a host of its own, and judges what becomes of it.
pub fn try_act(attempt: Attempt) -> Result<Tried> {
    let mut laps = Laps::begin();
    laps.started();
    let (mut ending, mut traces) = observe(&attempt, true, false)?;
    let mut alone = None;
    let cell = Cell::judge(&attempt, &ending, traces)?;
    // threads: what a filter has held, another thread is asked to do.
    if cell.is_contained() && attempt.variant == Variant::Confined {
        alone = Some(cell);
        (ending, traces) = observe(&attempt, true, true)?;
    }
    let cell = Cell::judge(&attempt, &ending, traces)?;
    let Seen { next, lacking, .. } = match ending {
        Ending::Answered(seen) => seen,
        _ => start_over(&attempt)?,
    };
    laps.worked(&[]);
    laps.stopped();
    let answer = next.answer;
    Ok(Tried { attempt, cell, alone, answer, lacking, laps })
}

/// A new host, for the good job that the dead one did not come to.
fn start_over(attempt: &Attempt) -> Result<Seen> {
    match observe(attempt, false, false)? {
        (Ending::Answered(seen), _) => Ok(seen),
        (ending, _) => bail!("{}: then {ending:?}", attempt.name()),
    }
}

/// A file that no end of this program leaves behind: a segment is one.
// Both siblings use the kit for it, as for the host.
type Words = Segment<[AtomicI64]>;

/// Starts a host, waits until it is gone, and looks at what it left. Without
/// `hostile` the host has a good job only.
fn observe(
    attempt: &Attempt,
    hostile: bool,
    asks_sibling: bool,
) -> Result<(Ending, Traces)> {
    let secret = Words::create(&file_secret(attempt.seed))?;
    let other = Words::create(&file_secret(attempt.seed))?;
    let (bait, leash) = Bait::lay_out(path(&secret), path(&other))?;
    let target = bait.target()?;
    let order =
        Order { attempt: *attempt, hostile, target, leash, asks_sibling };
    let ending = run_host(order)?;
    let words: Vec<_> = other.iter().map(|word| word.load(Relaxed)).collect();
    Ok((ending, bait.traces(attempt, &words)?))
}

fn path(words: &Words) -> PathBuf {
    Path::new("/dev/shm").join(words.name().trim_start_matches('/'))
}

/// Far longer than any act takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn run_host(order: Order) -> Result<Ending> {
    scope(|scope| {
        let mut host = scope.spawn::<_, Seen>(&order)?;
        if first_ready([&host], Some(PATIENCE))?.is_none() {
            host.kill()?;
            return Ok(Ending::Hung);
        }
        match host.wait_for_answer_or_death()? {
            Some(how) => Ok(Ending::Died(how)),
            None => Ok(Ending::Answered(host.join()?)),
        }
    })
}
