//! Misbehaviour of workers, and what the tests need against it.

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

/// Forks a child that holds everything that this process holds, and waits. If
/// it escapes, it has left the process group when this returns.
pub fn fork(escapes: bool) -> Result<()> {
    let (mut reader, writer) = io::pipe()?;
    let here = writer.as_raw_fd();
    // SAFETY: the child, whose parent may have several threads, only makes
    // calls that are safe there (signal-safety(7)).
    let child = unsafe { libc::fork() };
    ensure!(child >= 0, "no child can be had");
    if child > 0 {
        return Ok(reader.read_exact(&mut [0])?);
    }
    if escapes {
        // SAFETY: `setsid` accesses no memory.
        unsafe { libc::setsid() };
    }
    // SAFETY: the byte is alive during the call, and the descriptor is open.
    unsafe { libc::write(here, [0_u8].as_ptr().cast(), 1) };
    loop {
        // SAFETY: `pause` only waits.
        unsafe { libc::pause() };
    }
}

/// Starts another program as a child, which holds nothing of this process.
pub fn start_another() -> Result<()> {
    forget(Command::new("sleep").arg("infinity").spawn()?);
    Ok(())
}

/// Makes this process hang during its exit.
pub fn linger_in_exit() {
    extern "C" fn linger() {
        loop {
            thread::park();
        }
    }
    // SAFETY: the handler may be called at any time.
    assert_eq!(unsafe { libc::atexit(linger) }, 0);
}

/// Kills all children of this subreaper; none of them is a worker then.
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

/// Exits if a test hangs.
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
