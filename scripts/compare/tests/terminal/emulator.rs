//! A terminal with a program in it, as a person has them: keys go in, and
//! what is on the screen is read.

use std::{
    fmt, fs,
    io::{ErrorKind, Read as _, Write as _},
    num::NonZeroU16,
    os::{fd::AsFd as _, unix::process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{self, Child, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use common::{outcome::Model, scenarios::ALL};
use pty_process::{
    Size,
    blocking::{Command, Pts, Pty, open},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::ioctl_fionbio,
    process::{Pid, Signal, kill_process},
    termios::tcgetattr,
};
use vt100::Parser;

use crate::support::programs;

/// Far beyond what anything here takes, also on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// Keys, as terminals send them.
pub mod key {
    pub const ENTER: &str = "\r";
    pub const ESCAPE: &str = "\x1b";
    pub const TAB: &str = "\t";
    pub const DOWN: &str = "\x1b[B";
    pub const PAGE_DOWN: &str = "\x1b[6~";
    pub const F10: &str = "\x1b[21~";
    pub const CONTROL_C: &str = "\x03";
    pub const CONTROL_Q: &str = "\x11";
    pub const CONTROL_U: &str = "\x15";
}

/// The program and the terminal around it.
pub struct Emulator {
    /// Nothing, once the window is closed.
    pty: Option<Pty>,
    pts: Pts,
    parser: Parser,
    child: Child,
    /// The modes in which the terminal was.
    before: String,
}

/// What a program has to do with its terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// It is the controlling terminal: its end is told by SIGHUP.
    Controlling,
    /// It is where the program reads and draws, and no more.
    Plain,
}

impl Emulator {
    /// Starts the screen of one side in a terminal of that many rows and
    /// columns.
    pub fn start(model: Model, arguments: &str, size: (u16, u16)) -> Self {
        let mut emulator = Self::tied(Tie::Controlling, model, arguments, size);
        emulator.wait_for("Ctrl-Q leave");
        emulator
    }

    /// The same in a terminal that it is tied to so.
    pub fn tied(
        tie: Tie,
        model: Model,
        arguments: &str,
        size: (u16, u16),
    ) -> Self {
        let program = program("responsive-ui", model);
        Self::run(tie, &program, arguments, size, "xterm-256color")
    }

    /// Starts any program in a terminal of that kind.
    pub fn run(
        tie: Tie,
        program: &Path,
        arguments: &str,
        size: (u16, u16),
        kind: &str,
    ) -> Self {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(size.0, size.1)).unwrap();
        // To type while nobody reads must not block.
        ioctl_fionbio(&pty, true).unwrap();
        let before = modes(&pts);
        let arguments = arguments.split_whitespace();
        let child = match tie {
            Tie::Controlling => Command::new(program)
                .args(arguments)
                .env("TERM", kind)
                .spawn_borrowed(&pts),
            Tie::Plain => Ok(process::Command::new(program)
                .args(arguments)
                .env("TERM", kind)
                .stdin(end(&pts))
                .stdout(end(&pts))
                .stderr(end(&pts))
                .spawn()
                .unwrap()),
        };
        let child = child.unwrap();
        let parser = Parser::new(number(size.0), number(size.1), 0);
        Emulator { pty: Some(pty), pts, parser, child, before }
    }

    /// Presses keys, and takes meanwhile what the program writes.
    pub fn press(&mut self, keys: &str) {
        let mut rest = keys.as_bytes();
        let deadline = Instant::now() + DEADLINE;
        while !rest.is_empty() {
            assert!(Instant::now() < deadline, "nobody reads:\n{self}");
            match self.pty.as_mut().unwrap().write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    self.read();
                }
            }
        }
    }

    /// Closes the window.
    pub fn close(&mut self) {
        self.pty = None;
    }

    /// The program and all that it has started, and so on.
    pub fn family(&self) -> Vec<u32> {
        let mut family = vec![self.id()];
        for place in 0.. {
            match family.get(place) {
                Some(&member) => family.extend(children_of(member)),
                None => break,
            }
        }
        family
    }

    /// Waits until it has used a tenth of a second of a processor, or ended.
    pub fn wait_until_it_works(&mut self) {
        let ticks = |one: &u32| stat(*one, 13).parse().unwrap_or(0_u64);
        self.wait_while("it does nothing", |it| {
            let family = it.family();
            it.is_alive(it.id()) && family.iter().map(ticks).sum::<u64>() < 10
        });
    }

    /// Waits until all of these are gone.
    pub fn wait_for_the_end_of(&mut self, family: &[u32]) {
        let deadline = Instant::now() + DEADLINE;
        while let Some(&one) = family.iter().find(|one| self.is_alive(**one)) {
            assert!(
                Instant::now() < deadline,
                "{} goes on, and has used the processor for {} ticks:\n{self}",
                stat(one, 1),
                stat(one, 13),
            );
            self.read();
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn is_alive(&self, process: u32) -> bool {
        !["", "Z", "X"].contains(&&*stat(process, 2))
    }

    /// Replaces the query in the line, and asks.
    pub fn ask(&mut self, sql: &str) {
        let paste = format!("\x1b[200~{sql}\x1b[201~");
        self.press(&format!("{}{paste}{}", key::CONTROL_U, key::ENTER));
    }

    /// Waits until this is on the screen.
    pub fn wait_for(&mut self, text: &str) {
        self.wait_until(text, |screen| screen.contains(text));
    }

    /// Waits until the screen is as it should be.
    pub fn wait_until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) {
        self.wait_while(what, |it| !is_so(&it.contents()));
    }

    /// The same of its rows.
    pub fn wait_until_rows(
        &mut self,
        what: &str,
        is_so: impl Fn(&[String]) -> bool,
    ) {
        self.wait_while(what, |it| !is_so(&it.rows()));
    }

    fn wait_while(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while is_so(self) {
            assert!(Instant::now() < deadline, "{what}, in:\n{self}");
            self.read();
        }
    }

    /// Makes the window larger or smaller.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.parser.screen_mut().set_size(number(rows), number(columns));
        let pty = self.pty.as_ref().unwrap();
        pty.resize(Size::new(rows, columns)).unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The words on the screen: where a line ends is a matter of its size.
    pub fn contents(&self) -> String {
        let contents = self.parser.screen().contents();
        contents.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The rows of the screen, one by one, as wide as it is.
    pub fn rows(&self) -> Vec<String> {
        let screen = self.parser.screen();
        let columns = screen.size().1.get();
        screen.rows(0, columns).collect()
    }

    /// The status with which the program ends, as a shell tells it.
    pub fn end(&mut self) -> i32 {
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.read();
            if let Some(status) = self.child.try_wait().unwrap() {
                return as_a_shell(status);
            }
            assert!(Instant::now() < deadline, "it goes on:\n{self}");
        }
    }

    /// Waits until the terminal is as the program found it. A program that
    /// was killed has left that to another, who takes a moment.
    pub fn wait_for_peace(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        while let Some(wrong) = self.disturbance() {
            assert!(Instant::now() < deadline, "{wrong}, in:\n{self}");
            self.read();
        }
    }

    /// What is not as the program found it.
    fn disturbance(&self) -> Option<String> {
        let (screen, now) = (self.parser.screen(), modes(&self.pts));
        let found = [
            (screen.alternate_screen(), "on the alternate screen"),
            (screen.hide_cursor(), "no cursor"),
            (screen.bracketed_paste(), "bracketed paste"),
            (now != self.before, "other modes"),
        ];
        let wrong = found.iter().find(|(is_wrong, _)| *is_wrong);
        wrong.map(|(_, what)| format!("{what}: {} to {now}", self.before))
    }

    /// Takes what the program writes, if it writes something now.
    fn read(&mut self) {
        let Some(pty) = &mut self.pty else {
            return;
        };
        let mut ends = [PollFd::new(&*pty, PollFlags::IN)];
        let patience = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
        if poll(&mut ends, Some(&patience)).unwrap() > 0 {
            let mut bytes = [0; 1 << 14];
            let count = pty.read(&mut bytes).unwrap();
            self.parser.process(&bytes[..count]);
        }
    }
}

