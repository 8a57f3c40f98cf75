//! What else happened while the programs ran: read between the scenarios, never
//! during a run. Linux only.
//!
//! Only distinguishable causes are read. The load average is not: it includes
//! the build that finished a moment ago, and the programs themselves. Nor is
//! the pressure on the cores, which rises with every worker that waits for its
//! turn. The kernel's count of busy time, minus what our own programs used, is
//! what others took. [`disturbance`] decides whether it matters.
//!
//! [`disturbance`]: crate::judge::disturbance

mod cgroup;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    hint::black_box,
    time::Instant,
};

use common::{laps, resources};
use procfs::{
    CpuTime, Current as _, CurrentSI as _, KernelStats, MemoryPressure,
};
use rustix::thread::{CpuSet, sched_getaffinity};
use serde::{Deserialize, Serialize};

/// The machine, and the readings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// What does not change during the measurement.
    pub place: Place,
    /// The first before anything ran, each other one after a scenario.
    pub readings: Vec<Reading>,
    /// How many pairs of programs were dropped, by scenario, because the
    /// hypervisor took their CPU time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<String, usize>,
}

impl Environment {
    /// Before anything has run.
    pub fn begin() -> Self {
        Environment {
            place: Place::this(),
            readings: vec![Reading::now("nothing yet")],
            dropped: BTreeMap::new(),
        }
    }

    /// Records that pairs of a scenario were dropped.
    pub fn drop_pairs(&mut self, scenario: &str, pairs: usize) {
        *self.dropped.entry(scenario.into()).or_default() += pairs;
    }

    /// Reads after the runs of a scenario.
    pub fn read_after(&mut self, scenario: &str) {
        self.readings.push(Reading::now(scenario));
    }
}

/// What a process may use here. None for what the kernel does not report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Cores that are online.
    pub cores_online: Option<usize>,
    /// Cores that this process may run on.
    pub cores_allowed: Option<usize>,
    /// How many cores' worth of time the container allows.
    pub quota: Option<f64>,
    /// The number of cores by clock governor. None in most virtual machines,
    /// where the host decides.
    pub governors: BTreeMap<String, usize>,
    /// How many kinds of core there are: by speed and by socket. An older file
    /// of samples does not say.
    #[serde(default)]
    pub core_kinds: usize,
}

impl Place {
    fn this() -> Self {
        Place {
            cores_online: cores_online(),
            cores_allowed: cores_allowed(),
            quota: cgroup::quota(),
            governors: governors(),
            core_kinds: core_kinds(),
        }
    }
}

/// What the kernel has counted so far, in seconds unless stated otherwise. None
/// for what this kernel does not count.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// What had just been measured.
    pub after: String,
    /// The time on the monotonic clock.
    pub time: f64,
    /// The busy time of all cores together.
    pub busy: Option<f64>,
    /// The time that the hypervisor gave to others.
    pub stolen: Option<f64>,
    /// The part of it used by this process and all that it reaped.
    pub own: f64,
    /// How long some process waited for memory to be freed.
    pub memory_stall: Option<f64>,
    /// How often the quota was exhausted.
    pub pauses: Option<u64>,
    /// The time of a fixed small calculation, see [`spin`].
    pub spin: f64,
}

impl Reading {
    fn now(after: &str) -> Self {
        let cores = KernelStats::current().ok().map(|kernel| kernel.total);
        Reading {
            after: after.into(),
            time: laps::monotonic().as_secs_f64(),
            busy: cores.as_ref().map(busy),
            stolen: cores.as_ref().and_then(stolen),
            own: resources::cpu_of_this() + resources::cpu_of_reaped(),
            memory_stall: memory_stall(),
            pauses: cgroup::pauses(),
            spin: spin(),
        }
    }
}

/// The CPU time that the hypervisor takes during a pair.
#[derive(Debug)]
pub struct Stolen {
    begin: Instant,
    before: Option<f64>,
}

/// A pair that loses more of the CPU time than this is disturbed: what it would
/// compare is what the hypervisor left to each side. Fixed here, before
/// anything is measured, so that nobody drops unwelcome results.
const MOST_STOLEN: f64 = 0.15;

/// The kernel counts in ticks of a hundredth of a second: less than this says
/// nothing about a pair, however short.
const FEWEST_TICKS: f64 = 0.02;

impl Stolen {
    /// Starts counting.
    pub fn begin() -> Self {
        Stolen { begin: Instant::now(), before: stolen_so_far() }
    }

    /// Whether so much was stolen that what ran meanwhile must not count.
    pub fn disturbs(&self) -> bool {
        let stolen = stolen_so_far().zip(self.before);
        let stolen = stolen.map_or(0.0, |(now, before)| now - before);
        let cores = cores_online().unwrap_or(1) as f64;
        let all = self.begin.elapsed().as_secs_f64() * cores;
        stolen > FEWEST_TICKS && stolen > MOST_STOLEN * all
    }
}

fn stolen_so_far() -> Option<f64> {
    stolen(&KernelStats::current().ok()?.total)
}

