//! What workers hold, and what their parent does. Linux only.

use std::{io, ptr};

use anyhow::{Context as _, Result, ensure};
use procfs::{Current as _, Meminfo, ProcError, process::Process};
use rustix::mm::{
    Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap,
};

use super::Plan;
use crate::{input::Input, machine, resources::memory_of, units};

/// Memory of the parent that is there, page by page, and never used: a fork
/// has to copy the page tables all the same.
#[derive(Debug)]
pub struct Ballast {
    start: *mut u8,
    length: usize,
}

/// The least page of both architectures.
const PAGE: usize = 4096;

impl Ballast {
    /// None.
    pub fn none() -> Self {
        Ballast { start: ptr::null_mut(), length: 0 }
    }

    /// So much of it, in small pages: where memory comes in pages of 2 MiB,
    /// a fork has 512 times fewer to copy.
    ///
    /// # Errors
    ///
    /// Fails if there is not so much memory.
    pub fn of(length: usize) -> Result<Self> {
        if length == 0 {
            return Ok(Ballast::none());
        }
        let ballast = Ballast::fit(length).with_context(|| {
            let size = units::binary(length);
            format!("a parent of {size} cannot be had: try --parent-memory 0")
        })?;
        for page in (0..length).step_by(PAGE) {
            let byte = ballast.start.wrapping_add(page);
            // SAFETY: the byte is in the mapping, which is writable, and of
            // which nobody else knows.
            unsafe { byte.write_volatile(1) };
        }
        Ok(ballast)
    }

    /// More than there is would be mapped all the same, and this program
    /// killed when it is written to.
    fn fit(length: usize) -> Result<Self> {
        let left = machine::memory_left();
        ensure!(length as u64 <= left, "{left} bytes are left");
        Ok(Ballast::map(length)?)
    }

    fn map(length: usize) -> io::Result<Self> {
        let writable = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses where, so nothing that is there is
        // replaced.
        let start = unsafe {
            mmap_anonymous(ptr::null_mut(), length, writable, MapFlags::PRIVATE)
        }?;
        let ballast = Ballast { start: start.cast(), length };
        // SAFETY: the range is that mapping. The advice changes no contents.
        // A kernel that has no large pages refuses it, and needs none.
        let _small_anyway =
            unsafe { madvise(start, length, Advice::LinuxNoHugepage) };
        Ok(ballast)
    }

    /// Has at least so much of it.
    ///
    /// # Errors
    ///
    /// As [`of`](Ballast::of).
    pub fn grow_to(&mut self, length: usize) -> Result<()> {
        if self.length < length {
            *self = Ballast::of(length)?;
        }
        Ok(())
    }

    /// How much there is.
    pub fn length(&self) -> usize {
        self.length
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        if self.length > 0 {
            // SAFETY: the mapping is ours, and nothing borrows from it. It
            // can only fail if it is none.
            let _ = unsafe { munmap(self.start.cast(), self.length) };
        }
    }
}

/// Bytes of one worker, on average over its crew. None for what the kernel
/// does not tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Footprint {
    /// Pages of no file that nobody else maps: what would be free without it.
    /// Those of a file, its program's among them, are there without it too.
    /// They are private as long as no other program happens to map that file,
    /// and dirty as long as it was just built; the worker that is the first to
    /// read them would seem to hold them.
    pub private: Option<f64>,
    /// All its pages, those that several share in parts (PSS).
    pub proportional: Option<f64>,
    /// The kernel's tables of its pages, `VmPTE`.
    pub page_tables: Option<f64>,
    /// The stack on which the kernel works for it. The kernel counts these
    /// for the whole machine only, and in batches, so of a small crew they
    /// tell nothing.
    pub kernel_stack: Option<f64>,
}

/// What a crew held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crew {
    /// When each had read the common table and made its own copy, if there is
    /// one, and waited again.
    pub each: Footprint,
    /// The sum of what all workers found in their tables.
    pub sum: u64,
}

/// Measures what workers hold, from when there are none.
#[derive(Debug)]
pub struct Keeping {
    /// With the kernel's stacks of the whole machine.
    before: Footprint,
}

impl Keeping {
    /// There are no workers yet.
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

    /// What each of so many workers holds now: of the processes, what is
    /// theirs; of threads, which have no `ids`, what this process holds more
    /// than it did.
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

    /// Pages that are shared with other programs count in parts, and those
    /// programs come and go: what a crew holds can then seem to be less than
    /// nothing. It is not known.
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
    // is private; and not all that is private is of no file.
    let private = rollup("Private_Dirty").zip(rollup("Anonymous"));
    Ok(Footprint {
        private: private.map(|(dirty, of_no_file)| dirty.min(of_no_file)),
        proportional: rollup("Pss"),
        page_tables: page_tables.map(|bytes| bytes as f64),
        kernel_stack: Some(0.0),
    })
}

/// Of the whole machine, in bytes.
fn kernel_stacks() -> Option<f64> {
    let bytes = Meminfo::current().ok()?.kernel_stack?;
    Some(bytes as f64)
}

/// The table that all workers of a crew read.
///
/// # Errors
///
/// Fails if there is not so much memory.
pub fn common_table(plan: &Plan) -> Result<Vec<u64>> {
    let (words, mut table) = (words(plan), Vec::new());
    table.try_reserve_exact(words.len()).with_context(|| {
        let size = units::binary(plan.table);
        format!("a table of {size} cannot be had: try --table 0")
    })?;
    table.extend(words);
    Ok(table)
}

/// What stands in it: whole words, and so at least one.
fn words(plan: &Plan) -> impl ExactSizeIterator<Item = u64> {
    let mut input = Input::new(plan.seed, u64::from(plan.count));
    let first = u64::from(input.below(u32::MAX));
    let words = plan.table.div_ceil(size_of::<u64>());
    (0..words).map(move |word| {
        let word = first + word as u64;
        word.wrapping_mul(word)
    })
}

/// What a worker finds in a table.
pub fn sum(table: &[u64]) -> u64 {
    table.iter().fold(0, |sum, word| sum.wrapping_add(*word))
}

/// What all workers of a crew find together.
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
