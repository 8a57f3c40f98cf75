//! What a worker does, whether it is a thread or a process.

use std::{
    fs::File,
    hint::black_box,
    io::Write as _,
    os::{fd::AsRawFd as _, unix::fs::FileExt as _},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, Result};
use memmap2::MmapMut;
use rustix::{
    fs::{MemfdFlags, memfd_create},
    mm::{MprotectFlags, mprotect},
};
use serde::{Deserialize, Serialize};

use super::{Operation, PAGE, Plan, bytes};
use crate::{laps::monotonic, placement, resources::Resources};

/// A worker's share of the work, prepared.
#[derive(Debug)]
pub struct Work {
    plan: Plan,
    index: usize,
    own: Own,
}

/// What a worker owns from the start. Nobody else ever looks at it.
#[derive(Debug)]
enum Own {
    Nothing,
    Memory(MmapMut),
    File(OwnFile),
}

/// The report of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WorkReport {
    /// The sum of its operations' results.
    pub found: u64,
    /// When it started working, not when the gate opened: getting from there to
    /// the first operation is not part of it.
    pub began: Duration,
    /// When it was done.
    pub ended: Duration,
    /// Resources used in between.
    pub used: Resources,
}

impl Work {
    /// Pins the thread to its core, and creates what this worker needs.
    ///
    /// If placement is left to the kernel, workers that wake together start on
    /// one core and stay there for a few milliseconds: as long as all their
    /// work takes. Then nobody gets in anybody's way, and two are as fast as
    /// one.
    ///
    /// The first block that it allocates is not part of its work: glibc then
    /// creates an arena for its thread, and learns how large the blocks are.
    ///
    /// # Errors
    ///
    /// Fails if the kernel has no memory or no descriptor left.
    pub fn prepare(plan: &Plan, index: usize) -> Result<Self> {
        placement::pin_in_turn(index)?;
        let own = match plan.operation {
            Operation::Protect => Own::Memory(map(plan.size)?),
            Operation::Files => Own::File(OwnFile::new()?),
            _ => Own::Nothing,
        };
        let mut work = Work { plan: *plan, index, own };
        if plan.operation == Operation::Allocate {
            work.operate(0)?;
        }
        Ok(work)
    }

    /// Does all of it.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses an operation.
    pub fn perform(mut self) -> Result<WorkReport> {
        let plan = self.plan;
        let before = Resources::of_this_thread();
        let (began, mut found) = (monotonic(), 0_u64);
        for number in plan.share(self.index) {
            found = found.wrapping_add(self.operate(number)?);
        }
        let ended = monotonic();
        let used = Resources::of_this_thread() - before;
        Ok(WorkReport { found, began, ended, used })
    }

    /// Does the operation with this number and returns its result.
    fn operate(&mut self, number: u64) -> Result<u64> {
        let Plan { operation, size, touched, .. } = self.plan;
        let value = self.plan.value(number);
        match (operation, &mut self.own) {
            (Operation::Touch, _) => {
                Ok(touch(&mut map(size)?[..touched], value))
            }
            (Operation::Allocate, _) => allocate(size, value),
            (_, Own::Nothing) => Ok(map(size)?.len() as u64),
            (_, Own::Memory(memory)) => protect(memory, value),
            (_, Own::File(file)) => file.open_and_close(value),
        }
    }
}

/// Memory that nobody has touched. Dropping it unmaps it.
fn map(size: usize) -> Result<MmapMut> {
    MmapMut::map_anon(size).with_context(|| cannot("mapped", size))
}

fn cannot(what: &str, size: usize) -> String {
    format!("{} cannot be {what}", bytes(size))
}

/// Writes to each page once, and adds up its first and last byte: the value,
/// and the zero that memory starts with. A read before the write would cost one
/// more page fault.
fn touch(memory: &mut [u8], value: u8) -> u64 {
    for place in memory.iter_mut().step_by(PAGE) {
        *place = value;
    }
    let ends = |page: &[u8]| {
        let ends = page.first().zip(page.last());
        ends.map_or(0, |(&first, &last)| u64::from(first) + u64::from(last))
    };
    black_box(memory).chunks(PAGE).map(ends).sum()
}

/// Writes to the block once, so that the allocation cannot be optimised away.
fn allocate(size: usize, value: u8) -> Result<u64> {
    let mut block: Vec<u8> = Vec::new();
    block.try_reserve_exact(size).with_context(|| cannot("allocated", size))?;
    block.push(value);
    Ok(black_box(&block).iter().map(|&byte| u64::from(byte)).sum())
}

/// Removes write permission, restores it, and writes. `memmap2` does the same
/// without `unsafe`, but it consumes one type and creates the other.
fn protect(memory: &mut MmapMut, value: u8) -> Result<u64> {
    for rights in
        [MprotectFlags::READ, MprotectFlags::READ | MprotectFlags::WRITE]
    {
        let start = memory.as_mut_ptr().cast();
        // SAFETY: these are the pages of a mapping that is ours alone, and
        // nobody writes to them before they are writable again.
        unsafe { mprotect(start, memory.len(), rights) }
            .context("cannot protect memory")?;
    }
    memory[0] = value;
    Ok(black_box(&memory)[0].into())
}

/// A file in memory, which has no name that could be left behind.
///
/// It is opened through its descriptor, in the thread's own folder in /proc
/// (proc(5)): so each worker opens a different file by a different path. With a
/// shared path or file, processes would contend with each other, too.
#[derive(Debug)]
struct OwnFile {
    path: PathBuf,
    _file: File,
}

impl OwnFile {
    /// Each byte of it is its own offset: 0, 1, 2, and so on to 255.
    fn new() -> Result<Self> {
        let file = memfd_create("own", MemfdFlags::CLOEXEC);
        let mut file = File::from(file.context("cannot create a memfd")?);
        let bytes: Vec<u8> = (0..=255).collect();
        file.write_all(&bytes).context("cannot fill a memfd")?;
        let descriptor = file.as_raw_fd();
        let path = format!("/proc/thread-self/fd/{descriptor}").into();
        Ok(OwnFile { path, _file: file })
    }

    /// Opens it, reads the byte at this offset, and closes it.
    fn open_and_close(&self, place: u8) -> Result<u64> {
        let refused = || format!("cannot read {}", self.path.display());
        let file = File::open(&self.path).with_context(refused)?;
        let mut byte = [0];
        file.read_exact_at(&mut byte, place.into()).with_context(refused)?;
        Ok(byte[0].into())
    }
}
