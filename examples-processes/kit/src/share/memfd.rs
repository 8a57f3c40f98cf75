//! Memory without a name (memfd_create(2)), and the checks on memory that
//! arrives from another process, which is not trusted.

use std::os::fd::OwnedFd;

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{
    MemfdFlags, SealFlags, SeekFrom, fcntl_get_seals, fstat, memfd_create, seek,
};

use crate::share::room;

/// `size` zeroed bytes, reserved, that can be sealed.
pub(crate) fn create(size: usize) -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = memfd_create("process-kit", flags)?;
    room::reserve(&file, size)?;
    Ok(file)
}

/// Its seals: what no process may do to it any more.
pub(crate) fn seals(file: &OwnedFd) -> Result<SealFlags> {
    fcntl_get_seals(file).context("this is not memory that can be sealed")
}

/// Refuses memory that does not contain exactly `size` bytes.
pub(crate) fn must_hold(file: &OwnedFd, size: usize) -> Result<()> {
    let found = fstat(file)?.st_size;
    ensure!(
        found as u64 == size as u64,
        "the memory has {found} bytes, expected {size}"
    );
    Ok(())
}

/// Refuses memory with holes: its creator has not paid for them, and its reader
/// would. It is `size` bytes long.
pub(crate) fn must_be_whole(file: &OwnedFd, size: usize) -> Result<()> {
    if size > 0 {
        let hole = seek(file, SeekFrom::Hole(0))?;
        ensure!(
            hole == size as u64,
            "the memory has {size} bytes, but from byte {hole} on they were \
             never written"
        );
    }
    Ok(())
}
