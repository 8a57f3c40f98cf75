//! One run of a demo under a limit, and what is to be seen of it.

use std::{
    fs::{self, File},
    io::Read as _,
    os::{fd::OwnedFd, unix::process::ExitStatusExt as _},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use common::outcome::Outcome;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    pipe::{PipeFlags, fcntl_setpipe_size, pipe_with},
    process::{Pid, PidfdFlags, Signal, pidfd_open},
};

use crate::traces::{nothing_is_left, orphaned_names};

/// Far more than any run takes, also on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// What is said of a want of memory: by std's allocator, by glibc, and by
/// std where it starts a thread and finds no room for its signals.
const NO_MEMORY: [&str; 3] =
    ["memory allocation of", "out of memory", "Cannot allocate memory"];

/// A run that has ended, within the deadline, and left nothing.
pub struct Attempt {
    /// What was tried, for a person.
    what: String,
    status: ExitStatus,
    pub stdout: String,
    stderr: String,
}

impl Attempt {
    /// Runs it, whatever becomes of it.
    pub fn run(command: &mut Command, what: String) -> Self {
        let (names, home) = (orphaned_names(), tempfile::tempdir().unwrap());
        let [stdout, stderr] = [(); 2].map(|()| Stream::new());
        command.stdin(Stdio::null()).env_remove("RUST_BACKTRACE");
        command.env("TMPDIR", home.path());
        command.stdout(stdout.entry()).stderr(stderr.entry());
        let status = end_of(command.spawn().unwrap(), &what);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        nothing_is_left(&names, Instant::now() + DEADLINE, &what);
        assert_eq!(fs::read_dir(&home).unwrap().count(), 0, "{what}");
        let [stdout, stderr] = [stdout, stderr].map(Stream::text);
        Attempt { what, status, stdout, stderr }
    }

    /// Whether it ended well.
    pub fn is_done(&self) -> bool {
        self.status.success()
    }

    /// Whether it speaks of a panic.
    pub fn has_panicked(&self) -> bool {
        self.stderr.contains("panicked")
    }

    /// What came out.
    pub fn outcome(&self) -> Outcome {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{error}: {self}");
        })
    }

    /// Fails if it was refused in another way than with status 1 and an
    /// error in two parts at least: what is not to be had, and why.
    pub fn must_say_why(&self) {
        // Not at the start of a line: a worker may be within one of its own.
        let error = self.stderr.split_once("error: ");
        let is_clear = error.is_some_and(|(_, error)| error.contains(": "));
        let is_clear = is_clear && self.stdout.is_empty();
        assert!(self.status.code() == Some(1) && is_clear, "{self}");
    }

    /// Fails if it was not refused in words that say how to raise a limit.
    pub fn must_name(&self, remedy: &str) {
        self.must_say_why();
        assert!(self.stderr.contains(remedy), "{self}");
    }

    /// Whether it speaks of a want of memory.
    pub fn lacks_memory(&self) -> bool {
        NO_MEMORY.iter().any(|text| self.stderr.contains(text))
    }

    /// Whether it ended itself at once.
    pub fn is_aborted(&self) -> bool {
        self.status.signal() == Some(Signal::ABORT.as_raw())
    }
}

impl std::fmt::Display for Attempt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Attempt { what, status, stderr, .. } = self;
        write!(formatter, "{what}: {status}: {stderr}")
    }
}

/// Waits for it, but not for ever.
fn end_of(mut child: Child, what: &str) -> ExitStatus {
    let id = Pid::from_child(&child);
    let pidfd = pidfd_open(id, PidfdFlags::empty()).unwrap();
    let mut events = [PollFd::new(&pidfd, PollFlags::IN)];
    let patience = Timespec::try_from(DEADLINE).unwrap();
    let ended = poll(&mut events, Some(&patience)).unwrap();
    if ended == 0 {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    assert_eq!(ended, 1, "{what} hangs");
    status
}

/// What is printed, in a pipe that has room for all of it: a file could be
/// limited.
struct Stream {
    exit: OwnedFd,
    entry: OwnedFd,
}

impl Stream {
    fn new() -> Self {
        let (exit, entry) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        fcntl_setpipe_size(&entry, 1 << 20).unwrap();
        Stream { exit, entry }
    }

    fn entry(&self) -> OwnedFd {
        self.entry.try_clone().unwrap()
    }

    fn text(self) -> String {
        drop(self.entry);
        let mut bytes = Vec::new();
        File::from(self.exit).read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
