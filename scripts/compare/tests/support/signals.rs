//! Signals, for tests that send them.

use std::sync::{Arc, atomic::AtomicBool};

use rustix::process::Signal;
use signal_hook::flag;

/// A shell's background job ignores Ctrl-C, what `nohup` starts ignores SIGHUP,
/// and so would all that the tests start. What is handled here, programs have
/// by default (execve(2)).
pub fn hear(signal: Signal) {
    let number = signal.as_raw();
    let always = Arc::new(AtomicBool::new(true));
    flag::register_conditional_shutdown(number, 128 + number, always).unwrap();
}
