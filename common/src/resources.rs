//! What a run takes from the machine. Linux only.

use std::ops::{AddAssign, Sub};

use libc::{
    RUSAGE_CHILDREN, RUSAGE_SELF, RUSAGE_THREAD, c_int, pid_t, rusage,
    timespec, timeval,
};
use procfs::{ProcError, ProcResult, process::Process};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// CPU time, switches, faults and memory, of this process and its children.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Seconds of CPU time in the program.
    pub cpu_user: f64,
    /// Seconds of CPU time in the kernel.
    pub cpu_system: f64,
    /// How often a worker gave up its core to wait for something.
    pub voluntary_switches: u64,
    /// How often the kernel took a worker's core away.
    pub involuntary_switches: u64,
    /// Pages that became present without reading a file.
    pub minor_faults: u64,
    /// Bytes of memory, pages that several share counted in parts (PSS).
    /// The sum over all processes when the answers were in. Not the peak RSS
    /// that the kernel keeps: that one survives `exec` and counts a shared
    /// page once for each process. None where the kernel does not tell. Not
    /// skipped then: between processes every field is sent.
    #[serde(default)]
    pub peak_proportional_memory: Option<u64>,
}

impl Resources {
    /// Used since this process began, by it and by the children it reaped.
    pub fn so_far() -> Self {
        let mut used = Resources::from(usage(RUSAGE_SELF));
        used += Resources::from(usage(RUSAGE_CHILDREN));
        used
    }

    /// Used by the calling thread since it began, whichever process it
    /// belongs to: so that workers of both kinds are measured alike.
    pub fn of_this_thread() -> Self {
        usage(RUSAGE_THREAD).into()
    }
}

/// All but the memory, of which the kernel knows another peak.
impl From<rusage> for Resources {
    fn from(used: rusage) -> Self {
        Resources {
            cpu_user: seconds(used.ru_utime),
            cpu_system: seconds(used.ru_stime),
            voluntary_switches: used.ru_nvcsw as u64,
            involuntary_switches: used.ru_nivcsw as u64,
            minor_faults: used.ru_minflt as u64,
            peak_proportional_memory: None,
        }
    }
}

impl Sub for Resources {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Resources {
            cpu_user: self.cpu_user - before.cpu_user,
            cpu_system: self.cpu_system - before.cpu_system,
            voluntary_switches: self.voluntary_switches
                - before.voluntary_switches,
            involuntary_switches: self.involuntary_switches
                - before.involuntary_switches,
            minor_faults: self.minor_faults - before.minor_faults,
            peak_proportional_memory: self.peak_proportional_memory,
        }
    }
}

/// The sum of everything but memory, of which the peak counts.
impl AddAssign for Resources {
    fn add_assign(&mut self, other: Self) {
        self.cpu_user += other.cpu_user;
        self.cpu_system += other.cpu_system;
        self.voluntary_switches += other.voluntary_switches;
        self.involuntary_switches += other.involuntary_switches;
        self.minor_faults += other.minor_faults;
        self.peak_proportional_memory =
            self.peak_proportional_memory.max(other.peak_proportional_memory);
    }
}

/// What one thread has taken, whichever process it belongs to: so that both
/// ends of a channel can be measured in the same way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    /// Seconds of CPU time.
    pub cpu: f64,
    /// How often it left its core, of itself or not.
    pub switches: u64,
}

impl Thread {
    /// Since the calling thread began.
    pub fn so_far() -> Self {
        let cpu = clock_gettime(ClockId::ThreadCPUTime);
        let used = usage(RUSAGE_THREAD);
        Thread {
            cpu: cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
            switches: (used.ru_nvcsw + used.ru_nivcsw) as u64,
        }
    }
}

impl Sub for Thread {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Thread {
            cpu: self.cpu - before.cpu,
            switches: self.switches - before.switches,
        }
    }
}

/// Bytes of memory of this process and `others`, shared pages in parts.
/// A process that is gone counts nothing. None where the kernel does not
/// tell of all.
pub fn proportional_memory(others: &[u32]) -> Option<u64> {
    memory(others, "Pss")
}

