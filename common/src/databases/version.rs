//! Whether a database was written to meanwhile.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use serde::{Deserialize, Serialize};

/// What shows that a database was written to: its file and its WAL, as the
/// file system has them. SQLite's own counter of changes is silent about what
/// is in the WAL (fileformat2.html, 1.3.7), and about a file that has taken the
/// place of another; its `data_version` is of one connection.
///
/// Two writes within a tick of the kernel's clock may look like one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version([Option<Stamp>; 2]);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Version {
    /// Of the database at this path, now.
    pub fn of(path: &Path) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Version([path, Path::new(&log)].map(stamp))
    }
}

/// Nothing if there is no such file, or nothing in it: a reader, too, makes an
/// empty WAL.
fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    (metadata.len() > 0).then(|| Stamp {
        inode: metadata.ino(),
        length: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    })
}
