//! The file of all samples: one JSON document, complete at every moment.
//!
//! Its tail closes the list of samples and the document. A new sample
//! overwrites the tail, together with a new tail behind it, in one positioned
//! write, which a signal that we handle cannot split. SIGKILL can, at a page
//! boundary, if it arrives within the microseconds of the kernel's copy.
//! Nothing is synced, because waiting for the disk would disturb the next run:
//! the file survives this process, not a power failure.
//!
//! The rejected alternatives: one document per line needs a special reader;
//! renaming a new file over the old one for each sample writes a quadratic
//! amount of data while the next run is measured.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use common::escaped::Escaped;
use serde::Serialize;

use crate::run::samples::{Heading, Sample};

const TAIL: &str = "\n]}";

/// The file, open and locked, so that no second comparison writes to it. A
/// second one would invalidate the figures of both anyway.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Where the tail starts.
    end: u64,
    /// What precedes the next sample: nothing or a comma.
    separator: &'static str,
}

impl Journal {
    /// Starts the file, and creates its folder if needed.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written, or another comparison is writing
    /// it.
    pub fn create(path: &Path, heading: &Heading) -> anyhow::Result<Self> {
        Self::begin(path, heading).with_context(|| {
            format!("cannot save the samples in {}", Escaped(path))
        })
    }

    fn begin(path: &Path, heading: &Heading) -> anyhow::Result<Self> {
        let file = open(path)?;
        let text = serde_json::to_string(heading)?;
        let text = text.trim_end_matches("]}").to_owned();
        let end = text.len() as u64;
        let mut bytes = (text + TAIL).into_bytes();
        let length = bytes.len();
        // Spaces over the rest of an older, longer document.
        bytes.resize(length.max(file.metadata()?.len() as usize), b' ');
        file.write_all_at(&bytes, 0)?;
        file.set_len(length as u64)?;
        Ok(Journal { file, path: path.canonicalize()?, end, separator: "" })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a sample.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written. The file is then unchanged.
    pub fn add(&mut self, sample: &Sample) -> anyhow::Result<()> {
        let sample = serde_json::to_string(sample)?;
        let text = format!("{}\n{sample}", self.separator);
        self.replace_tail(&text, TAIL)?;
        self.end += text.len() as u64;
        self.separator = ",";
        Ok(())
    }

    /// Adds the members of the conclusion below the samples.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written. The file is then unchanged.
    pub fn conclude(&self, conclusion: &impl Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string(conclusion)?;
        let members = text.trim_start_matches('{');
        self.replace_tail("\n],", &format!("{members}\n"))
    }

    fn replace_tail(&self, text: &str, tail: &str) -> anyhow::Result<()> {
        let bytes = [text, tail].concat();
        self.file
            .write_all_at(bytes.as_bytes(), self.end)
            .or_else(|error| self.restore_tail().and(Err(error)))
            .with_context(|| format!("cannot write to {}", Escaped(&self.path)))
    }

    /// After a partial write, because the disk is full.
    fn restore_tail(&self) -> io::Result<()> {
        self.file.write_all_at(TAIL.as_bytes(), self.end)?;
        self.file.set_len(self.end + TAIL.len() as u64)
    }
}

/// Refuses a device or a pipe: what is written to it cannot be overwritten.
fn open(path: &Path) -> anyhow::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    ensure!(file.metadata()?.is_file(), "it is not a regular file");
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another comparison is writing to it")
        }
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