/// Bytes of this process and `others` that belong to no file: stacks, heaps,
/// and what they have written of their data. Unlike a part of the pages of a
/// program, that does not change as others come and go who run it too.
pub fn anonymous_memory(others: &[u32]) -> Option<u64> {
    memory(others, "Anonymous")
}

/// The sum of what `smaps_rollup` calls `kind` (proc_pid_smaps_rollup(5)).
fn memory(others: &[u32], kind: &str) -> Option<u64> {
    let own = memory_of(&Process::myself().ok()?, kind).ok()??;
    let others = others.iter().map(|&id| {
        let process = Process::new(id as i32);
        match process.and_then(|process| memory_of(&process, kind)) {
            // Of this process the kernel tells, so only the other is gone.
            Err(error) if is_gone(&error) => Some(0),
            found => found.ok()?,
        }
    });
    others.sum::<Option<u64>>().map(|others| own + others)
}

/// What `smaps_rollup` says of one process; None if it says nothing of this
/// kind.
///
/// # Errors
///
/// Fails if the process is gone, or the kernel does not tell.
pub fn memory_of(process: &Process, kind: &str) -> ProcResult<Option<u64>> {
    let maps = process.smaps_rollup()?.memory_map_rollup;
    Ok(maps.iter().find_map(|map| map.extension.map.get(kind).copied()))
}

/// A process that is dead and not yet reaped has no memory either (ESRCH).
fn is_gone(error: &ProcError) -> bool {
    match error {
        ProcError::NotFound(_) => true,
        ProcError::Io(error, _) => error.raw_os_error() == Some(libc::ESRCH),
        _ => false,
    }
}

/// Seconds of CPU time of this process so far.
pub fn cpu_of_this() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Seconds of CPU time of all children that were reaped so far, and of those
/// that these have reaped.
pub fn cpu_of_reaped() -> f64 {
    let reaped = usage(RUSAGE_CHILDREN);
    seconds(reaped.ru_utime) + seconds(reaped.ru_stime)
}

/// CPU seconds of another process so far, all its threads included. None if it
/// is gone, or the kernel does not tell.
pub fn cpu_of(process: u32) -> Option<f64> {
    let mut clock = 0;
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock's number is written to where we may write.
    let found = unsafe {
        libc::clock_getcpuclockid(pid_t::try_from(process).ok()?, &mut clock)
    };
    // SAFETY: the time is written to where we may write. Of a clock that is
    // not there any more, nothing is.
    let mut read = || unsafe { libc::clock_gettime(clock, &mut time) };
    let is_known = found == 0 && read() == 0;
    is_known.then_some(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9)
}

fn usage(of: c_int) -> rusage {
    // SAFETY: a `rusage` is integers only, for which zero is a value.
    let mut usage: rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live `rusage`, which the kernel fills. It
    // can only fail on a wrong `of` or pointer, and both are right.
    unsafe { libc::getrusage(of, &raw mut usage) };
    usage
}

fn seconds(time: timeval) -> f64 {
    time.tv_sec as f64 + time.tv_usec as f64 / 1e6
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn who_is_gone_has_no_memory_and_the_living_have_some() {
        let gone = u32::MAX >> 1;
        for kind in ["Pss", "Anonymous"] {
            assert!(memory(&[gone], kind).unwrap() > 0, "{kind}");
        }
        assert_eq!(memory(&[], "no such kind"), None);
    }

    #[test]
    fn a_thread_is_charged_with_its_own_faults_only() {
        let before = Resources::of_this_thread();
        let pages = 1000;
        let touched = std::hint::black_box(vec![1_u8; pages * 4096]);
        let own = Resources::of_this_thread() - before;
        let other = thread::spawn(Resources::of_this_thread).join().unwrap();
        // Where pages are larger, there are fewer of them.
        assert!(own.minor_faults > 0, "{own:?} for {}", touched.len());
        assert!(other.minor_faults < pages as u64 / 2, "{other:?}");
        assert!(Resources::so_far().minor_faults >= own.minor_faults);
    }
}
