//! Ctrl-C, for tests that send it.

use std::sync::{Arc, atomic::AtomicBool};

use signal_hook::{consts::SIGINT, flag};

/// A shell's background job ignores Ctrl-C, and so would all that it starts.
/// What is handled here, programs have by default (execve(2)).
pub fn hear_ctrl_c() {
    let status = 128 + SIGINT;
    let always = Arc::new(AtomicBool::new(true));
    flag::register_conditional_shutdown(SIGINT, status, always).unwrap();
}
