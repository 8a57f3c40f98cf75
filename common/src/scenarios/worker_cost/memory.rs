//! The memory of workers and of their parent. Linux only.

use std::{io, ptr};

use anyhow::{Context as _, Result, ensure};
use procfs::{Current as _, Meminfo, ProcError, process::Process};
use rustix::mm::{
    Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap,
};

use super::Plan;
use crate::{input::Input, machine, resources::memory_of, units};

/// Memory of the parent that exists page by page and is never used: a fork has
/// to copy its page tables all the same.
#[derive(Debug)]
pub struct Ballast {
    start: *mut u8,
    length: usize,
}

/// The smallest page of both architectures.
const PAGE: usize = 4096;

impl Ballast {
    /// No ballast.
    pub fn none() -> Self {
        Ballast { start: ptr::null_mut(), length: 0 }
    }

    /// `length` bytes of it, in small pages: where memory comes in pages of 2
    /// MiB, a fork has 512 times fewer to copy.
    ///
    /// # Errors
    ///
    /// Fails if there is not that much memory.
    pub fn of(length: usize) -> Result<Self> {
        if length == 0 {
            return Ok(Ballast::none());
        }
        let ballast = Ballast::fit(length).with_context(|| {
            let size = units::binary(length);
            format!("cannot allocate a parent of {size}: try --parent-memory 0")
        })?;
        for page in (0..length).step_by(PAGE) {
            let byte = ballast.start.wrapping_add(page);
            // SAFETY: the byte is in the mapping, which is writable and which
            // nobody else knows of.
            unsafe { byte.write_volatile(1) };
        }
        Ok(ballast)
    }

    /// The kernel would map more than there is, and kill this program when it
    /// writes to it.
    fn fit(length: usize) -> Result<Self> {
        let left = machine::memory_left();
        ensure!(length as u64 <= left, "{left} bytes are left");
        Ok(Ballast::map(length)?)
    }

    fn map(length: usize) -> io::Result<Self> {
        let writable = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the address, so no existing mapping is
        // replaced.
        let start = unsafe {
            mmap_anonymous(ptr::null_mut(), length, writable, MapFlags::PRIVATE)
        }?;
        let ballast = Ballast { start: start.cast(), length };
        // SAFETY: the range is that mapping. The advice changes no contents. A
        // kernel without large pages refuses it, and does not need it.
        let _small_anyway =
            unsafe { madvise(start, length, Advice::LinuxNoHugepage) };
        Ok(ballast)
    }

    /// Makes sure that there are at least `length` bytes.
    ///
    /// # Errors
    ///
    /// As for [`of`](Ballast::of).
    pub fn grow_to(&mut self, length: usize) -> Result<()> {
        if self.length < length {
            *self = Ballast::of(length)?;
        }
        Ok(())
    }

    /// Its size in bytes.
    pub fn length(&self) -> usize {
        self.length
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        if self.length > 0 {
            // SAFETY: the mapping is ours, and nothing borrows from it. It can
            // only fail if it is no mapping.
            let _ = unsafe { munmap(self.start.cast(), self.length) };
        }
    }
}

/// Bytes per worker, averaged over its crew. None for what the kernel does not
/// report.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Footprint {
    /// Anonymous pages that nobody else maps: what would be free without this
    /// worker. File pages, including those of its program, would be there
    /// without it too. They count as private only as long as no other program
    /// happens to map the file, and as dirty only if it was just built; they
    /// would be charged to the worker that is the first to read them.
    pub private: Option<f64>,
    /// All its pages, with shared ones divided among their users (PSS).
    pub proportional: Option<f64>,
    /// The kernel's page tables for it, `VmPTE`.
    pub page_tables: Option<f64>,
    /// Its kernel stack. The kernel counts these only for the whole machine,
    /// and in batches, so they say nothing about a small crew.
    pub kernel_stack: Option<f64>,
}

/// The memory of a crew.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crew {
    /// Measured when each worker had read the common table and made its own
    /// copy, if there is a table, and was waiting again.
    pub each: Footprint,
    /// The sum of what all workers found in their tables.
    pub sum: u64,
}

/// Measures the memory of workers, from a time when there are none.
#[derive(Debug)]
pub struct Keeping {
    /// Includes the kernel stacks of the whole machine.
    before: Footprint,
}

impl Keeping {
    /// Call this before there are any workers.
    ///
    /// # Errors
    ///
    /// Fails if there is no /proc.
    pub fn begin() -> Result<Self> {
        let before = Footprint {
            kernel_stack: kernel_stacks(),
            ..footprint(&Process::myself()?)?
        };
        Ok(Keeping { before })
    }

    /// What each of the workers holds now: of processes, their own memory; of
    /// threads, which have no `ids`, the growth of this process.
    ///
    /// # Errors
    ///
    /// Fails if a worker is gone.
    pub fn each(&self, workers: u32, ids: &[u32]) -> Result<Footprint> {
        let mut all = Footprint::ZERO;
        if ids.is_empty() {
            all = footprint(&Process::myself()?)?.plus(&self.before, -1.0);
        }
        for &id in ids {
            let one = Process::new(id as i32).and_then(|one| footprint(&one));
            let one = one.with_context(|| format!("worker {id} is gone"))?;
            all = all.plus(&one, 1.0);
        }
        let stacks = kernel_stacks().zip(self.before.kernel_stack);
        all.kernel_stack = stacks.map(|(now, before)| now - before);
        Ok(Footprint::ZERO.plus(&all, 1.0 / f64::from(workers)).if_possible())
    }
}

