//! What is left of the stuck, when everything is done.

use std::time::{Duration, Instant};

use procfs::process::Process;
use rustix::time::{ClockId, clock_gettime};

/// In which state a lock was found that an attempt had taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It was given back, or never taken.
    Nothing,
    /// Its holder is dead: the next one to lock it is told, and repairs.
    Poisoned,
    /// Somebody holds it, and goes on doing so.
    Held,
}

/// What goes on when everything is done.
#[derive(Debug, Clone)]
pub struct Aftermath {
    /// The locks of all attempts, see [`Plan::lock`](super::Plan::lock).
    pub locks: Vec<Left>,
    /// Threads of this process beside the one that asks.
    pub threads: u64,
    /// Cores that they keep busy.
    pub cores: f64,
}

/// Long enough for some turns of the scheduler.
const WATCH: Duration = Duration::from_millis(100);

impl Aftermath {
    /// Watches this process, which has nothing to do any more, for a little
    /// while: what it still uses is used by those that were abandoned. If
    /// there are none, nothing is used, and there is nothing to watch.
    ///
    /// # Errors
    ///
    /// Fails if the kernel does not say how many threads there are.
    pub fn watch(locks: Vec<Left>) -> anyhow::Result<Self> {
        if threads()? == 0 {
            return Ok(Aftermath { locks, threads: 0, cores: 0.0 });
        }
        let (before, start) = (used(), Instant::now());
        std::thread::sleep(WATCH);
        let cores = (used() - before) / start.elapsed().as_secs_f64();
        Ok(Aftermath { locks, threads: threads()?, cores })
    }
}

/// Those of this process, beside the one that asks.
fn threads() -> anyhow::Result<u64> {
    Ok(Process::myself()?.stat()?.num_threads as u64 - 1)
}

/// Seconds of CPU time of this process.
fn used() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
