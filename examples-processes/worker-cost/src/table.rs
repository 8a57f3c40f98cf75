//! A table that many processes read. It is sealed, so that each may read it
//! like its own memory.
//!
//! It has no twin: threads read the table where it is.

use std::os::fd::OwnedFd;

use anyhow::Result;
use process_kit::{Frozen, Mapping, descriptor};
use serde::{Deserialize, Serialize};

/// A table, as a job carries it.
#[derive(Serialize, Deserialize)]
pub struct Table {
    #[serde(with = "descriptor")]
    file: OwnedFd,
    length: usize,
}

impl Table {
    /// A copy of this one, or none of an empty one, which nobody reads.
    pub fn of(table: &[u64]) -> Result<Option<Self>> {
        if table.is_empty() {
            return Ok(None);
        }
        let length = size_of_val(table);
        let mut memory = Mapping::new(length)?;
        memory.as_mut_slice().copy_from_slice(table);
        Ok(Some(Table { file: memory.freeze()?, length }))
    }

    /// Maps it into this process.
    pub fn open(self) -> Result<Frozen> {
        Frozen::open(self.file, self.length)
    }
}
