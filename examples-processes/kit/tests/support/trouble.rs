//! Workers that make trouble, and what the tests need against it.

use std::{
    fs,
    io::{self, Read as _},
    mem::forget,
    os::fd::AsRawFd as _,
    process::{Command, exit},
    sync::mpsc::{self, RecvTimeoutError::Timeout, Sender},
    thread,
};

use anyhow::{Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::DEADLINE;

/// Has a child that holds all that this process holds, and waits. One that
/// escapes has left the process group when this returns.
pub fn fork(escapes: bool) -> Result<()> {
    let (mut reader, writer) = io::pipe()?;
    let here = writer.as_raw_fd();
    // SAFETY: the child, which may be that of a process with threads, makes
    // no calls but such as are safe then (signal-safety(7)).
    let child = unsafe { libc::fork() };
    ensure!(child >= 0, "no child can be had");
    if child > 0 {
        return Ok(reader.read_exact(&mut [0])?);
    }
    if escapes {
        // SAFETY: it touches no memory.
        unsafe { libc::setsid() };
    }
    // SAFETY: the byte lives, and the descriptor is open.
    unsafe { libc::write(here, [0_u8].as_ptr().cast(), 1) };
    loop {
        // SAFETY: it only waits.
        unsafe { libc::pause() };
    }
}

/// Has a child that is another program, and holds nothing of this process.
pub fn start_another() -> Result<()> {
    forget(Command::new("sleep").arg("infinity").spawn()?);
    Ok(())
}

/// Has this process never come to the end of its exit.
pub fn linger_in_exit() {
    extern "C" fn linger() {
        loop {
            thread::park();
        }
    }
    // SAFETY: the handler may be called at any time.
    assert_eq!(unsafe { libc::atexit(linger) }, 0);
}

/// Kills all children of this subreaper, among which are no workers then.
pub fn kill_the_escaped() -> Result<()> {
    for task in fs::read_dir("/proc/self/task")? {
        let list = fs::read_to_string(task?.path().join("children"))?;
        for id in list.split_whitespace() {
            if let Some(id) = Pid::from_raw(id.parse()?) {
                kill_process(id, Signal::KILL)?;
            }
        }
    }
    Ok(())
}

/// Ends a test that hangs.
pub struct Watchdog {
    _alive: Sender<()>,
}

impl Watchdog {
    pub fn over(what: &'static str) -> Self {
        let (alive, is_over) = mpsc::channel();
        thread::spawn(move || {
            if is_over.recv_timeout(DEADLINE) == Err(Timeout) {
                eprintln!("it hangs: {what}");
                exit(1);
            }
        });
        Watchdog { _alive: alive }
    }
}
