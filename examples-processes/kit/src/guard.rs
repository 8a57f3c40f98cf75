//! Deaths: how they are noticed, cleaned up after, and made good.

pub(crate) mod lifeline;
#[cfg(test)]
pub(crate) mod signal;
pub(crate) mod supervisor;
pub mod sweeper;
