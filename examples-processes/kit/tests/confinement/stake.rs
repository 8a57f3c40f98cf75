//! What is put at stake: a secret, and a folder.

use std::{
    fs::{self, File},
    os::fd::{AsRawFd as _, OwnedFd, RawFd},
    path::{Path, PathBuf},
};

use anyhow::Result;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use tempfile::TempDir;

/// A folder with a secret file, and a folder that a worker may have.
pub struct Stake(TempDir);

impl Stake {
    pub fn new() -> Result<Self> {
        let stake = Stake(TempDir::new()?);
        fs::create_dir(stake.folder())?;
        stake.file("secret")?;
        Ok(stake)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn folder(&self) -> PathBuf {
        self.path().join("folder")
    }

    pub fn secret(&self) -> PathBuf {
        self.path().join("secret")
    }

    /// A new file outside the worker's folder.
    pub fn file(&self, name: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::write(&path, "secret")?;
        Ok(path)
    }

    /// The secret, open under a number that every child inherits.
    pub fn leftover(&self) -> Result<(OwnedFd, RawFd)> {
        let open = fcntl_dupfd_cloexec(File::open(self.secret())?, 100)?;
        fcntl_setfd(&open, FdFlags::empty())?;
        let number = open.as_raw_fd();
        Ok((open, number))
    }
}
