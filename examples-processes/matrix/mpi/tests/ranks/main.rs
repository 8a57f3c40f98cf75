//! The third sibling, run by the real `mpirun`: in one machine, and over the
//! two of scripts/machines.sh, where the pool has its next step as well.
//!
//! | module | shows |
//! |---|---|
//! | `answers` | any number of ranks has the answer of the siblings |
//! | `errors` | what goes wrong is said by rank 0, and ends all |
//! | `machines` | the same over two machines, until the link is cut |
//! | `pool` | each job is done once, even if a worker or a machine dies |

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod errors;
mod machines;
mod pool;
mod support;
