//! Deaths: how they are noticed, cleaned up after, and made good; and what a
//! worker may do until then.

pub mod confinement;
pub(crate) mod lifeline;
#[cfg(test)]
pub(crate) mod signal;
pub(crate) mod supervisor;
pub mod sweeper;
