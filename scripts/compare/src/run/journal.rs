//! The file that keeps every sample: one JSON document, whole at every moment.
//!
//! Its tail closes the list of samples and the document. A new sample
//! overwrites the tail, with a new tail behind it, in one positioned write:
//! a signal that we handle cannot divide it. SIGKILL can, at the boundary of
//! a page, if it comes within the microseconds that the kernel takes to copy.
//! Nothing is synced, because a wait for the disk would disturb the next run:
//! the file outlives this process, not the machine's power.
//!
//! The rejected alternatives: one document a line needs a reader of its own;
//! a new file renamed over the old one for each sample writes the square of
//! what it keeps, while the next run is measured.

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

/// The file, open and locked, so that no second comparison writes to it. The
/// second would make the figures of both worthless, anyway.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Where the tail begins.
    end: u64,
    /// What comes before the next sample: nothing or a comma.
    separator: &'static str,
}

impl Journal {
    /// Begins the file, and its folder if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written, or is being written by another.
    pub fn create(path: &Path, heading: &Heading) -> anyhow::Result<Self> {
        Self::begin(path, heading).with_context(|| {
            format!("the samples cannot be kept in {}", Escaped(path))
        })
    }

    fn begin(path: &Path, heading: &Heading) -> anyhow::Result<Self> {
        let file = open(path)?;
        let text = serde_json::to_string(heading)?;
        let text = text.trim_end_matches("]}").to_owned();
        let end = text.len() as u64;
        let mut bytes = (text + TAIL).into_bytes();
        let length = bytes.len();
        // White space over the rest of an older, longer document.
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
    /// Fails if it cannot be written. The file then is as it was before.
    pub fn add(&mut self, sample: &Sample) -> anyhow::Result<()> {
        let sample = serde_json::to_string(sample)?;
        let text = format!("{}\n{sample}", self.separator);
        self.replace_tail(&text, TAIL)?;
        self.end += text.len() as u64;
        self.separator = ",";
        Ok(())
    }

    /// Adds the members of what came out, below the samples.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written. The file then is as it was before.
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
            .with_context(|| {
                format!("{} cannot take one more sample", Escaped(&self.path))
            })
    }

    /// After half a write, because the disk is full.
    fn restore_tail(&self) -> io::Result<()> {
        self.file.write_all_at(TAIL.as_bytes(), self.end)?;
        self.file.set_len(self.end + TAIL.len() as u64)
    }
}

/// A device or a pipe is refused: what is written to it cannot be overwritten.
fn open(path: &Path) -> anyhow::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    ensure!(file.metadata()?.is_file(), "it is no regular file");
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another comparison is writing to it")
        }
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
