//! What the stuck jobs leave behind when everything else is done.

use std::time::{Duration, Instant};

use procfs::process::Process;
use rustix::time::{ClockId, clock_gettime};

/// The state of a lock after the attempt that took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It was released, or never taken.
    Nothing,
    /// Its holder died: the next one to lock it is told, and repairs the data.
    Poisoned,
    /// It is still held, and will stay so.
    Held,
}

/// What still runs when everything is done.
#[derive(Debug, Clone)]
pub struct Aftermath {
    /// The locks of all attempts; see [`Plan::lock`](super::Plan::lock).
    pub locks: Vec<Left>,
    /// Threads of this process besides the calling one.
    pub threads: u64,
    /// Cores that these threads keep busy.
    pub cores: f64,
}

/// Long enough for several time slices.
const WATCH: Duration = Duration::from_millis(100);

impl Aftermath {
    /// Watches this process for a moment. It has nothing left to do, so
    /// whatever it still uses is used by abandoned threads. If there are none,
    /// there is nothing to watch.
    ///
    /// # Errors
    ///
    /// Fails if the kernel does not report the number of threads.
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

/// The threads of this process besides the calling one.
fn threads() -> anyhow::Result<u64> {
    Ok(Process::myself()?.stat()?.num_threads as u64 - 1)
}

/// CPU seconds used by this process.
fn used() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
