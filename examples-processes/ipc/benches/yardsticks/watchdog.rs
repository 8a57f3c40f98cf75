//! Stops the bench if a measurement hangs.
//!
//! Not every link notices the death of its peer: ipc-channel may wait forever
//! in `accept` and in `send`, and `memcpy` spins forever.

use std::{
    process::exit,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

/// How long a measurement may take. It normally takes less than a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// A thread that waits for the next measurement to start. It exits when this
/// is dropped.
pub struct Watchdog(Sender<String>);

impl Watchdog {
    pub fn start() -> Self {
        let (sender, receiver) = channel();
        thread::spawn(move || watch(&receiver));
        Watchdog(sender)
    }

    /// Reports that a measurement starts.
    pub fn now(&self, name: &str) {
        // It fails only if the thread is gone, and then so are we.
        let _ = self.0.send(name.to_owned());
    }
}

/// On a timeout it exits, and workers die with this process: they hold a
/// lifeline.
fn watch(measurements: &Receiver<String>) {
    let mut name = String::from("the first measurement");
    loop {
        match measurements.recv_timeout(PATIENCE) {
            Ok(next) => name = next,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("error: {name} is still running after {PATIENCE:?}");
                exit(1);
            }
        }
    }
}
