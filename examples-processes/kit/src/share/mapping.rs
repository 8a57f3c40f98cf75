//! Memory that one process fills in place and another then reads in place.
//!
//! [`Mapping`] is memory without a name (memfd_create(2)), which its creator
//! fills. Once frozen, it can be sent to another process as a descriptor, and
//! the *kernel* guarantees that no process writes to it or shortens it any more
//! (`F_ADD_SEALS`, fcntl(2)). So the receiver can use it as plain memory
//! without trusting the sender: a `&[f64]` over bytes that another process may
//! still write would be undefined behaviour.
//!
//! The rejected alternative is a named segment: the parent would have to choose
//! its size before it knows how much data there will be, and its name could be
//! leaked.

use std::os::fd::OwnedFd;

use anyhow::{Context as _, Result, ensure};
use bytemuck::{AnyBitPattern, NoUninit};
use memmap2::{Mmap, MmapMut, MmapOptions};
use rustix::fs::{SealFlags, fcntl_add_seals, fstat};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, ser::Error as _,
};

use crate::{share::descriptor, share::memfd};

/// No process may write, shrink or grow it any more, or lift these seals.
const FROZEN: SealFlags = SealFlags::WRITE
    .union(SealFlags::SHRINK)
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);

/// Memory that so far only this process has.
#[derive(Debug)]
pub struct Mapping {
    file: OwnedFd,
    memory: MmapMut,
}

impl Mapping {
    /// `length` zeroed bytes, reserved: if memory is short, this fails, not a
    /// later write.
    ///
    /// # Errors
    ///
    /// Fails if there is not enough memory.
    pub fn new(length: usize) -> Result<Self> {
        Mapping::reserve(length)
            .with_context(|| format!("cannot share {length} bytes"))
    }

    /// Room for `count` values of `T`: like `vec![0; count]`, in memory that
    /// can be sent.
    ///
    /// # Errors
    ///
    /// As [`new`](Mapping::new), and if the size overflows.
    pub fn zeroed<T: NoUninit + AnyBitPattern>(count: usize) -> Result<Self> {
        let length = size_of::<T>().checked_mul(count);
        let too_many = || format!("the size of {count} elements overflows");
        Mapping::new(length.with_context(too_many)?)
    }

    fn reserve(length: usize) -> Result<Self> {
        let file = memfd::create(length)?;
        let mut options = MmapOptions::new();
        // Mapping all pages at once costs less than a page fault for each.
        options.populate();
        // SAFETY: the file has no name, and we own its only descriptor: no
        // other process can map it before `freeze` gives the descriptor away.
        let memory = unsafe { options.map_mut(&file)? };
        Ok(Mapping { file, memory })
    }

    /// The memory as a slice of `T`.
    pub fn as_mut_slice<T: NoUninit + AnyBitPattern>(&mut self) -> &mut [T] {
        let whole = self.memory.len() / size_of::<T>() * size_of::<T>();
        bytemuck::cast_slice_mut(&mut self.memory[..whole])
    }

    /// Ends all writing, and returns the descriptor, for sending.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses to seal it.
    pub fn freeze(self) -> Result<OwnedFd> {
        let Mapping { file, memory } = self;
        // The kernel does not seal memory that is mapped for writing.
        drop(memory);
        fcntl_add_seals(&file, FROZEN).context("cannot seal memory")?;
        Ok(file)
    }

    /// Ends all writing. The result can be sent in a job or an answer.
    ///
    /// # Errors
    ///
    /// As [`freeze`](Mapping::freeze), and if it cannot be mapped again.
    pub fn into_frozen(self) -> Result<Frozen> {
        let length = self.memory.len();
        let file = self.freeze()?;
        // It will be read elsewhere, so its pages need not be ready here.
        let memory = map(&file, length, &MmapOptions::new())?;
        Ok(Frozen { memory, file: Some(file) })
    }
}

/// Memory that its creator filled and froze, in this process or another.
///
/// In a job or an answer, it is encoded as a descriptor; decoding checks and
/// maps it.
#[derive(Debug)]
pub struct Frozen {
    memory: Mmap,
    /// For sending, by its creator only. A receiver keeps just the memory: it
    /// may have more of these than descriptors.
    file: Option<OwnedFd>,
}

