//! A person's terminal: how it is entered, read, and left as it was found.

use std::{
    io::{self, Stdout, stdout},
    panic,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        event::{
            self, DisableBracketedPaste, EnableBracketedPaste, Event,
            KeyEventKind,
        },
        execute,
        terminal::{
            EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
            enable_raw_mode,
        },
    },
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};

use super::{
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

/// A panic of this thread speaks to a terminal that was given back. One of
/// another thread would write across the screen: what is to be said of it,
/// the screen says.
fn give_back_on_panic() {
    let (ours, usual) = (thread::current().id(), panic::take_hook());
    panic::set_hook(Box::new(move |panic| {
        if thread::current().id() == ours {
            give_back();
            usual(panic);
        }
    }));
}

/// Keys as they come, and signals.
#[derive(Debug)]
pub struct Person {
    signal: Arc<AtomicUsize>,
    is_second: Arc<AtomicBool>,
}

impl Person {
    /// The first signal ends the program as a key would. The second ends it at
    /// once: without a worker, a query may keep it from looking.
    fn new() -> Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        let is_second = Arc::new(AtomicBool::new(false));
        for number in [SIGINT, SIGTERM, SIGHUP] {
            let status = 128 + number;
            let armed = is_second.clone();
            flag::register_conditional_shutdown(number, status, armed)?;
            flag::register(number, is_second.clone())?;
            flag::register_usize(number, signal.clone(), number as usize)?;
        }
        Ok(Person { signal, is_second })
    }
}

impl Inputs for Person {
    fn next(
        &mut self,
        _screen: &State,
        patience: Duration,
    ) -> Result<Option<Timed>> {
        let has_come = event::poll(patience)?;
        let due = Instant::now();
        let signal = self.signal.load(Relaxed);
        let input = match has_come {
            _ if signal != 0 => Some(Input::Signal(signal as i32)),
            true => understood(event::read()?),
            false => None,
        };
        Ok(input.map(|input| Timed { input, due }))
    }
}

fn understood(event: Event) -> Option<Input> {
    match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => None,
        Event::Key(key) => Some(Input::Key(key)),
        Event::Paste(text) => Some(Input::Paste(text)),
        _ => Some(Input::Resize),
    }
}
