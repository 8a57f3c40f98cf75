//! Detects writes to a database.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use serde::{Deserialize, Serialize};

/// Changes when a database is written to: the file-system metadata of its file
/// and its WAL. SQLite's own change counter misses writes in the WAL
/// (fileformat2.html, 1.3.7) and a file that replaced another; its
/// `data_version` is per connection.
///
/// Two writes within one tick of the kernel's clock may look like one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version([Option<Stamp>; 2]);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Version {
    /// The current version of the database at this path.
    pub fn of(path: &Path) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Version([path, Path::new(&log)].map(stamp))
    }
}

/// None if the file does not exist or is empty: readers create an empty WAL
/// too.
fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    (metadata.len() > 0).then(|| Stamp {
        inode: metadata.ino(),
        length: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    })
}