impl Frozen {
    /// Maps memory that a worker sent. It must contain exactly `length` bytes.
    /// This costs this process no memory, even if the sender chose `length`:
    /// the sender must already have paid for all of it.
    ///
    /// # Errors
    ///
    /// Fails if it is not frozen, has another length, or has holes: every claim
    /// of the sender is checked.
    pub fn open(file: OwnedFd, length: usize) -> Result<Self> {
        must_be_frozen(&file)?;
        memfd::must_hold(&file, length)?;
        Frozen::receive(&file, length)
    }

    /// As [`open`](Frozen::open), for its whole length.
    fn open_whole(file: OwnedFd) -> Result<Self> {
        must_be_frozen(&file)?;
        let length = usize::try_from(fstat(&file)?.st_size)?;
        Frozen::receive(&file, length)
    }

    fn receive(file: &OwnedFd, length: usize) -> Result<Self> {
        memfd::must_be_whole(file, length)?;
        let mut options = MmapOptions::new();
        // Ready to be read, and counted as memory of this process.
        options.populate();
        Ok(Frozen { memory: map(file, length, &options)?, file: None })
    }

    /// The memory as a slice of `T`.
    pub fn as_slice<T: AnyBitPattern>(&self) -> &[T] {
        let whole = self.memory.len() / size_of::<T>() * size_of::<T>();
        bytemuck::cast_slice(&self.memory[..whole])
    }
}

fn must_be_frozen(file: &OwnedFd) -> Result<()> {
    let seals = memfd::seals(file)?;
    ensure!(seals.contains(FROZEN), "the memory is not frozen: {seals:?}");
    Ok(())
}

/// Maps `length` bytes of a frozen file.
fn map(file: &OwnedFd, length: usize, options: &MmapOptions) -> Result<Mmap> {
    // SAFETY: no process can write to this file or shorten it: its seals were
    // just read or set, the kernel enforces them, and they cannot be lifted.
    // The mapping is private, because kernels before 6.7 refuse a shared
    // mapping of such a file, even for reading.
    let memory = unsafe { options.map_copy_read_only(file) };
    memory.with_context(|| format!("cannot map {length} bytes"))
}

impl Serialize for Frozen {
    fn serialize<S: Serializer>(
        &self,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let Some(file) = &self.file else {
            let reason = "received frozen memory cannot be sent on";
            return Err(S::Error::custom(descriptor::refuse(reason.into())));
        };
        descriptor::serialize(file, serializer)
    }
}

impl<'de> Deserialize<'de> for Frozen {
    fn deserialize<D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        let file = descriptor::deserialize(deserializer)?;
        Frozen::open_whole(file).map_err(descriptor::refused)
    }
}

