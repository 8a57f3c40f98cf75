//! A terminal with a program in it, as a person has them: keys go in, and
//! what is on the screen is read.

use std::{
    fmt,
    io::{Read as _, Write as _},
    num::NonZeroU16,
    os::unix::process::ExitStatusExt as _,
    process::{Child, ExitStatus},
    time::{Duration, Instant},
};

use common::{outcome::Model, scenarios::ALL};
use pty_process::{
    Size,
    blocking::{Command, Pts, Pty, open},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
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
    pty: Pty,
    pts: Pts,
    parser: Parser,
    child: Child,
    /// The modes in which the terminal was.
    before: String,
}

impl Emulator {
    /// Starts one side in a terminal of that many rows and columns.
    pub fn start(model: Model, arguments: &str, size: (u16, u16)) -> Self {
        let scenario = ALL.iter().find(|one| one.name == "responsive-ui");
        let program = scenario.unwrap().program(model);
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(size.0, size.1)).unwrap();
        let before = modes(&pts);
        let mut command = Command::new(programs().join(program))
            .args(arguments.split_whitespace())
            .env("TERM", "xterm-256color");
        let child = command.spawn_borrowed(&pts).unwrap();
        let parser = Parser::new(number(size.0), number(size.1), 0);
        let mut emulator = Emulator { pty, pts, parser, child, before };
        emulator.wait_for("Ctrl-Q leave");
        emulator
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.pty.write_all(keys.as_bytes()).unwrap();
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
        self.pty.resize(Size::new(rows, columns)).unwrap();
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

    /// The same, if it is told to until it does: two signals that come close
    /// together are one (signal(7)).
    pub fn end_by(&mut self, signal: Signal) -> i32 {
        self.end_while(|it| it.signal(signal))
    }

    /// The status with which the program ends, as a shell tells it.
    pub fn end(&mut self) -> i32 {
        self.end_while(|_| ())
    }

    fn end_while(&mut self, insist: impl Fn(&Self)) -> i32 {
        let deadline = Instant::now() + DEADLINE;
        loop {
            insist(self);
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
        let mut ends = [PollFd::new(&self.pty, PollFlags::IN)];
        let patience = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
        if poll(&mut ends, Some(&patience)).unwrap() > 0 {
            let mut bytes = [0; 1 << 14];
            let count = self.pty.read(&mut bytes).unwrap();
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
