//! What people, files, machines and the network do to the real programs.
//!
//! | module | holds |
//! |---|---|
//! | `advice` | the advisor, asked without results or with too much |
//! | `copies` | copies of programs |
//! | `ends_of_numbers` | every number and time that can be given, at its ends |
//! | `fetch` | addresses as people write them, proxies, unexpected replies |
//! | `foreign_databases` | databases that are damaged, locked or changing |
//! | `foreign_text` | names that are not UTF-8, or that a terminal obeys |
//! | `one_core` | one core, and another program that wants all of it |
//! | `output` | output that has nowhere to go |

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod advice;
mod copies;
#[path = "../terminal/emulator.rs"]
#[expect(dead_code, reason = "what else it can do, its own tests need")]
mod emulator;
mod ends_of_numbers;
mod fetch;
mod foreign_databases;
mod foreign_text;
#[path = "../support/not_run.rs"]
mod not_run;
mod one_core;
mod output;
#[path = "../support/mod.rs"]
mod support;
