//! Every variant of every demo, on both sides, against the serial reference:
//! over several seeds, with fewer workers than cores and with more.
//!
//! | module | holds |
//! |---|---|
//! | one of each scenario's name | what is true of that scenario alone |
//! | `siblings` | that both sides do, print and list the same |
//! | `mistakes` | what is asked for wrongly, or cannot be had |
//! | `running` | a demo that runs: to its outcome, its error or its end |
//! | `crews` | the seeds and the numbers of workers that are tried |

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod address_space;
mod confine;
mod crash;
mod crews;
mod fetch;
mod ipc;
mod kill_workers;
mod matrix;
mod mistakes;
#[path = "../support/not_run.rs"]
mod not_run;
mod responsive_ui;
mod running;
mod shared_state;
mod siblings;
#[path = "../support/mod.rs"]
mod support;
mod worker_cost;
