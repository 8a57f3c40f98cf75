//! Deaths: the holder of a lock dies in the middle of a change, again and
//! again, in every way that there is. With a robust mutex, the next process
//! soon gets the lock, learns of the death, and repairs the ledger; with a
//! plain one, it hangs.
//!
//! A victim dies by itself in the middle of a transfer; every seventh is killed
//! at an arbitrary point, so that the journal is found in every state. The
//! amount of work before, and the moment of a kill, follow from a seed. CI runs
//! few deaths. To run many, and print how long they took:
//!
//! ```text
//! DEATHS=500 DEATHS_SEED=$RANDOM \
//!     cargo test --release -p process-kit --test deaths
//! ```

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{
    env,
    process::{ExitCode, exit},
    sync::mpsc::{self, RecvTimeoutError::Timeout},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use common::{
    input::Input,
    laps::monotonic,
    scenarios::{
        crash::{DeathCause, Ledger},
        shared_state::Transfer,
    },
};
use process_kit::{
    JoinHandle, Mutex, Parent, PlainMutex, Role, Scope, Segment,
    channel::{self, Receiver, Sender},
    first_ready, role, scope,
};
use serde::{Deserialize, Serialize};
use support::{DEADLINE, no_child_is_left, run, trial};

/// The number of deaths in CI.
const DEATHS: usize = 42;

const WAYS: [DeathCause; 6] = [
    DeathCause::Panic,
    DeathCause::Exit,
    DeathCause::Abort,
    DeathCause::Segfault,
    DeathCause::StackOverflow,
    DeathCause::MemoryLimit,
];

/// Within this time the next process gets the lock, on a quiet machine.
const SOON: Duration = Duration::from_millis(100);

/// How many transfers a worker that runs until it is killed makes under one
/// lock.
const AT_A_TIME: u32 = 1000;

/// A process that has not got the lock by now never will.
const NEVER: Duration = SOON.saturating_mul(5);

fn main() -> ExitCode {
    if let Role::Worker(parent) = role() {
        return parent.serve(worker);
    }
    let tests: [(&str, Test); _] = [
        ("a_robust_mutex_outlives_its_holders", outlives_its_holders),
        ("a_plain_mutex_is_lost_with_its_holder", is_lost_with_its_holder),
        ("a_plain_mutex_hides_a_panic", hides_a_panic),
    ];
    let trials = tests.map(|(name, test)| {
        trial(name, move || {
            test()?;
            no_child_is_left(Duration::ZERO)
        })
    });
    run(trials.into())
}

type Test = fn() -> Result<()>;

/// What a worker does with the ledger of this name.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Part {
    /// Makes some transfers, and dies in the middle of another.
    Die { cause: DeathCause, after: u64 },
    /// The same with a plain lock.
    DiePlain { cause: DeathCause },
    /// Makes transfers until it is killed.
    GoOn,
    /// Makes one transfer.
    Next,
    /// The same with a plain lock.
    NextPlain,
}

type Robust = Segment<[Mutex<Ledger>]>;
type Plain = Segment<[PlainMutex<Ledger>]>;

type Job = (Part, String, Sender<u64>);

fn worker(job: Job, _parent: &mut Parent) -> Result<()> {
    let (part, name, mut words) = job;
    match part {
        Part::Die { cause, after } => {
            let segment = Robust::open(&name)?;
            let mut ledger = segment[0].lock().map_err(|_| poisoned())?;
            (0..after).for_each(|_| make(&mut ledger));
            half(&mut ledger);
            die(cause, words)
        }
        Part::DiePlain { cause } => {
            let segment = Plain::open(&name)?;
            let mut ledger = segment[0].lock();
            half(&mut ledger);
            die(cause, words)
        }
        Part::GoOn => {
            let segment = Robust::open(&name)?;
            words.send(&0)?;
            loop {
                let mut ledger = segment[0].lock().map_err(|_| poisoned())?;
                (0..AT_A_TIME).for_each(|_| make(&mut ledger));
            }
        }
        Part::Next => {
            let segment = Robust::open(&name)?;
            let mut ledger = segment[0].lock().map_err(|_| poisoned())?;
            make(&mut ledger);
            Ok(())
        }
        Part::NextPlain => {
            let segment = Plain::open(&name)?;
            make(&mut segment[0].lock());
            Ok(())
        }
    }
}