impl<T: AnyBitPattern> AsRef<[T]> for Frozen {
    fn as_ref(&self) -> &[T] {
        self.as_slice()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::{fs, io};

    use rustix::{
        fs::{
            FallocateFlags, MemfdFlags, fallocate, fstat, ftruncate,
            memfd_create,
        },
        io::{pwrite, write},
    };

    use super::*;
    use crate::{share::descriptor::End, start::wire::Wire};

    #[test]
    fn hands_over_what_was_written() {
        for numbers in [vec![], vec![1.5, -2.0, 3.25]] {
            let length = size_of_val(&numbers[..]);
            let mut mapping = Mapping::new(length).unwrap();
            mapping.as_mut_slice().copy_from_slice(&numbers);
            let file = mapping.freeze().unwrap();
            let frozen = Frozen::open(file, length).unwrap();
            assert_eq!(frozen.as_slice::<f64>(), numbers);
        }
    }

    #[test]
    fn crosses_in_a_message() {
        let (here, there) = Wire::pair().unwrap();
        let numbers = [1.5, f64::MIN_POSITIVE, -0.0];
        let mut mapping = Mapping::zeroed::<f64>(3).unwrap();
        mapping.as_mut_slice().copy_from_slice(&numbers);
        let sent = mapping.into_frozen().unwrap();
        here.send(&sent).unwrap();
        let came = there.receive::<Frozen>().unwrap().unwrap();
        assert_eq!(came.as_slice::<f64>(), numbers);
        assert_eq!(sent.as_slice::<f64>(), numbers);
        let error = there.send(&came).unwrap_err().to_string();
        assert!(error.contains("cannot be sent on"), "{error}");
    }

    #[test]
    fn is_checked_as_it_comes() {
        let (here, there) = Wire::pair().unwrap();
        here.send(&End(Mapping::new(8).unwrap().file)).unwrap();
        let error = there.receive::<Frozen>().map(drop).unwrap_err();
        assert!(error.to_string().contains("not frozen"), "{error}");
    }

    #[test]
    fn frozen_memory_cannot_be_written_shortened_or_thawed() {
        let file = Mapping::new(4096).unwrap().freeze().unwrap();
        assert!(write(&file, b"late").is_err());
        assert!(ftruncate(&file, 0).is_err());
        // SAFETY: the memory is never accessed; mapping it must fail.
        assert!(unsafe { MmapMut::map_mut(&file) }.is_err());
        assert!(fcntl_add_seals(&file, SealFlags::FUTURE_WRITE).is_err());
    }

    #[test]
    fn refuses_what_is_not_frozen_or_not_as_long_as_announced() {
        let frozen = Mapping::new(8).unwrap().freeze().unwrap();
        let error = Frozen::open(frozen, 16).unwrap_err();
        assert!(error.to_string().contains("8 bytes"), "{error}");
        let soft = Mapping::new(8).unwrap().file;
        let error = Frozen::open(soft, 8).unwrap_err();
        assert!(error.to_string().contains("not frozen"), "{error}");
        let pipe = OwnedFd::from(io::pipe().unwrap().0);
        assert!(Frozen::open(pipe, 0).is_err());
    }

    /// Memory that was never written costs nothing until it is read: then the
    /// reader would pay for it. Memory that the sender allocates beyond the end
    /// does not make up for a hole.
    #[test]
    fn refuses_holes() {
        const LENGTH: usize = 64 << 20;
        let holes: [fn(&OwnedFd); 3] = [
            |_| {},
            |file| write_at(file, 0),
            |file| {
                write_at(file, LENGTH as u64 - 1);
                let beyond = FallocateFlags::KEEP_SIZE;
                let length = LENGTH as u64;
                fallocate(file, beyond, length, length).unwrap();
            },
        ];
        for (case, write) in holes.into_iter().enumerate() {
            let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
            let file = memfd_create("test", flags).unwrap();
            ftruncate(&file, LENGTH as u64).unwrap();
            write(&file);
            fcntl_add_seals(&file, FROZEN).unwrap();
            let copy = file.try_clone().unwrap();
            let blocks = fstat(&copy).unwrap().st_blocks;
            let error = Frozen::open(file, LENGTH).unwrap_err().to_string();
            assert!(error.contains("67108864 bytes"), "{case}: {error}");
            assert!(error.contains("never written"), "{case}: {error}");
            assert_eq!(fstat(&copy).unwrap().st_blocks, blocks, "{case}");
        }
    }

    fn write_at(file: &OwnedFd, place: u64) {
        assert_eq!(pwrite(file, b"x", place), Ok(1));
    }

    /// Kernels before 6.7 refuse a shared mapping of memory that is sealed
    /// against writing (mmap(2)); the kernel of this test may be newer.
    #[test]
    fn is_mapped_as_every_kernel_allows() {
        let file = Mapping::new(4096).unwrap().freeze().unwrap();
        let frozen = Frozen::open(file, 4096).unwrap();
        let start = format!("{:x}-", frozen.as_slice::<u8>().as_ptr().addr());
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let map = maps.lines().find(|map| map.starts_with(&start)).unwrap();
        assert_eq!(map.split(' ').nth(1), Some("r--p"), "{map}");
    }

    #[test]
    fn more_memory_than_there_is_is_an_error() {
        let error = Mapping::new(1 << 50).unwrap_err();
        assert!(error.to_string().contains("1125899906842624"), "{error}");
        let error = Mapping::zeroed::<f64>(1 << 62).unwrap_err();
        assert!(error.to_string().contains("4611686018427387904"), "{error}");
    }
}
