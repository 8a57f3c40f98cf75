//! The comparison against planted programs: shell scripts that do well, lie,
//! crash, hang or flood. What a program prints is a serialised [`Outcome`],
//! so that the scripts cannot fall behind what the demos print.
//!
//! No test waits for a time to pass. What they wait for is an event: a
//! program says on a FIFO where it is, and the FIFO comes to its end when
//! the program and all that it started are gone.
//!
//! [`Outcome`]: common::outcome::Outcome
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod beside;
mod calibrated;
mod changed;
mod door;
mod interrupted;
mod judged;
mod kept;
mod planted;
mod refused;
mod reported;
#[path = "../support/signals.rs"]
mod signals;
