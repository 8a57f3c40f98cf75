//! A path in a message, for `#[serde(with = "path_bytes")]`. It is sent as
//! bytes, because a path need not be UTF-8, and serde's own implementation
//! rejects one that is not.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Serializes the path's bytes.
///
/// # Errors
///
/// Fails if the message cannot be written.
pub fn serialize<S: Serializer>(
    path: &Path,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    path.as_os_str().as_bytes().serialize(serializer)
}

/// Deserializes a path from its bytes.
///
/// # Errors
///
/// Fails if the message cannot be read.
pub fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<PathBuf, D::Error> {
    let bytes = Vec::deserialize(deserializer)?;
    Ok(OsString::from_vec(bytes).into())
}
