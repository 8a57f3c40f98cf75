//! Memory without a name (memfd_create(2)), and what is asked of it when it
//! comes from another process: that one is not believed.

use std::os::fd::OwnedFd;

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{
    MemfdFlags, SealFlags, SeekFrom, fcntl_get_seals, fstat, memfd_create, seek,
};

use crate::share::room;

/// `size` bytes of zero, reserved, that can be sealed.
pub(crate) fn create(size: usize) -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = memfd_create("process-kit", flags)?;
    room::reserve(&file, size)?;
    Ok(file)
}

/// What nobody may do to it any more.
pub(crate) fn seals(file: &OwnedFd) -> Result<SealFlags> {
    fcntl_get_seals(file).context("what came is not memory that can be sealed")
}

/// Refuses what is not as large as it must be.
pub(crate) fn must_hold(file: &OwnedFd, size: usize) -> Result<()> {
    let found = fstat(file)?.st_size;
    ensure!(
        found as u64 == size as u64,
        "what came holds {found} bytes, and {size} were expected"
    );
    Ok(())
}

/// Refuses what has holes: its maker has not paid for them, and its reader
/// would. It is `size` bytes long.
pub(crate) fn must_be_whole(file: &OwnedFd, size: usize) -> Result<()> {
    if size > 0 {
        let hole = seek(file, SeekFrom::Hole(0))?;
        ensure!(
            hole == size as u64,
            "of the {size} bytes that came, those from {hole} on were never \
             written"
        );
    }
    Ok(())
}