impl Footprint {
    const ZERO: Footprint = Footprint {
        private: Some(0.0),
        proportional: Some(0.0),
        page_tables: Some(0.0),
        kernel_stack: Some(0.0),
    };

    fn plus(&self, other: &Footprint, times: f64) -> Self {
        let sum = |of: fn(&Footprint) -> Option<f64>| {
            Some(of(self)? + times * of(other)?)
        };
        Footprint {
            private: sum(|it| it.private),
            proportional: sum(|it| it.proportional),
            page_tables: sum(|it| it.page_tables),
            kernel_stack: sum(|it| it.kernel_stack),
        }
    }

    /// Pages shared with other programs are divided among all users, and those
    /// programs come and go: a crew can then seem to hold less than nothing.
    /// That counts as unknown.
    fn if_possible(self) -> Self {
        let possible = |bytes: Option<f64>| bytes.filter(|it| *it >= 0.0);
        Footprint {
            private: possible(self.private),
            proportional: possible(self.proportional),
            page_tables: possible(self.page_tables),
            kernel_stack: possible(self.kernel_stack),
        }
    }
}

/// Fails if the process is gone.
fn footprint(process: &Process) -> Result<Footprint, ProcError> {
    let page_tables = process.status()?.vmpte.map(|kib| kib * 1024);
    let rollup = |kind| Some(memory_of(process, kind).ok()?? as f64);
    // Of what a fork shares with its parent, only what was written since then
    // is private; and not all private pages are anonymous.
    let private = rollup("Private_Dirty").zip(rollup("Anonymous"));
    Ok(Footprint {
        private: private.map(|(dirty, of_no_file)| dirty.min(of_no_file)),
        proportional: rollup("Pss"),
        page_tables: page_tables.map(|bytes| bytes as f64),
        kernel_stack: Some(0.0),
    })
}

/// For the whole machine, in bytes.
fn kernel_stacks() -> Option<f64> {
    let bytes = Meminfo::current().ok()?.kernel_stack?;
    Some(bytes as f64)
}

/// The table that all workers of a crew read.
///
/// # Errors
///
/// Fails if there is not that much memory.
pub fn common_table(plan: &Plan) -> Result<Vec<u64>> {
    let (words, mut table) = (words(plan), Vec::new());
    table.try_reserve_exact(words.len()).with_context(|| {
        let size = units::binary(plan.table);
        format!("cannot allocate a table of {size}: try --table 0")
    })?;
    table.extend(words);
    Ok(table)
}

/// Its contents: whole words, so at least one.
fn words(plan: &Plan) -> impl ExactSizeIterator<Item = u64> {
    let mut input = Input::new(plan.seed, u64::from(plan.count));
    let first = u64::from(input.below(u32::MAX));
    let words = plan.table.div_ceil(size_of::<u64>());
    (0..words).map(move |word| {
        let word = first + word as u64;
        word.wrapping_mul(word)
    })
}

/// What a worker computes from a table.
pub fn sum(table: &[u64]) -> u64 {
    table.iter().fold(0, |sum, word| sum.wrapping_add(*word))
}

/// What all workers of a crew compute together.
pub(super) fn reference(plan: &Plan) -> u64 {
    let sum = words(plan).fold(0, u64::wrapping_add);
    sum.wrapping_mul(plan.count.into())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn more_than_there_is_is_an_error_that_says_so() {
        let error = Ballast::of(usize::MAX / 2).unwrap_err().to_string();
        assert!(error.contains("--parent-memory 0"), "{error}");
    }

    /// One test, because tests share a process and its memory.
    #[test]
    fn ballast_is_found_and_goes_again() {
        let (workers, each_holds) = (64, 4 << 20);
        let _before = Ballast::of(workers * each_holds).unwrap();
        let keeping = Keeping::begin().unwrap();
        let ballast = Ballast::of(workers * each_holds).unwrap();
        let each = || keeping.each(workers as u32, &[]).unwrap();
        let with = each();
        for held in [with.private.unwrap(), with.proportional.unwrap()] {
            assert!((held / each_holds as f64 - 1.0).abs() < 0.1, "{with:?}");
        }
        assert!(with.page_tables.unwrap() > 0.0, "{with:?}");
        assert_eq!(ballast.length(), workers * each_holds);
        drop(ballast);
        let private = each().private.unwrap_or_default();
        assert!(private < 0.1 * each_holds as f64, "{private}");
        assert_eq!(Ballast::of(0).unwrap().length(), 0);
    }

    #[test]
    fn less_than_nothing_is_not_known() {
        let odd = Footprint { proportional: Some(-16384.0), ..Footprint::ZERO };
        let told = odd.if_possible();
        assert_eq!((told.private, told.proportional), (Some(0.0), None));
    }

    #[test]
    fn who_is_gone_is_missed() {
        let keeping = Keeping::begin().unwrap();
        assert!(keeping.each(1, &[u32::MAX >> 1]).is_err());
    }
}
