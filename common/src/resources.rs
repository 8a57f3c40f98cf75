//! The resources that a run uses. Linux only.

use std::ops::{AddAssign, Sub};

use libc::{
    RUSAGE_CHILDREN, RUSAGE_SELF, RUSAGE_THREAD, c_int, pid_t, rusage,
    timespec, timeval,
};
use procfs::{ProcError, ProcResult, process::Process};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// CPU time, switches, faults and memory of this process and its children.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Seconds of CPU time in user mode.
    pub cpu_user: f64,
    /// Seconds of CPU time in the kernel.
    pub cpu_system: f64,
    /// How often a worker gave up its core to wait for something.
    pub voluntary_switches: u64,
    /// How often the kernel preempted a worker.
    pub involuntary_switches: u64,
    /// Pages faulted in without reading a file.
    pub minor_faults: u64,
    /// Bytes of memory, with shared pages divided among their users (PSS):
    /// the sum over all processes when the answers had arrived. It is not the
    /// kernel's peak RSS, which survives `exec` and counts a shared page once
    /// per process. None if the kernel does not report it. The field is never
    /// skipped: between processes every field is sent.
    #[serde(default)]
    pub peak_proportional_memory: Option<u64>,
}

impl Resources {
    /// Used since this process started, by it and the children it reaped.
    pub fn so_far() -> Self {
        let mut used = Resources::from(usage(RUSAGE_SELF));
        used += Resources::from(usage(RUSAGE_CHILDREN));
        used
    }

    /// Used by the calling thread since it started, in any process. So both
    /// kinds of worker are measured in the same way.
    pub fn of_this_thread() -> Self {
        usage(RUSAGE_THREAD).into()
    }
}

/// Everything except memory: the kernel's peak is a different one.
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

/// The sum of everything except memory, for which it is the maximum.
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

/// The resources used by one thread, in any process. So both ends of a channel
/// are measured in the same way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    /// Seconds of CPU time.
    pub cpu: f64,
    /// Context switches, voluntary and involuntary.
    pub switches: u64,
}

impl Thread {
    /// Used since the calling thread started.
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

/// Bytes of memory of this process and `others`, with shared pages divided
/// among their users. A process that no longer exists counts as zero. None if
/// the kernel does not report all of them.
pub fn proportional_memory(others: &[u32]) -> Option<u64> {
    memory(others, "Pss")
}

/// Bytes of this process and `others` that no file backs: stacks, heaps, and
/// written data pages. Unlike a share of the program's pages, this does not
/// change when other instances of the program start and exit.
pub fn anonymous_memory(others: &[u32]) -> Option<u64> {
    memory(others, "Anonymous")
}

/// The sum of the field `kind` of `smaps_rollup` (proc_pid_smaps_rollup(5)).
fn memory(others: &[u32], kind: &str) -> Option<u64> {
    let own = memory_of(&Process::myself().ok()?, kind).ok()??;
    let others = others.iter().map(|&id| {
        let process = Process::new(id as i32);
        match process.and_then(|process| memory_of(&process, kind)) {
            // The kernel reports this process, so only the other is gone.
            Err(error) if is_gone(&error) => Some(0),
            found => found.ok()?,
        }
    });
    others.sum::<Option<u64>>().map(|others| own + others)
}

/// The field `kind` of one process's `smaps_rollup`. None if there is no such
/// field.
///
/// # Errors
///
/// Fails if the process is gone or the kernel does not report it.
pub fn memory_of(process: &Process, kind: &str) -> ProcResult<Option<u64>> {
    let maps = process.smaps_rollup()?.memory_map_rollup;
    Ok(maps.iter().find_map(|map| map.extension.map.get(kind).copied()))
}

/// A dead process that is not yet reaped has no memory either (ESRCH).
fn is_gone(error: &ProcError) -> bool {
    match error {
        ProcError::NotFound(_) => true,
        ProcError::Io(error, _) => error.raw_os_error() == Some(libc::ESRCH),
        _ => false,
    }
}

/// CPU seconds of this process so far.
pub fn cpu_of_this() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// CPU seconds of this process so far, as `RLIMIT_CPU` counts them
/// (getrlimit(2)): by the ticks of the kernel's clock. Of the time that a
/// hypervisor gave to others, they leave out more than
/// [`cpu_of_this`]: on a busy virtual machine, half of that may be missing.
pub fn cpu_as_limited() -> f64 {
    /// `CPUCLOCK_PROF` of the calling process, as Linux makes such numbers
    /// (linux/posix-timers_types.h).
    const CLOCK: libc::clockid_t = !0 << 3;
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes to a live value.
    unsafe { libc::clock_gettime(CLOCK, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// CPU seconds of all children reaped so far, and of the children that those
/// reaped.
pub fn cpu_of_reaped() -> f64 {
    let reaped = usage(RUSAGE_CHILDREN);
    seconds(reaped.ru_utime) + seconds(reaped.ru_stime)
}

/// CPU seconds of another process so far, all its threads included. None if it
/// is gone or the kernel does not report it.
pub fn cpu_of(process: u32) -> Option<f64> {
    let mut clock = 0;
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer for the clock's number is to a live local.
    let found = unsafe {
        libc::clock_getcpuclockid(pid_t::try_from(process).ok()?, &mut clock)
    };
    // SAFETY: the pointer for the time is to a live local. If the clock no
    // longer exists, nothing is written.
    let mut read = || unsafe { libc::clock_gettime(clock, &mut time) };
    let is_known = found == 0 && read() == 0;
    is_known.then_some(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9)
}

fn usage(of: c_int) -> rusage {
    // SAFETY: a `rusage` is made of integers, for which zero is a value.
    let mut usage: rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live `rusage`, which the kernel fills. It
    // can only fail on an invalid `of` or pointer, and both are valid.
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
    fn a_process_that_is_gone_has_no_memory() {
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
        // With larger pages there are fewer faults.
        assert!(own.minor_faults > 0, "{own:?} for {}", touched.len());
        assert!(other.minor_faults < pages as u64 / 2, "{other:?}");
        assert!(Resources::so_far().minor_faults >= own.minor_faults);
    }
}
