//! A real terminal: how to enter it, read it, and leave it as it was.

use std::{
    env,
    io::{self, Stdout, stdin, stdout},
    panic,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        event::{DisableBracketedPaste, EnableBracketedPaste},
        execute,
        terminal::{
            EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
            enable_raw_mode,
        },
    },
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, read},
};
use signal_hook::{
    consts::{SIGALRM, SIGHUP, SIGINT, SIGTERM},
    flag, low_level,
};

use super::{
    keys::Keys,
    session::{Inputs, Timed},
    state::{Input, State},
};

/// The terminal, for as long as the program has it. Its drop restores it, and
/// so does a panic; a signal ends the loop and so leads to the drop.
#[derive(Debug)]
pub struct Screen {
    /// Where frames are drawn.
    pub terminal: Terminal<CrosstermBackend<Stdout>>,
    /// The user.
    pub person: Person,
}

impl Screen {
    /// Takes over the terminal.
    ///
    /// # Errors
    ///
    /// Fails if there is none.
    pub fn enter() -> Result<Self> {
        let person = Person::new()?;
        give_back_on_panic();
        let entered = enter()
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        match entered {
            Ok(terminal) => Ok(Screen { terminal, person }),
            Err(error) => {
                give_back();
                Err(error).context("cannot take over the terminal")
            }
        }
    }
}

/// From now on the first signal exits the program: it may take a while to leave
/// if a query does not stop.
impl Drop for Screen {
    fn drop(&mut self) {
        self.person.is_second.store(true, Relaxed);
        give_back();
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)
}

/// Nothing more can be done on errors: the terminal may be gone.
fn give_back() {
    let _ =
        execute!(stdout(), DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// A panic of this thread leaves the screen. Its message, like that of a panic
/// in another thread, goes to stderr, which is not on the screen.
fn give_back_on_panic() {
    let (ours, usual) = (thread::current().id(), panic::take_hook());
    panic::set_hook(Box::new(move |panic| {
        if thread::current().id() == ours {
            give_back();
        }
        usual(panic);
    }));
}

/// Whether the terminal can show a screen, according to TERM.
///
/// # Errors
///
/// Fails with a remedy if it cannot.
pub fn check_terminal() -> Result<()> {
    let kind = env::var_os("TERM").unwrap_or_default();
    if kind.is_empty() || kind == "dumb" {
        bail!(
            "cannot draw a screen with TERM={}: set TERM to the terminal's \
             real type, or use --headless",
            kind.display()
        );
    }
    Ok(())
}

/// Keys as they come, and signals.
#[derive(Debug)]
pub struct Person {
    keys: Keys,
    signal: Arc<AtomicUsize>,
    is_second: Arc<AtomicBool>,
}

impl Person {
    /// The first signal ends the program as a key would. The second exits at
    /// once, and so does a second of waiting: without a worker, a query may
    /// keep the program from looking.
    fn new() -> Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        let is_second = Arc::new(AtomicBool::new(false));
        for number in [SIGINT, SIGTERM, SIGHUP] {
            let status = 128 + number;
            let armed = is_second.clone();
            flag::register_conditional_shutdown(number, status, armed)?;
            flag::register(number, is_second.clone())?;
            flag::register_usize(number, signal.clone(), number as usize)?;
            end_in_a_second(number)?;
        }
        end_on_alarm(signal.clone())?;
        Ok(Person { keys: Keys::default(), signal, is_second })
    }

    fn look(&mut self, patience: Duration) -> Result<Option<Input>> {
        if let Some(key) = self.keys.next() {
            return Ok(Some(key));
        }
        let mut room = [0; 4096];
        Ok(match read_within(patience, &mut room)? {
            None => self.keys.pause(),
            // As the kernel would, whether or not it sends us a signal.
            Some(0) => Some(Input::Signal(SIGHUP)),
            Some(count) => {
                self.keys.add(&room[..count]);
                self.keys.next()
            }
        })
    }
}

fn end_in_a_second(signal: i32) -> io::Result<()> {
    let set = || {
        // SAFETY: it touches no memory of ours.
        unsafe { libc::alarm(1) };
    };
    // SAFETY: `alarm` may be called in a handler (signal-safety(7)).
    unsafe { low_level::register(signal, set) }?;
    Ok(())
}

fn end_on_alarm(signal: Arc<AtomicUsize>) -> io::Result<()> {
    let end = move || low_level::exit(128 + signal.load(Relaxed) as i32);
    // SAFETY: this is `_exit`, which may be called in a handler
    // (signal-safety(7)), after a load.
    unsafe { low_level::register(SIGALRM, end) }?;
    Ok(())
}

/// Reads what was typed: None if the time is up first, and no bytes if the
/// terminal is gone. Never waits longer than that.
fn read_within(
    patience: Duration,
    room: &mut [u8],
) -> io::Result<Option<usize>> {
    let stdin = stdin();
    let mut ends = [PollFd::new(&stdin, PollFlags::IN)];
    let patience = Timespec::try_from(patience).ok();
    match poll(&mut ends, patience.as_ref()) {
        // A signal: the caller checks for it.
        Ok(0) | Err(Errno::INTR) => return Ok(None),
        polled => polled?,
    };
    match read(&stdin, room) {
        Err(Errno::IO) => Ok(Some(0)),
        Err(Errno::INTR | Errno::AGAIN) => Ok(None),
        count => Ok(Some(count?)),
    }
}

impl Inputs for Person {
    fn next(
        &mut self,
        _screen: &State,
        patience: Duration,
    ) -> Result<Option<Timed>> {
        let input = self.look(patience)?;
        let input = match self.signal.load(Relaxed) {
            0 => input,
            signal => Some(Input::Signal(signal as i32)),
        };
        Ok(input.map(|input| Timed { input, due: Instant::now() }))
    }
}