/// Reports that it has the lock, so that another process is already waiting for
/// it; then reports when it dies.
fn die(cause: DeathCause, mut words: Sender<u64>) -> Result<()> {
    words.send(&0)?;
    thread::sleep(Duration::from_micros(300));
    words.send(&(monotonic().as_nanos() as u64))?;
    cause.die()
}

fn poisoned() -> anyhow::Error {
    anyhow!("an earlier death was not cleared")
}

/// The transfers do not depend on who makes them: the ledger counts them.
fn make(ledger: &mut Ledger) {
    let transfer = half(ledger);
    ledger.credit(transfer);
    ledger.finish();
}

/// Starts a transfer, and does not finish it.
fn half(ledger: &mut Ledger) -> Transfer {
    let transfer = nth(ledger.made(0));
    ledger.begin(0, transfer);
    ledger.debit(transfer);
    transfer
}

fn nth(number: u32) -> Transfer {
    let accounts = Ledger::ACCOUNTS as u32;
    let (from, amount) = (number % accounts, 1 + number % 100);
    let to = (from + 1 + number % (accounts - 1)) % accounts;
    Transfer { from, to, amount }
}

fn spawn<'scope>(
    scope: &'scope Scope,
    part: Part,
    name: &str,
) -> Result<(JoinHandle<'scope, ()>, Receiver<u64>)> {
    let (words, heard) = channel::pipe()?;
    Ok((scope.spawn(&(part, name, words))?, heard))
}

/// The same transfers, made serially, without deaths.
struct Reference {
    balances: [i64; Ledger::ACCOUNTS],
    made: u32,
}

impl Reference {
    fn check(&mut self, ledger: &Ledger) -> Result<()> {
        for number in self.made..ledger.made(0) {
            let Transfer { from, to, amount } = nth(number);
            self.balances[from as usize] -= i64::from(amount);
            self.balances[to as usize] += i64::from(amount);
        }
        self.made = ledger.made(0);
        let balances = ledger.balances();
        ensure!(balances == self.balances, "{balances:?} after {}", self.made);
        Ok(())
    }
}

fn outlives_its_holders() -> Result<()> {
    let asked = variable("DEATHS")?;
    let segment = Robust::create(&[Ledger::opening()])?;
    let mut deaths = deaths(&segment, asked.unwrap_or(DEATHS))?;
    deaths.sort_unstable();
    let median = deaths[deaths.len() / 2].0;
    let (worst, cause) = deaths.pop().context("nobody died")?;
    let repairs = segment[0].lock().map_err(|_| poisoned())?.report().repairs;
    // In CI, the machine may be busy.
    if asked.is_some() {
        eprintln!(
            "{} deaths with the lock, of which {repairs} left half a \
             transfer: each ledger was made whole; the next one had the lock \
             after {median:?}, the median, and {worst:?} at most ({cause})",
            deaths.len() + 1
        );
        ensure!(worst < SOON, "{cause}: the next one waited for {worst:?}");
    }
    Ok(())
}

/// How long the next process waited for the lock after each death with it, and
/// the kind of death. The ledger is checked in between.
fn deaths(segment: &Robust, wanted: usize) -> Result<Vec<(Duration, String)>> {
    let seed = variable("DEATHS_SEED")?.unwrap_or_default();
    let (balances, mut deaths) = (Ledger::opening().balances(), Vec::new());
    let mut reference = Reference { balances, made: 0 };
    let mut input = Input::new(seed as u64, 0);
    for round in 0.. {
        let _watchdog = Watchdog::new();
        let death = match WAYS.get(round % (WAYS.len() + 1)) {
            None => is_killed(segment, &mut input)?,
            Some(&cause) => Some(dies_by_itself(segment, cause, &mut input)?),
        };
        segment[0].clear_poison();
        let mut ledger = segment[0].lock().map_err(|_| poisoned())?;
        reference.check(&ledger).with_context(|| format!("round {round}"))?;
        make(&mut ledger);
        deaths.extend(death);
        if deaths.len() == wanted {
            break;
        }
    }
    Ok(deaths)
}

/// Exits if a test waits for a lock that it will never get.
struct Watchdog {
    _alive: mpsc::Sender<()>,
}

impl Watchdog {
    fn new() -> Self {
        let (alive, is_over) = mpsc::channel();
        thread::spawn(move || {
            if is_over.recv_timeout(DEADLINE) == Err(Timeout) {
                eprintln!("the next one does not get the lock");
                exit(1);
            }
        });
        Watchdog { _alive: alive }
    }
}

