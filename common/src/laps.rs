//! Start, work, stop: the clock, which both siblings read in the same places.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::resources::{self, Resources};

/// The three laps of a run, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// Until every worker has reached the gate.
    pub start: f64,
    /// From the gate until the last answer has arrived.
    pub work: f64,
    /// Until every worker is joined or reaped and shared memory is released.
    pub stop: f64,
}

impl Seconds {
    /// The time that a user waits.
    pub fn total(&self) -> f64 {
        self.start + self.work + self.stop
    }
}

/// The laps of a run, and the resources it used.
///
/// Both sides make these calls in this order and in the same places: `begin`,
/// [`started`](Laps::started), [`worked`](Laps::worked),
/// [`stopped`](Laps::stopped). A scenario with variants calls `begin` for each
/// variant and [adds](Laps::add) the laps up.
#[derive(Debug)]
pub struct Laps {
    seconds: Seconds,
    resources: Resources,
    anonymous_memory: Option<u64>,
    elsewhere: Resources,
    since: Instant,
    before: Resources,
}

impl Laps {
    /// Starts the clock.
    pub fn begin() -> Self {
        Laps {
            seconds: Seconds::default(),
            resources: Resources::default(),
            anonymous_memory: None,
            elsewhere: Resources::default(),
            before: Resources::so_far(),
            since: Instant::now(),
        }
    }

    /// Call this when every worker has reached the gate, just before it opens.
    pub fn started(&mut self) {
        self.seconds.start = self.lap();
    }

    /// Call this when the last answer has arrived. `workers` are the worker
    /// processes: none for threads. This measures their memory, off the clock,
    /// while all of them are parked.
    pub fn worked(&mut self, workers: &[u32]) {
        self.seconds.work = self.lap();
        self.resources.peak_proportional_memory =
            resources::proportional_memory(workers);
        self.anonymous_memory = resources::anonymous_memory(workers);
        self.since = Instant::now();
    }

    /// Call this before [`stopped`](Laps::stopped) with what a worker used that
    /// is no child of this process, such as one on another machine.
    pub fn used_elsewhere(&mut self, used: Resources) {
        self.elsewhere += used;
        let memory = &mut self.resources.peak_proportional_memory;
        *memory = memory.zip(used.peak_proportional_memory).map(|(a, b)| a + b);
    }

    /// Call this when every worker is joined or reaped and shared memory is
    /// released.
    pub fn stopped(&mut self) {
        self.seconds.stop = self.lap();
        let memory = self.resources.peak_proportional_memory;
        self.resources = Resources::so_far() - self.before;
        self.resources += self.elsewhere;
        self.resources.peak_proportional_memory = memory;
    }

    /// Adds the laps of another variant.
    pub fn add(&mut self, other: &Laps) {
        self.seconds.start += other.seconds.start;
        self.seconds.work += other.seconds.work;
        self.seconds.stop += other.seconds.stop;
        self.resources += other.resources;
    }

    /// No laps yet: the starting value for [`add`](Laps::add).
    pub fn none() -> Self {
        Laps::begin()
    }

    /// The laps so far.
    pub fn seconds(&self) -> Seconds {
        self.seconds
    }

    /// Resources used between `begin` and `stopped`, workers included.
    pub fn resources(&self) -> Resources {
        self.resources
    }

    /// Anonymous memory when the last answer had arrived, see
    /// [`resources::anonymous_memory`].
    pub fn anonymous_memory(&self) -> Option<u64> {
        self.anonymous_memory
    }

    fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let lap = (now - self.since).as_secs_f64();
        self.since = now;
        lap
    }
}

/// The system-wide monotonic clock, so that workers of both kinds can put
/// their events on one timeline. An `Instant` is the same clock on Linux, but
/// it cannot be sent to another process.
pub fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