/// A guest's time is already included in the user's (proc_stat(5)).
fn busy(cores: &CpuTime) -> f64 {
    let interrupts =
        cores.irq_ms().unwrap_or(0) + cores.softirq_ms().unwrap_or(0);
    let programs = cores.user_ms() + cores.nice_ms() + cores.system_ms();
    (programs + interrupts) as f64 / 1e3
}

fn stolen(cores: &CpuTime) -> Option<f64> {
    cores.steal_ms().map(|stolen| stolen as f64 / 1e3)
}

fn memory_stall() -> Option<f64> {
    let pressure = MemoryPressure::current().ok()?;
    Some(pressure.some.total as f64 / 1e6)
}

/// CPU seconds for a chain of multiplications, each of which depends on the
/// previous one: it depends on the core's clock and on nothing else a program
/// can do. The best of a few, in CPU time, so that interruptions do not count.
fn spin() -> f64 {
    const ATTEMPTS: usize = 8;
    (0..ATTEMPTS).map(|_| spin_once()).fold(f64::INFINITY, f64::min)
}

/// About two milliseconds at 3 GHz.
fn spin_once() -> f64 {
    const MULTIPLICATIONS: u64 = 1_500_000;
    let begin = resources::Thread::so_far().cpu;
    let product = (0..MULTIPLICATIONS).fold(black_box(1_u64), |product, _| {
        black_box(product.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    });
    black_box(product);
    resources::Thread::so_far().cpu - begin
}

fn cores_online() -> Option<usize> {
    Some(KernelStats::current().ok()?.cpu_time.len())
}

fn cores_allowed() -> Option<usize> {
    Some(sched_getaffinity(None).ok()?.count() as usize)
}

fn governors() -> BTreeMap<String, usize> {
    let mut governors = BTreeMap::new();
    for core in 0..CpuSet::MAX_CPU {
        if let Some(governor) = of_core(core, "cpufreq/scaling_governor") {
            *governors.entry(governor).or_default() += 1;
        }
    }
    governors
}

fn core_kinds() -> usize {
    let kind = |core| {
        let socket = of_core(core, "topology/physical_package_id")?;
        let fastest = of_core(core, "cpufreq/cpuinfo_max_freq");
        Some((socket, fastest, of_core(core, "cpu_capacity")))
    };
    (0..CpuSet::MAX_CPU).filter_map(kind).collect::<BTreeSet<_>>().len()
}

/// What the kernel says of a core, see
/// <https://docs.kernel.org/admin-guide/cputopology.html>.
fn of_core(core: usize, file: &str) -> Option<String> {
    let path = format!("/sys/devices/system/cpu/cpu{core}/{file}");
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::process::Command;

    use procfs::{FromBufReadSI as _, LocalSystemInfo};

    use super::*;

    /// As proc_stat(5) prints it, in ticks of a hundredth of a second.
    const STAT: &str = "\
cpu  3453806 876467 782281 2489022 34496 10 5879 3605 400 0
cpu0 1698864 430719 381843 1297019 10892 5 549 1749 200 0
cpu1 1754942 445748 400438 1192003 23604 5 5330 1856 200 0
ctxt 528737066
btime 1763884000
processes 1000
procs_running 2
procs_blocked 0
";

    #[test]
    fn busy_is_neither_idle_nor_waiting_nor_stolen() {
        let info = &LocalSystemInfo;
        let kernel = KernelStats::from_buf_read(STAT.as_bytes(), info).unwrap();
        let ticks = 3_453_806 + 876_467 + 782_281 + 10 + 5879;
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        let seconds = f64::from(ticks) / per_second;
        assert!((busy(&kernel.total) - seconds).abs() < 0.01);
        let stolen = stolen(&kernel.total).unwrap();
        assert!((stolen - 3605.0 / per_second).abs() < 0.01);
    }

    #[test]
    fn what_is_read_grows_with_time() {
        let mut environment = Environment::begin();
        environment.read_after("ipc");
        let [first, last] = &environment.readings[..] else {
            panic!("two readings");
        };
        assert!(last.time > first.time);
        assert!(last.own > first.own);
        assert!(first.spin > 0.0 && last.spin > 0.0);
        let Place { cores_online, cores_allowed, .. } = environment.place;
        let allowed = 1..=cores_online.unwrap();
        assert!(allowed.contains(&cores_allowed.unwrap()));
    }

    /// Otherwise the load of our programs would pass for that of others.
    #[test]
    fn what_a_child_took_is_our_own() {
        let mut environment = Environment::begin();
        let before = resources::cpu_of_reaped();
        let count = "i=0; while [ $i -lt 500000 ]; do i=$((i + 1)); done";
        Command::new("sh").args(["-c", count]).status().unwrap();
        let child = resources::cpu_of_reaped() - before;
        environment.read_after("ipc");
        let [first, last] = &environment.readings[..] else {
            panic!("two readings");
        };
        assert!(child > 0.1, "{child}");
        assert!(last.own - first.own >= child);
    }

    #[test]
    fn readings_are_read_as_they_were_written() {
        let environment = Environment::begin();
        let text = serde_json::to_string(&environment).unwrap();
        let read: Environment = serde_json::from_str(&text).unwrap();
        assert_eq!(read, environment);
    }
}
