//! Which core a thread runs on. Linux only.
//!
//! Two ends on one core take turns, while two on different cores wake each
//! other across the machine. The cost of a message differs, so the two are
//! never mixed in one figure.

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Serialize};

/// Where both ends run, if the kernel does not choose.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// Both on one core
    Same,
    /// Each on a core of its own
    Different,
}

/// The cores of both ends, by the kernel's numbers. None lets the kernel
/// choose.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct Cores {
    /// The core of the requesting end.
    pub near: Option<u32>,
    /// The core of the answering end.
    pub far: Option<u32>,
}

impl Cores {
    /// Chooses among the cores that this process may use.
    ///
    /// # Errors
    ///
    /// Fails if there are too few.
    pub fn choose(pin: Option<Pin>) -> Result<Self> {
        let allowed = allowed()?;
        match (pin, &allowed[..]) {
            (None, _) => Ok(Cores::default()),
            (Some(Pin::Same), [one, ..]) => {
                Ok(Cores { near: Some(*one), far: Some(*one) })
            }
            (Some(Pin::Different), [one, other, ..]) => {
                Ok(Cores { near: Some(*one), far: Some(*other) })
            }
            (Some(_), cores) => anyhow::bail!(
                "--pin different needs two cores, but this program may use {}",
                cores.len()
            ),
        }
    }
}

/// Pins the calling thread, and whatever it starts from now on, to a core.
///
/// # Errors
///
/// Fails if the kernel does not allow that core.
pub fn pin(core: Option<u32>) -> Result<()> {
    let Some(core) = core else { return Ok(()) };
    ensure!((core as usize) < CpuSet::MAX_CPU, "core {core} is out of range");
    let mut cores = CpuSet::new();
    cores.set(core as usize);
    sched_setaffinity(None, &cores)
        .with_context(|| format!("cannot pin this thread to core {core}"))
}

/// Pins the calling thread to one of the cores that it may use, assigned to
/// workers round-robin.
///
/// # Errors
///
/// Fails if the kernel does not report the allowed cores.
pub fn pin_in_turn(worker: usize) -> Result<()> {
    let cores = allowed()?;
    let turn = worker.checked_rem(cores.len()).unwrap_or_default();
    pin(cores.get(turn).copied())
}

/// The calling thread's affinity, which drop restores.
#[derive(Debug)]
pub struct Kept(CpuSet);

/// Saves the calling thread's affinity. Dropping the result, in the same
/// thread, undoes any [`pin`] since then.
///
/// # Errors
///
/// Fails if the kernel does not report the allowed cores.
pub fn keep() -> Result<Kept> {
    sched_getaffinity(None)
        .map(Kept)
        .context("cannot read which cores this thread may use")
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Cores allowed before are still allowed. The kernel skips cores that
        // the machine has lost meanwhile.
        let _ = sched_setaffinity(None, &self.0);
    }
}

/// The numbers of the cores that this thread may use.
fn allowed() -> Result<Vec<u32>> {
    let cores = sched_getaffinity(None)
        .context("cannot read which cores this thread may use")?;
    let numbers = 0..CpuSet::MAX_CPU;
    let allowed = numbers.filter(|&core| cores.is_set(core));
    Ok(allowed.map(|core| core as u32).collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_pinned_thread_may_run_on_that_core_only() {
        let last = *allowed().unwrap().last().unwrap();
        thread::spawn(move || {
            pin(Some(last)).unwrap();
            assert_eq!(allowed().unwrap(), [last]);
            let same = Cores::choose(Some(Pin::Same)).unwrap();
            assert_eq!((same.near, same.far), (Some(last), Some(last)));
            let error = Cores::choose(Some(Pin::Different)).unwrap_err();
            assert!(error.to_string().contains("may use 1"), "{error}");
        })
        .join()
        .unwrap();
        assert_eq!(Cores::choose(None).unwrap(), Cores::default());
    }

    #[test]
    fn a_thread_that_was_pinned_is_free_again() {
        thread::spawn(|| {
            let before = allowed().unwrap();
            let kept = keep().unwrap();
            pin(before.last().copied()).unwrap();
            assert_eq!(allowed().unwrap().len(), 1);
            drop(kept);
            assert_eq!(allowed().unwrap(), before);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn workers_take_the_cores_in_turn() {
        let cores = allowed().unwrap();
        for (worker, core) in cores.iter().cycle().enumerate().take(5) {
            let pinned = thread::spawn(move || {
                pin_in_turn(worker).unwrap();
                allowed().unwrap()
            });
            assert_eq!(pinned.join().unwrap(), [*core]);
        }
    }

    #[test]
    fn no_core_is_made_up() {
        assert!(pin(Some(1 << 30)).is_err());
    }
}
