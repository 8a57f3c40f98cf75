//! Reserving shared memory before it is used.
//!
//! A mapping can promise memory that does not exist: then the first write to a
//! page raises SIGBUS, in the middle of some work. So every byte is reserved at
//! the start, where there is an error to return.

use std::os::fd::AsFd;

use anyhow::{Result, ensure};
use common::machine;
use rustix::fs::{FallocateFlags, fallocate, fstatvfs};

/// Reserves `size` bytes for a file in memory. If that is obviously too much,
/// it is refused without trying: the kernel would first fill all memory.
pub(crate) fn reserve(file: impl AsFd, size: usize) -> Result<()> {
    let (size, free) = (size as u64, free(&file)?);
    ensure!(size <= free, "{size} bytes are needed, only {free} are free");
    if size > 0 {
        fallocate(file, FallocateFlags::empty(), 0, size)?;
    }
    Ok(())
}

/// The free memory of the machine or our container, and of the file system if
/// it has a limit: the one of memory without a name has none, and reports zero
/// blocks.
fn free(file: impl AsFd) -> Result<u64> {
    let files = fstatvfs(file)?;
    let memory = machine::memory_left();
    match files.f_blocks {
        0 => Ok(memory),
        _ => Ok(memory.min(files.f_bavail * files.f_frsize)),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::fs::{File, OpenOptions};

    use rustix::fs::{MemfdFlags, OFlags, memfd_create, statvfs};
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};

    use super::*;

    /// A file that never gets a name.
    fn nameless() -> File {
        OpenOptions::new()
            .write(true)
            .custom_flags(OFlags::TMPFILE.bits() as i32)
            .open(crate::share::segment::FOLDER)
            .unwrap()
    }

    #[test]
    fn claims_what_is_asked_for() {
        let file = nameless();
        reserve(&file, 12345).unwrap();
        let found = file.metadata().unwrap();
        assert_eq!(found.len(), 12345);
        // A block has 512 bytes here, whatever the file system uses (stat(2)).
        assert!(found.blocks() * 512 >= 12345, "{found:?}");
    }

    #[test]
    fn refuses_more_than_is_free_without_filling_it() {
        let room = statvfs(crate::share::segment::FOLDER).unwrap();
        let bytes = (room.f_bavail * room.f_frsize) as usize;
        let error = reserve(nameless(), bytes + 1).unwrap_err();
        assert!(error.to_string().contains("are free"), "{error}");
        let file = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        let error = reserve(&file, 1 << 50).unwrap_err();
        assert!(error.to_string().contains("1125899906842624"), "{error}");
    }
}