/// How long after the victim's last message we got the lock.
fn dies_by_itself(
    segment: &Robust,
    cause: DeathCause,
    input: &mut Input,
) -> Result<(Duration, String)> {
    let after = input.below(5).into();
    scope(|scope| {
        let part = Part::Die { cause, after };
        let (mut handle, mut heard) = spawn(scope, part, segment.name())?;
        heard.recv().context("it did not get the lock")?;
        ensure!(repaired(segment), "{cause}: not told of the death");
        let now = monotonic();
        let died = Duration::from_nanos(heard.recv()?);
        let how = handle.wait_for_answer_or_death()?;
        let how = how.context("it lives")?;
        ensure!(cause.explains(how), "{cause}: {how}");
        Ok((now.saturating_sub(died), cause.to_string()))
    })
}

/// The same for a kill; `None` if the victim did not have the lock. It had the
/// lock if it had made some, but not all, of the transfers that it makes under
/// one lock.
fn is_killed(
    segment: &Robust,
    input: &mut Input,
) -> Result<Option<(Duration, String)>> {
    let made =
        || anyhow::Ok(segment[0].lock().map_err(|_| poisoned())?.made(0));
    let before = made()?;
    scope(|scope| {
        let (handle, mut heard) = spawn(scope, Part::GoOn, segment.name())?;
        heard.recv().context("it does not go on")?;
        thread::sleep(Duration::from_nanos(input.below(500_000).into()));
        let died = Instant::now();
        handle.kill()?;
        if repaired(segment) {
            return Ok(Some((died.elapsed(), "kill".to_owned())));
        }
        let made = made()? - before;
        ensure!(made % AT_A_TIME == 0, "not told of a kill after {made}");
        Ok(None)
    })
}

/// Takes the lock, and repairs the ledger if a process died with it. The poison
/// is not cleared.
fn repaired(segment: &Robust) -> bool {
    match segment[0].lock() {
        Ok(_) => false,
        Err(poisoned) => {
            poisoned.into_inner().repair();
            true
        }
    }
}

/// The same deaths with either lock, and the same successor.
fn is_lost_with_its_holder() -> Result<()> {
    // A panic unwinds, and so releases the lock: see below.
    for cause in WAYS.into_iter().filter(|cause| *cause != DeathCause::Panic) {
        let plain = Plain::create(&[Ledger::opening()])?;
        let die = Part::DiePlain { cause };
        let next = is_next(die, Part::NextPlain, plain.name(), NEVER)?;
        ensure!(!next, "{cause}: a plain mutex was given back");
        let robust = Robust::create(&[Ledger::opening()])?;
        let die = Part::Die { cause, after: 0 };
        let next = is_next(die, Part::Next, robust.name(), DEADLINE);
        let error = next.map(|_| ()).unwrap_err().to_string();
        ensure!(error == poisoned().to_string(), "{cause}: {error}");
    }
    Ok(())
}

/// Whether another process gets the lock of the victim within this time.
fn is_next(
    die: Part,
    next: Part,
    name: &str,
    patience: Duration,
) -> Result<bool> {
    scope(|scope| {
        let (mut victim, _heard) = spawn(scope, die, name)?;
        victim.wait_for_answer_or_death()?.context("it lives")?;
        let (mut next, _heard) = spawn(scope, next, name)?;
        if first_ready([&next], Some(patience))?.is_none() {
            return Ok(false);
        }
        next.wait_for_answer().map(|()| true)
    })
}

/// The lock is released, and nothing reports that a transfer was left half
/// done.
fn hides_a_panic() -> Result<()> {
    let segment = Plain::create(&[Ledger::opening()])?;
    let die = Part::DiePlain { cause: DeathCause::Panic };
    ensure!(is_next(die, Part::NextPlain, segment.name(), DEADLINE)?);
    let ledger = segment[0].lock();
    ensure!(ledger.total() != Ledger::opening().total(), "nothing is lost");
    Ok(())
}

/// The value of an environment variable, if it is set.
fn variable(name: &str) -> Result<Option<usize>> {
    let Some(text) = env::var_os(name) else { return Ok(None) };
    let text = text.to_string_lossy();
    let value = text.parse().ok();
    value.with_context(|| format!("{name}={text} is no number")).map(Some)
}
