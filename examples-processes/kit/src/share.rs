//! What two processes share: memory, locks in it, and descriptors.

pub mod descriptor;
pub(crate) mod mapping;
pub(crate) mod memfd;
pub(crate) mod mutex;
pub(crate) mod plain_mutex;
pub(crate) mod room;
pub(crate) mod segment;
pub(crate) mod shared;
