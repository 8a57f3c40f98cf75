//! A person's terminal: how it is entered, read, and left as it was found.

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

/// The terminal, for as long as the program has it. Its drop gives it back,
/// and so does a panic; a signal ends the loop and so comes to the drop.
#[derive(Debug)]
pub struct Screen {
    /// Where frames are drawn.
    pub terminal: Terminal<CrosstermBackend<Stdout>>,
    /// Whoever sits before it.
    pub person: Person,
}

impl Screen {
    /// Takes the terminal.
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
                Err(error).context("the terminal cannot be had")
            }
        }
    }
}

/// From now on the first signal ends the program: it may take a while to
/// leave, if a query does not stop.
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

/// Whoever leaves cannot do more than try: the terminal may be gone.
fn give_back() {
    let _ =
        execute!(stdout(), DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// A panic of this thread leaves the screen. What it says, and what a panic
/// of another thread says, goes to stderr, which is not on the screen.
fn give_back_on_panic() {
    let (ours, usual) = (thread::current().id(), panic::take_hook());
    panic::set_hook(Box::new(move |panic| {
        if thread::current().id() == ours {
            give_back();
        }
        usual(panic);
    }));
}

/// Whether a screen can be drawn on the terminal, by what it is said to be.
///
/// # Errors
///
/// Fails with what to do if it cannot.
pub fn check_terminal() -> Result<()> {
    let kind = env::var_os("TERM").unwrap_or_default();
    if kind.is_empty() || kind == "dumb" {
        bail!(
            "no screen can be drawn on a terminal with TERM={}: set TERM to \
             what it is, or use --headless",
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
    /// The first signal ends the program as a key would. The second ends it
    /// at once, and so does a second of waiting: without a worker, a query
    /// may keep it from looking.
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
            // As the kernel has it, whether or not we are told by a signal.
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

/// Reads what was typed: nothing if the time is up before, and no bytes if
/// the terminal is gone. Never waits for longer.
fn read_within(
    patience: Duration,
    room: &mut [u8],
) -> io::Result<Option<usize>> {
    let stdin = stdin();
    let mut ends = [PollFd::new(&stdin, PollFlags::IN)];
    let patience = Timespec::try_from(patience).ok();
    match poll(&mut ends, patience.as_ref()) {
        // A signal: the caller looks for it.
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