/// No test leaves a program behind.
impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Display for Emulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows().iter().try_for_each(|row| writeln!(formatter, "{row}"))
    }
}

/// One side of a pair.
pub fn program(scenario: &str, model: Model) -> PathBuf {
    let scenario = ALL.iter().find(|one| one.name == scenario);
    programs().join(scenario.unwrap().program(model))
}

fn end(pts: &Pts) -> Stdio {
    pts.as_fd().try_clone_to_owned().unwrap().into()
}

fn children_of(process: u32) -> Vec<u32> {
    let children = format!("/proc/{process}/task/{process}/children");
    let children = fs::read_to_string(children).unwrap_or_default();
    children.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

/// A field of `/proc/PID/stat`, counted from 0 (proc(5)), if there is such a
/// process. No name of ours has a space in it.
fn stat(process: u32, field: usize) -> String {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"));
    let stat = stat.unwrap_or_default();
    stat.split(' ').nth(field).unwrap_or_default().to_owned()
}

fn modes(pts: &Pts) -> String {
    format!("{:?}", tcgetattr(pts).unwrap())
}

fn number(size: u16) -> NonZeroU16 {
    NonZeroU16::new(size).unwrap()
}

fn as_a_shell(status: ExitStatus) -> i32 {
    let signal = || 128 + status.signal().unwrap();
    status.code().unwrap_or_else(signal)
}
