//! Memory that two processes map and may both write.
//!
//! It has no name (memfd_create(2)): it is sent as a descriptor, and disappears
//! with the last process that holds it. Its size is sealed, so the other
//! process cannot truncate it and turn an access into a SIGBUS
//! (`F_SEAL_SHRINK`, fcntl(2)). Its contents are not sealed, so neither side
//! may trust them. It cannot be borrowed as a slice; it can be used as a
//! [ring](common::ring).

use std::{os::fd::OwnedFd, ptr::NonNull, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use common::ring::memory::Memory;
use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{SealFlags, fcntl_add_seals};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{share::descriptor, share::memfd};

/// No process may shorten or grow it, or lift these seals.
const SIZED: SealFlags =
    SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// Memory that is mapped here, and may be mapped elsewhere.
///
/// A clone is the same mapping. In a job, its size and a duplicate of its
/// descriptor are sent; the worker checks and maps it when it decodes the job.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mapped>);

/// The memory in this process.
#[derive(Debug)]
struct Mapped {
    file: OwnedFd,
    memory: MmapRaw,
}

/// What is sent.
#[derive(Serialize)]
struct Sent<'shared> {
    size: usize,
    #[serde(serialize_with = "descriptor::serialize")]
    file: &'shared OwnedFd,
}

/// What arrived, not checked yet.
#[derive(Deserialize)]
struct Received {
    size: usize,
    #[serde(deserialize_with = "descriptor::deserialize")]
    file: OwnedFd,
}

impl Shared {
    /// `size` zeroed bytes, reserved: if memory is short, this fails, not a
    /// later write.
    ///
    /// # Errors
    ///
    /// Fails if there is not enough memory.
    pub fn new(size: usize) -> Result<Self> {
        Shared::reserve(size)
            .with_context(|| format!("cannot share {size} bytes"))
    }

    fn reserve(size: usize) -> Result<Self> {
        let file = memfd::create(size)?;
        fcntl_add_seals(&file, SIZED)?;
        Shared::map(file)
    }

    /// Maps memory that another process created. Refuses it if its size is not
    /// sealed or is not `size`, if it has holes, or if it cannot be written:
    /// every claim of the sender is checked.
    fn open(file: OwnedFd, size: usize) -> Result<Self> {
        let seals = memfd::seals(&file)?;
        ensure!(seals.contains(SIZED), "the memory can be resized: {seals:?}");
        ensure!(!seals.contains(SealFlags::WRITE), "the memory is frozen");
        memfd::must_hold(&file, size)?;
        memfd::must_be_whole(&file, size)?;
        Shared::map(file).with_context(|| format!("cannot map {size} bytes"))
    }

    /// Its size is sealed.
    fn map(file: OwnedFd) -> Result<Self> {
        let mut options = MmapOptions::new();
        // Mapping all pages at once costs less than a page fault for each.
        options.populate();
        let memory = options.map_raw(&file)?;
        Ok(Shared(Arc::new(Mapped { file, memory })))
    }
}

impl Serialize for Shared {
    fn serialize<S: Serializer>(
        &self,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let Mapped { file, memory } = &*self.0;
        Sent { size: memory.len(), file }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Shared {
    fn deserialize<D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        let Received { size, file } = Received::deserialize(deserializer)?;
        Shared::open(file, size).map_err(descriptor::refused)
    }
}

// SAFETY: a mapping does not move until it is dropped, and starts on a page
// boundary. The file cannot become shorter than the mapping, because its size
// is sealed. Nothing else here accesses the memory.
unsafe impl Memory for Shared {
    fn bytes(&self) -> NonNull<[u8]> {
        // No mapping has the address zero.
        let start = NonNull::new(self.0.memory.as_mut_ptr());
        let start = start.unwrap_or(NonNull::dangling());
        NonNull::slice_from_raw_parts(start, self.0.memory.len())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use common::ring::{Manner, Receiver, Sender, Waiting, size};
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;
    use crate::start::wire::Wire;

    #[test]
    fn two_mappings_are_one_memory() {
        let (here, there) = Wire::pair().unwrap();
        let one = Shared::new(size(4096)).unwrap();
        here.send(&one).unwrap();
        let other = there.receive::<Shared>().unwrap().unwrap();
        assert_ne!(one.bytes().cast::<u8>(), other.bytes().cast::<u8>());
        let waiting = || Waiting::new(Manner::Block);
        let mut sender = Sender::new(one, waiting()).unwrap();
        let mut receiver = Receiver::new(other, waiting()).unwrap();
        sender.send(b"through").unwrap();
        let mut message = [0; 7];
        receiver.receive_into(&mut message).unwrap();
        assert_eq!(&message, b"through");
    }

    #[test]
    fn a_clone_is_the_same_mapping() {
        let one = Shared::new(4096).unwrap();
        assert_eq!(one.bytes(), one.clone().bytes());
    }

    /// The sender chooses the size that it claims.
    #[test]
    fn what_is_of_another_size_is_refused_as_it_comes() {
        let shared = Shared::new(8192).unwrap();
        for size in [0, 4096, 8191, 8193, 1 << 50] {
            let (here, there) = Wire::pair().unwrap();
            here.send(&Sent { size, file: &shared.0.file }).unwrap();
            let error = there.receive::<Shared>().unwrap_err().to_string();
            assert!(error.contains("has 8192 bytes"), "{size}: {error}");
        }
    }

    #[test]
    fn what_can_be_cut_is_refused_as_it_comes() {
        let (here, there) = Wire::pair().unwrap();
        let file = &memfd::create(8192).unwrap();
        here.send(&Sent { size: 8192, file }).unwrap();
        let error = there.receive::<Shared>().unwrap_err().to_string();
        assert!(error.contains("can be resized"), "{error}");
    }

    #[test]
    fn nobody_can_cut_it() {
        let file = &Shared::new(8192).unwrap().0.file;
        assert!(ftruncate(file, 4096).is_err());
        assert!(ftruncate(file, 16384).is_err());
        assert!(fcntl_add_seals(file, SealFlags::WRITE).is_err());
    }

    #[test]
    fn refuses_what_can_be_cut_or_is_of_another_size() {
        let shared = Shared::new(8192).unwrap().0.file.try_clone().unwrap();
        let error = Shared::open(shared, 4096).unwrap_err();
        assert!(error.to_string().contains("8192 bytes"), "{error}");
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let soft = memfd_create("test", flags).unwrap();
        ftruncate(&soft, 8192).unwrap();
        let error = Shared::open(soft, 8192).unwrap_err();
        assert!(error.to_string().contains("can be resized"), "{error}");
        let holes = memfd_create("test", flags).unwrap();
        ftruncate(&holes, 64 << 20).unwrap();
        fcntl_add_seals(&holes, SIZED).unwrap();
        let error = Shared::open(holes, 64 << 20).unwrap_err();
        assert!(error.to_string().contains("never written"), "{error}");
        let pipe = OwnedFd::from(std::io::pipe().unwrap().0);
        assert!(Shared::open(pipe, 0).is_err());
    }

    #[test]
    fn more_memory_than_there_is_is_an_error() {
        let error = Shared::new(1 << 50).unwrap_err();
        assert!(error.to_string().contains("1125899906842624"), "{error}");
    }
}
