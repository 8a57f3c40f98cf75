//! The life of a worker: spawn, gate, answer, join.

pub(crate) mod child;
pub(crate) mod gate;
pub(crate) mod join_set;
pub(crate) mod link;
pub(crate) mod role;
pub(crate) mod scope;
pub(crate) mod wire;
