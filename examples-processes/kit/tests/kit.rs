//! The kit as a program uses it: with workers that answer and workers that die,
//! and with parents that die. After each test no process and no name may be
//! left.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{
    alloc::Layout,
    collections::BTreeMap,
    env, fs,
    io::{self, BufRead as _, BufReader, PipeWriter, Read as _, Write as _},
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::ExitStatusExt as _},
    },
    panic::resume_unwind,
    process::{self, Command, ExitCode, Stdio, abort},
    sync::{
        atomic::{AtomicI64, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use bytemuck::{Pod, Zeroable};
use common::lifeline;
use libtest_mimic::Trial;
use process_kit::{
    Frozen, JoinHandle, JoinSet, Lifeline, Mapping, Mutex, Parent, PlainMutex,
    Role, Segment,
    channel::{self, Corrupt, Receiver, RecvTimeoutError, SendError, Sender},
    first_ready, role, scope,
};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, kill_process, setrlimit,
    waitpid,
};
use serde::{Deserialize, Serialize};
use support::{DEADLINE, no_child_is_left};

/// The first argument of a parent that will be killed, see [`victim`].
const VICTIM: &str = "victim";

fn main() -> ExitCode {
    match role() {
        Role::Worker(parent) => {
            assert!(!parent.has_a_pool());
            return parent.serve(worker);
        }
        Role::Main if env::args().nth(1).as_deref() == Some(VICTIM) => {
            return victim();
        }
        Role::Main => {}
    }
    support::run(tests())
}

/// What a worker is asked to do.
#[derive(Debug, Serialize, Deserialize)]
enum Job {
    Sum { asked: Receiver<Vec<u64>>, answering: Sender<u64> },
    Through(#[serde(with = "process_kit::descriptor")] PipeWriter),
    Square(u64),
    WaitThenSquare(u64),
    Fail(String),
    Panic,
    Exit(i32),
    Abort,
    Print,
    ReadStdin,
    Loop,
    Sleep,
    Stop,
    Freeze(Vec<f64>),
    Flood { words: usize, sender: Sender<Vec<u64>> },
    TakeAndSleep(Receiver<Vec<u64>>),
    Add { segment: String, times: u64 },
    DieHolding { segment: String },
    PanicHolding { segment: String },
}

/// The first byte of a [`Job::Sum`] or a [`Job::Through`], for a message that
/// then breaks the format.
const SUM: u8 = 0;
const THROUGH: u8 = 1;

/// Any descriptor, sent as an end.
#[derive(Serialize)]
struct End(#[serde(with = "process_kit::descriptor")] OwnedFd);

/// The job determines which one it is.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Number(u64),
    Frozen(Frozen),
}

fn worker(job: Job, parent: &mut Parent) -> Result<Answer> {
    match job {
        Job::Freeze(numbers) => {
            let mut mapping = Mapping::new(size_of_val(&numbers[..]))?;
            mapping.as_mut_slice().copy_from_slice(&numbers);
            Ok(Answer::Frozen(mapping.into_frozen()?))
        }
        job => number(job, parent).map(Answer::Number),
    }
}

fn number(job: Job, parent: &mut Parent) -> Result<u64> {
    match job {
        Job::Square(number) => return Ok(number * number),
        Job::WaitThenSquare(number) => {
            parent.gate.wait()?;
            return Ok(number * number);
        }
        Job::Fail(text) => bail!(text),
        Job::Panic => panic_silently(),
        Job::Exit(status) => process::exit(status),
        Job::Abort => abort(),
        Job::Print => println!("this must not reach the parent's stdout"),
        Job::ReadStdin => return Ok(io::stdin().read(&mut [0; 8])? as u64),
        Job::Loop => loop {
            std::hint::spin_loop();
        },
        Job::Sleep => loop {
            thread::park();
        },
        Job::Stop => kill_process(rustix::process::getpid(), Signal::STOP)?,
        Job::Through(mut pipe) => pipe.write_all(b"through")?,
        Job::Freeze(_) => bail!("no number"),
        Job::Sum { asked, mut answering } => {
            for numbers in asked {
                answering.send(&numbers?.iter().sum())?;
            }
        }
        Job::Flood { words, mut sender } => {
            for number in 0.. {
                sender.send(&flood(number, words))?;
            }
        }
        Job::TakeAndSleep(mut receiver) => {
            receiver.recv()?;
            loop {
                thread::park();
            }
        }
        Job::Add { segment, times } => {
            let ledger = Segment::<Mutex<[i64]>>::open(&segment)?;
            parent.gate.wait()?;
            for _ in 0..times {
                let mut values = ledger.lock().map_err(|_| poison())?;
                values[0] += 1;
                values[1] -= 1;
            }
        }
        Job::DieHolding { segment } => {
            let ledger = Segment::<Mutex<[i64]>>::open(&segment)?;
            let mut values = ledger.lock().map_err(|_| poison())?;
            values[0] += 1;
            kill_process(rustix::process::getpid(), Signal::KILL)?;
        }
        Job::PanicHolding { segment } => {
            let ledger = Segment::<Mutex<[i64]>>::open(&segment)?;
            let mut values = ledger.lock().map_err(|_| poison())?;
            values[0] += 1;
            panic_silently();
        }
    }
    Ok(0)
}

/// The message that a worker sends under this number.
fn flood(number: u64, words: usize) -> Vec<u64> {
    vec![u64::MAX - number; words]
}

/// Output of these tests indicates a failure, so an expected panic prints
/// nothing.
fn panic_silently() -> ! {
    resume_unwind(Box::new("as asked"))
}

fn poison() -> anyhow::Error {
    anyhow::anyhow!("poisoned")
}

type Test = fn() -> Result<()>;

fn tests() -> Vec<Trial> {
    let tests: [(&str, Test); _] = [
        ("answers_come_back", answers_come_back),
        ("an_error_crosses_as_its_text", an_error_crosses_as_its_text),
        ("a_death_is_told", a_death_is_told),
        ("a_death_is_news_and_no_error", a_death_is_news_and_no_error),
        ("the_first_of_many_is_found", the_first_of_many_is_found_or_nobody),
        ("stdout_and_stdin_are_the_parents", stdout_and_stdin_are_the_parents),
        ("a_scope_waits_for_nobody", a_scope_waits_for_nobody),
        ("the_gate_holds_all_or_none", the_gate_holds_all_or_none),
        ("the_dead_hold_up_nobody", the_dead_hold_up_nobody),
        ("a_set_has_only_so_many_at_once", a_set_has_only_so_many_at_once),
        ("a_set_takes_the_first_ready", a_set_takes_the_first_that_is_ready),
        ("a_descriptor_goes_along", a_descriptor_goes_along),
        ("memory_comes_frozen", memory_comes_frozen),
        ("channels_reach_a_worker", channels_reach_a_worker),
        ("a_killed_sender_is_the_end", a_killed_sender_is_the_end),
        ("a_killed_receiver_is_told", a_killed_receiver_is_told),
        ("the_wrong_end_is_refused", the_wrong_end_is_refused),
        ("workers_end_with_their_parent", workers_end_with_their_parent),
        ("a_parent_gone_before_is_gone", a_parent_gone_before_is_gone),
        ("a_kill_needs_no_descriptor", a_kill_needs_no_descriptor),
        ("a_lifeline_needs_no_descriptor", a_lifeline_needs_no_descriptor),
        ("a_segment_is_shared", a_segment_is_shared),
        ("a_segment_is_checked", a_segment_is_checked),
        ("a_segment_is_of_one_type", a_segment_is_of_one_type),
        ("a_forged_header_is_refused", a_forged_header_is_refused),
        ("contents_are_aligned", contents_are_aligned),
        ("the_living_keep_their_names", the_living_keep_their_names),
        ("no_name_is_without_its_lock", no_name_is_without_its_lock),
        ("orphaned_names_are_swept", orphaned_names_are_swept),
        ("a_sweeper_outlives_a_signal_to_all", a_sweeper_outlives_a_signal),
        ("one_at_a_time", one_at_a_time),
        ("a_dead_holder_poisons", a_dead_holder_poisons),
        ("a_panic_poisons", a_panic_poisons),
        ("a_forgotten_guard_is_safe", a_forgotten_guard_is_safe),
        ("an_opener_takes_no_name_away", an_opener_takes_no_name_away),
    ];
    let trial = |(name, test): (&str, Test)| {
        support::trial(name, move || {
            test()?;
            nothing_is_left()
        })
    };
    tests.into_iter().map(trial).collect()
}

fn answers_come_back() -> Result<()> {
    scope(|scope| {
        let mut handles = Vec::new();
        for number in 0..5 {
            handles.push(scope.spawn::<_, u64>(&Job::Square(number))?);
        }
        for (number, handle) in (0..5).zip(handles) {
            assert_eq!(handle.join()?, number * number);
        }
        Ok(())
    })
}

fn an_error_crosses_as_its_text() -> Result<()> {
    let error = answer(&Job::Fail("no such file: x".into())).unwrap_err();
    assert_eq!(error.to_string(), "no such file: x");
    Ok(())
}

fn a_death_is_told() -> Result<()> {
    for (job, how) in [
        (Job::Panic, "exit status: 101"),
        (Job::Exit(3), "exit status: 3"),
        (Job::Exit(0), "exit status: 0"),
        (Job::Abort, "signal: 6"),
    ] {
        let error = answer(&job).unwrap_err().to_string();
        assert!(error.contains("died before it answered"), "{error}");
        assert!(error.contains(how), "{job:?}: {error}");
    }
    Ok(())
}

/// For callers that replace dead workers.
fn a_death_is_news_and_no_error() -> Result<()> {
    scope(|scope| {
        let mut well = scope.spawn::<_, u64>(&Job::Square(3))?;
        assert_eq!(well.wait_for_answer_or_death()?, None);
        let mut dead = scope.spawn::<_, u64>(&Job::Abort)?;
        for _ in 0..2 {
            let how = dead.wait_for_answer_or_death()?.unwrap();
            assert_eq!(how.signal(), Some(Signal::ABORT.as_raw()));
        }
        let job = Job::Fail("as asked".into());
        let mut failed = scope.spawn::<_, u64>(&job)?;
        let error = failed.wait_for_answer_or_death().unwrap_err();
        assert_eq!(error.to_string(), "as asked");
        assert_eq!(well.join()?, 9);
        Ok(())
    })
}

fn the_first_of_many_is_found_or_nobody() -> Result<()> {
    scope(|scope| {
        let mut many = vec![scope.spawn::<_, u64>(&Job::Sleep)?];
        many.push(scope.spawn(&Job::Loop)?);
        let soon = Some(Duration::from_millis(50));
        assert_eq!(first_ready(&many, soon)?, None);
        many.push(scope.spawn(&Job::Exit(3))?);
        assert_eq!(first_ready(&many, Some(DEADLINE))?, Some(2));
        assert_eq!(first_ready(&many, None)?, Some(2));
        Ok(())
    })
}

/// Our own stdout belongs to the test harness, so the test looks at another
/// parent.
fn stdout_and_stdin_are_the_parents() -> Result<()> {
    let output = Command::new(env::current_exe()?)
        .args([VICTIM, "print"])
        .stdin(Stdio::null())
        .output()?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "only this\n");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("must not reach"), "{errors}");
    assert_eq!(answer(&Job::ReadStdin)?, 0, "a worker's stdin is empty");
    Ok(())
}

fn a_scope_waits_for_nobody() -> Result<()> {
    let result = scope(|scope| {
        let _busy = scope.spawn::<_, u64>(&Job::Loop)?;
        let _idle = scope.spawn::<_, u64>(&Job::Sleep)?;
        let killed = scope.spawn::<_, u64>(&Job::Loop)?.kill()?;
        assert_eq!(killed.to_string(), "signal: 9 (SIGKILL)");
        let early: Result<()> = Err(poison());
        early
    });
    assert!(result.is_err());
    no_child_is_left(Duration::ZERO)
}

fn the_gate_holds_all_or_none() -> Result<()> {
    scope(|scope| {
        let mut handles = Vec::new();
        for number in 0..4 {
            let job = Job::WaitThenSquare(number);
            handles.push(scope.spawn::<_, u64>(&job)?);
        }
        scope.wait_for_all()?;
        scope.open_gate();
        assert!(scope.wait_for_all().is_err(), "a gate opens once");
        let late = scope.spawn::<_, u64>(&Job::WaitThenSquare(4))?;
        handles.push(late);
        for (number, handle) in (0..).zip(handles) {
            assert_eq!(handle.join()?, number * number);
        }
        Ok(())
    })
}

fn the_dead_hold_up_nobody() -> Result<()> {
    scope(|scope| {
        let well = scope.spawn::<_, u64>(&Job::WaitThenSquare(3))?;
        let mut dead = scope.spawn::<_, u64>(&Job::Exit(1))?;
        scope.wait_for_all()?;
        scope.open_gate();
        assert!(dead.wait_for_answer().is_err());
        assert_eq!(well.join()?, 9);
        Ok(())
    })
}

fn a_set_has_only_so_many_at_once() -> Result<()> {
    for at_once in [1, 2, 7] {
        scope(|scope| {
            let jobs = (0..5).map(Job::Square).collect();
            let mut set = JoinSet::<_, u64>::spawn(scope, at_once, jobs)?;
            scope.wait_for_all()?;
            scope.open_gate();
            let mut squares = BTreeMap::new();
            assert_eq!(set.ids().len(), at_once.min(5));
            while let Some(answer) = set.join_next()? {
                assert!(set.ids().len() <= at_once);
                squares.insert(answer.place, answer.value);
            }
            let expected = (0..5).map(|place| (place, (place * place) as u64));
            assert_eq!(squares, expected.collect());
            set.join_all()
        })?;
    }
    Ok(())
}

fn a_set_takes_the_first_that_is_ready() -> Result<()> {
    scope(|scope| {
        let jobs = vec![Job::Sleep, Job::Fail("at once".into())];
        let mut set = JoinSet::<_, u64>::spawn(scope, 2, jobs)?;
        let error = set.join_next().unwrap_err();
        assert_eq!(error.to_string(), "at once");
        Ok(())
    })
}

fn a_descriptor_goes_along() -> Result<()> {
    let (mut reader, writer) = io::pipe()?;
    let job = Job::Through(writer);
    answer(&job)?;
    drop(job);
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    assert_eq!(text, "through");
    let error = answer(&(THROUGH, 100_u8)).unwrap_err().to_string();
    assert!(error.contains("no descriptor 100 arrived"), "{error}");
    Ok(())
}

fn memory_comes_frozen() -> Result<()> {
    let numbers = vec![1.5, f64::MIN_POSITIVE, -0.0];
    let job = Job::Freeze(numbers.clone());
    let frozen: Frozen = scope(|scope| scope.spawn(&job)?.join())?;
    assert_eq!(frozen.as_slice::<f64>(), numbers);
    Ok(())
}

fn channels_reach_a_worker() -> Result<()> {
    let (mut sender, asked) = channel::pipe()?;
    let (answering, mut receiver) = channel::pipe()?;
    scope(|scope| {
        let job = Job::Sum { asked, answering };
        let handle = scope.spawn::<_, u64>(&job)?;
        drop(job);
        for length in [0, 1, 10, 100_000] {
            sender.send(&(0..length).collect::<Vec<u64>>())?;
            let sum: u64 = receiver.recv_timeout(DEADLINE)?;
            assert_eq!(sum, (0..length).sum::<u64>());
        }
        drop(sender);
        assert!(receiver.iter().next().is_none());
        handle.join()?;
        Ok(())
    })
}

fn a_killed_sender_is_the_end() -> Result<()> {
    for words in [1, 300_000] {
        let (sender, mut receiver) = channel::pipe()?;
        scope(|scope| {
            let job = Job::Flood { words, sender };
            let handle = scope.spawn::<_, u64>(&job)?;
            drop(job);
            for number in 0..10 {
                let message = receiver.recv_timeout(DEADLINE)?;
                assert_eq!(message, flood(number, words));
            }
            handle.kill()?;
            ends_after_whole_messages(&mut receiver, words)
        })?;
    }
    Ok(())
}

/// Everything that was sent before the kill arrives; then the end, or the
/// report that the kill cut a message off.
fn ends_after_whole_messages(
    receiver: &mut Receiver<Vec<u64>>,
    words: usize,
) -> Result<()> {
    for number in 10.. {
        match receiver.recv_timeout(DEADLINE) {
            Ok(message) => assert_eq!(message, flood(number, words)),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Corrupt(Corrupt::Cut { .. })) => break,
            Err(error) => bail!(error),
        }
    }
    let end = receiver.recv_timeout(DEADLINE);
    assert!(matches!(end, Err(RecvTimeoutError::Disconnected)), "{end:?}");
    Ok(())
}

/// In the middle of a message that it will not read.
fn a_killed_receiver_is_told() -> Result<()> {
    let (mut sender, receiver) = channel::pipe()?;
    scope(|scope| {
        let job = Job::TakeAndSleep(receiver);
        let handle = scope.spawn::<_, u64>(&job)?;
        drop(job);
        sender.send(&vec![])?;
        let (done, result) = mpsc::channel();
        thread::spawn(move || done.send(sender.send(&flood(0, 300_000))));
        handle.kill()?;
        let sent = result.recv_timeout(DEADLINE)?;
        assert!(matches!(sent, Err(SendError::Disconnected)), "{sent:?}");
        Ok(())
    })
}

fn the_wrong_end_is_refused() -> Result<()> {
    let (sender, receiver) = channel::pipe::<u64>()?;
    let file = End(fs::File::open("/dev/null")?.into());
    let socket = End(UnixStream::pair()?.0.into());
    let memory = End(Mapping::new(8)?.freeze()?);
    let refused = |reason: &str, error: Result<u64>| {
        let error = error.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    };
    refused("no descriptor 100 arrived", answer(&(SUM, 100_u8, &sender)));
    refused("not open for reading", answer(&(SUM, &sender, &sender)));
    refused("not open for writing", answer(&(SUM, &receiver, &receiver)));
    refused("got CharacterDevice", answer(&(SUM, &file, &sender)));
    refused("got Socket", answer(&(SUM, &receiver, &socket)));
    refused("got RegularFile", answer(&(SUM, &receiver, &memory)));
    Ok(())
}

/// The parent is killed while its workers loop, sleep, wait at the gate and are
/// stopped, and while it owns a segment.
fn workers_end_with_their_parent() -> Result<()> {
    for signal in [Signal::KILL, Signal::TERM, Signal::INT] {
        let mut victim = Command::new(env::current_exe()?)
            .args([VICTIM, "workers"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut ready = [0; 6];
        let mut stdout = victim.stdout.take().unwrap();
        stdout.read_exact(&mut ready)?;
        assert_eq!(&ready, b"ready\n");
        assert_eq!(names().len(), 1, "the victim's segment");
        kill_process(Pid::from_child(&victim), signal)?;
        victim.wait()?;
        nothing_is_left()?;
    }
    Ok(())
}

/// A worker whose parent was gone before it took hold of its lifeline.
fn a_parent_gone_before_is_gone() -> Result<()> {
    let ended = Command::new(env::current_exe()?)
        .args([VICTIM, "hold-what-is-cut"])
        .status()?;
    assert_eq!(ended.signal(), Some(Signal::KILL.as_raw()), "{ended}");
    Ok(())
}

fn a_kill_needs_no_descriptor() -> Result<()> {
    is_done_by_a_victim("kill-without-descriptors")
}

fn a_lifeline_needs_no_descriptor() -> Result<()> {
    is_done_by_a_victim("look-without-descriptors")
}

fn is_done_by_a_victim(what: &str) -> Result<()> {
    let mut victim = Command::new(env::current_exe()?);
    let ended = victim.args([VICTIM, what]).status()?;
    ensure!(ended.success(), "{what}: {ended}");
    Ok(())
}

fn a_segment_is_shared() -> Result<()> {
    let ours = Segment::<[AtomicI64]>::create(&[1, 2, 3])?;
    let theirs = Segment::<[AtomicI64]>::open(ours.name())?;
    ours[1].store(20, Relaxed);
    theirs[2].fetch_add(30, Relaxed);
    let values: Vec<_> = ours.iter().map(|one| one.load(Relaxed)).collect();
    assert_eq!(values, [1, 20, 33]);
    drop(ours);
    assert_eq!(theirs[1].load(Relaxed), 20, "the memory stays for others");
    assert!(names().is_empty(), "the name does not");
    Ok(())
}

fn a_segment_is_checked() -> Result<()> {
    let ours = Segment::<[AtomicI64]>::create(&[1, 2, 3])?;
    let error = Segment::<[Mutex<i64>]>::open(ours.name()).unwrap_err();
    assert!(format!("{error:#}").contains("it contains no ["), "{error:#}");
    let error = Segment::<[AtomicI64]>::open("process-kit.no.no").unwrap_err();
    assert!(error.to_string().contains("process-kit.no.no"), "{error}");
    Ok(())
}

/// If it were opened as another kind of lock, its value would be taken for a
/// `bool`.
fn a_segment_is_of_one_type() -> Result<()> {
    type Ours = PlainMutex<[i64; 2]>;
    type Theirs = Mutex<i64>;
    assert_eq!(Layout::new::<Ours>(), Layout::new::<Theirs>());
    let ours = Segment::<[Ours]>::create(&[[2; 2]; 3])?;
    let error = Segment::<[Theirs]>::open(ours.name()).unwrap_err();
    assert!(format!("{error:#}").contains("it contains no ["), "{error:#}");
    let same = Segment::<[Ours]>::open(ours.name())?;
    assert_eq!(*same[2].lock(), [2; 2]);
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C, align(128))]
struct Wide([u64; 16]);

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C, align(4096))]
struct Page([u64; 512]);

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C, align(8192))]
struct TwoPages([u64; 1024]);

fn contents_are_aligned() -> Result<()> {
    let wide = Segment::<[Mutex<Wide>]>::create(&[Wide([7; 16]); 3])?;
    assert!(wide.as_ptr().is_aligned());
    let theirs = Segment::<[Mutex<Wide>]>::open(wide.name())?;
    theirs[2].lock().unwrap().0[15] = 8;
    assert_eq!(wide[2].lock().unwrap().0[14..], [7, 8]);
    assert_eq!(*wide[1].lock().unwrap(), Wide([7; 16]));
    let whole = Segment::<Mutex<[Page]>>::create(&[Page([9; 512]); 2])?;
    let whole = Segment::<Mutex<[Page]>>::open(whole.name())?;
    let pages = whole.lock().unwrap();
    assert!(pages.as_ptr().is_aligned());
    assert_eq!(*pages, [Page([9; 512]); 2]);
    let error = Segment::<[Mutex<TwoPages>]>::create(&[]).unwrap_err();
    assert!(error.to_string().contains("aligned to 8192"), "{error}");
    Ok(())
}

/// Whatever the header contains, it is refused or describes memory that exists.
/// The fields are at bytes 0, 8, 16 and 24.
fn a_forged_header_is_refused() -> Result<()> {
    let values = [7; 100];
    for (field, forged) in [
        (0, 0),
        (0, u64::MAX),
        (8, 0),
        (8, u64::MAX),
        (16, 101),
        (16, u64::MAX),
        (16, u64::MAX / 8),
        (16, 1 << 60),
        (24, 0),
        (24, u64::MAX),
    ] {
        let segment = Segment::<[AtomicI64]>::create(&values)?;
        let path = format!("/dev/shm/{}", segment.name());
        let mut bytes = fs::read(&path)?;
        bytes[field..field + 8].copy_from_slice(&u64::to_le_bytes(forged));
        fs::write(&path, bytes)?;
        let opened = Segment::<[AtomicI64]>::open(segment.name());
        assert!(opened.is_err(), "{forged} at byte {field}");
    }
    let short = Segment::<[AtomicI64]>::create(&values)?;
    let file = fs::OpenOptions::new()
        .write(true)
        .open(format!("/dev/shm/{}", short.name()))?;
    file.set_len(8 * 100)?;
    assert!(Segment::<[AtomicI64]>::open(short.name()).is_err());
    Ok(())
}

/// Even if another process sweeps that cannot find out about them.
fn the_living_keep_their_names() -> Result<()> {
    let ours = Segment::<[AtomicI64]>::create(&[1])?;
    let is_there = || names() == [ours.name()];
    for most in 3..30 {
        let mut creator = Command::new(env::current_exe()?);
        creator.args([VICTIM, "create", &most.to_string()]);
        creator.stderr(Stdio::null()).status()?;
        assert!(is_there(), "gone, for lack of descriptors: {most}");
    }
    for namespace in NAMESPACES {
        let Some(mut creator) = in_namespace(namespace)? else { continue };
        let created = creator.args([VICTIM, "create", "100"]).status()?;
        assert!(created.success(), "{namespace:?}");
        assert!(is_there(), "gone, from another namespace: {namespace:?}");
    }
    Ok(())
}

/// Process ids and clocks are different there; /dev/shm is the same.
const NAMESPACES: [&[&str]; 2] = [
    &["--time", "--boottime=100000", "--fork"],
    &["--pid", "--fork", "--mount-proc"],
];

/// This program in its own namespace, if that is allowed here.
fn in_namespace(namespace: &[&str]) -> Result<Option<Command>> {
    let unshare = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--kill-child"]).args(namespace);
        unshare
    };
    if !unshare().arg("true").stderr(Stdio::null()).status()?.success() {
        eprintln!("not tested: `unshare {}`", namespace.join(" "));
        return Ok(None);
    }
    let mut command = unshare();
    command.arg(env::current_exe()?);
    Ok(Some(command))
}

/// Creating a segment sweeps, also while another segment gets its name.
fn no_name_is_without_its_lock() -> Result<()> {
    let create = || -> Result<()> {
        for _ in 0..40 {
            let segment = Segment::<[AtomicI64]>::create(&[1])?;
            let path = format!("/dev/shm/{}", segment.name());
            ensure!(fs::exists(&path)?, "{path} was swept");
        }
        Ok(())
    };
    thread::scope(|scope| {
        let creators = [(); 4].map(|()| scope.spawn(create));
        creators.into_iter().try_for_each(|one| one.join().unwrap())
    })
}

/// The owner and the sweeper of a segment are killed, here or in a container
/// that exits. Creating the next segment sweeps, but not while the owner is
/// alive.
fn orphaned_names_are_swept() -> Result<()> {
    let here = Some(Command::new(env::current_exe()?));
    let there = in_namespace(NAMESPACES[1])?;
    for mut command in [here, there].into_iter().flatten() {
        let mut owner = Owner::start(command.args([VICTIM, "own"]))?;
        kill_process(owner.sweeper()?, Signal::KILL)?;
        drop(Segment::<[AtomicI64]>::create(&[1])?);
        assert!(fs::exists(&owner.path)?, "its owner lives");
        owner.child.kill()?;
        owner.child.wait()?;
        no_child_is_left(DEADLINE)?;
        assert!(fs::exists(&owner.path)?, "nobody was left to remove it");
        drop(Segment::<[AtomicI64]>::create(&[1])?);
        assert!(!fs::exists(&owner.path)?, "the orphan is gone");
    }
    Ok(())
}

/// As `systemctl stop` and a closed terminal send it.
fn a_sweeper_outlives_a_signal() -> Result<()> {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let mut command = Command::new(env::current_exe()?);
        let mut owner = Owner::start(command.args([VICTIM, "own"]))?;
        kill_process(owner.sweeper()?, signal)?;
        kill_process(Pid::from_child(&owner.child), signal)?;
        owner.child.wait()?;
        no_child_is_left(DEADLINE)?;
        assert!(!fs::exists(&owner.path)?, "{signal:?} left the name");
    }
    Ok(())
}

/// A process that owns a segment, and waits to be killed.
struct Owner {
    child: process::Child,
    path: String,
}

impl Owner {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut name = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut name)?;
        Ok(Owner { child, path: format!("/dev/shm/{}", name.trim_end()) })
    }

    /// The process that has this name as an argument. A process that has just
    /// started may have no command line yet.
    fn sweeper(&self) -> Result<Pid> {
        let start = Instant::now();
        while start.elapsed() < DEADLINE {
            if let Some(id) = self.who_was_told_the_name()? {
                return Ok(id);
            }
        }
        bail!("{} has no sweeper", self.path)
    }

    fn who_was_told_the_name(&self) -> Result<Option<Pid>> {
        let name = self.path.trim_start_matches("/dev/shm/").as_bytes();
        for entry in fs::read_dir("/proc")? {
            let entry = entry?;
            let id = entry.file_name().to_string_lossy().parse();
            let line = fs::read(entry.path().join("cmdline"));
            let (Ok(id), Ok(line)) = (id, line) else { continue };
            if line.split(|&byte| byte == 0).any(|word| word == name) {
                return Ok(Pid::from_raw(id));
            }
        }
        Ok(None)
    }
}

fn one_at_a_time() -> Result<()> {
    let ledger = Segment::<Mutex<[i64]>>::create(&[0, 0])?;
    let (workers, times) = (4, 20_000);
    scope(|scope| {
        let mut handles = Vec::new();
        for _ in 0..workers {
            let segment = ledger.name().to_owned();
            handles.push(scope.spawn::<_, u64>(&Job::Add { segment, times })?);
        }
        scope.wait_for_all()?;
        scope.open_gate();
        for handle in handles {
            handle.join()?;
        }
        Ok(())
    })?;
    let total = (workers * times) as i64;
    assert_eq!(*ledger.lock().unwrap(), [total, -total]);
    Ok(())
}

fn a_dead_holder_poisons() -> Result<()> {
    let ledger = Segment::<Mutex<[i64]>>::create(&[0, 0])?;
    let segment = ledger.name().to_owned();
    let error = answer(&Job::DieHolding { segment }).unwrap_err();
    assert!(error.to_string().contains("signal: 9"), "{error}");
    is_poisoned_until_it_is_repaired(&ledger)
}

fn a_panic_poisons() -> Result<()> {
    let ledger = Segment::<Mutex<[i64]>>::create(&[0, 0])?;
    let segment = ledger.name().to_owned();
    assert!(answer(&Job::PanicHolding { segment }).is_err());
    is_poisoned_until_it_is_repaired(&ledger)
}

fn is_poisoned_until_it_is_repaired(ledger: &Mutex<[i64]>) -> Result<()> {
    for _ in 0..2 {
        let guard = ledger.lock().unwrap_err().into_inner();
        assert_eq!(*guard, [1, 0], "half a change, and the lock is held");
    }
    ledger.lock().unwrap_err().into_inner()[0] = 0;
    ledger.clear_poison();
    assert_eq!(*ledger.lock().unwrap(), [0, 0]);
    Ok(())
}

/// The next lock writes to the list of locks, which leads through the one that
/// is still held. The larger segment cannot be mapped in its place.
fn a_forgotten_guard_is_safe() -> Result<()> {
    let ledger = Segment::<Mutex<[i64]>>::create(&[0])?;
    std::mem::forget(ledger.lock());
    drop(ledger);
    assert!(names().is_empty());
    let next = Segment::<Mutex<[i64]>>::create(&[1; 100_000])?;
    assert_eq!(next.lock().unwrap()[0], 1);
    Ok(())
}

/// A process that closes it while another holds its lock must not remove its
/// name.
fn an_opener_takes_no_name_away() -> Result<()> {
    let ledger = Segment::<[Mutex<i64>]>::create(&[0])?;
    let held = ledger[0].lock().unwrap();
    for _ in 0..2 {
        drop(Segment::<[Mutex<i64>]>::open(ledger.name())?);
    }
    drop(held);
    Ok(())
}

/// The answer of one worker.
fn answer(job: &impl Serialize) -> Result<u64> {
    scope(|scope| scope.spawn(job)?.join())
}

/// A parent for tests to look at, and to kill.
fn victim() -> ExitCode {
    let done = match env::args().nth(2).as_deref() {
        Some("print") => answer(&Job::Print).map(|_| println!("only this")),
        Some("workers") => wait_with_workers(),
        Some("own") => own(),
        Some("create") => create_with_descriptors(),
        Some("hold-what-is-cut") => hold_what_is_cut(),
        Some("kill-without-descriptors") => kill_without_descriptors(),
        Some("look-without-descriptors") => look_without_descriptors(),
        other => panic!("no such case: {other:?}"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn own() -> Result<()> {
    // If this test fails, nothing else kills this process.
    lifeline::hold(io::stdin(), Signal::KILL)?;
    let segment = Segment::<[AtomicI64]>::create(&[0; 10])?;
    println!("{}", segment.name());
    loop {
        thread::park();
    }
}

fn create_with_descriptors() -> Result<()> {
    let most = env::args().nth(3).unwrap().parse()?;
    may_have_descriptors(most)?;
    Segment::<[AtomicI64]>::create(&[0]).map(drop)
}

fn hold_what_is_cut() -> Result<()> {
    let (line, lifeline) = io::pipe()?;
    drop(lifeline);
    lifeline::hold(&line, Signal::KILL)
        .context("a lifeline that is cut cannot be held")
}

fn kill_without_descriptors() -> Result<()> {
    scope(|scope| {
        let handle = scope.spawn::<_, u64>(&Job::Loop)?;
        may_have_descriptors(0)?;
        let how = handle.kill()?;
        ensure!(how.signal() == Some(Signal::KILL.as_raw()), "{how}");
        Ok(())
    })
}

fn look_without_descriptors() -> Result<()> {
    let (ours, theirs) = Lifeline::pair()?;
    may_have_descriptors(0)?;
    ensure!(!ours.is_cut(), "the other end is not closed");
    drop(theirs);
    ensure!(ours.is_cut(), "the other end is closed");
    Ok(())
}

fn may_have_descriptors(most: u64) -> Result<()> {
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    Ok(setrlimit(Resource::Nofile, limit)?)
}

fn wait_with_workers() -> Result<()> {
    // If this test fails, nothing else kills this process.
    lifeline::hold(io::stdin(), Signal::KILL)?;
    let _segment = Segment::<[AtomicI64]>::create(&[0; 10])?;
    scope(|scope| {
        let gated = Job::WaitThenSquare(1);
        let jobs = [Job::Loop, Job::Sleep, gated, Job::Stop];
        let spawn = |job| scope.spawn::<_, u64>(job);
        let handles: Vec<JoinHandle<'_, u64>> =
            jobs.iter().map(spawn).collect::<Result<_>>()?;
        let stopped = Pid::from_raw(handles[3].id() as i32);
        waitpid(stopped, WaitOptions::UNTRACED)?;
        println!("ready");
        io::stdout().flush()?;
        loop {
            thread::park();
        }
    })
}

/// No child of this process is left, adopted ones included, and no name.
fn nothing_is_left() -> Result<()> {
    no_child_is_left(DEADLINE)?;
    ensure!(names().is_empty(), "left in /dev/shm: {:?}", names());
    Ok(())
}

/// The segments of this test: those whose owner is gone or runs this program.
/// Other programs may be running here with segments of their own.
fn names() -> Vec<String> {
    let is_ours = |name: &String| {
        let rest = name.strip_prefix("process-kit.segment.");
        let owner = rest.and_then(|rest| rest.split('.').next());
        owner.is_some_and(|owner| !is_another_program(owner))
    };
    fs::read_dir("/dev/shm")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(is_ours)
        .collect()
}

fn is_another_program(process: &str) -> bool {
    let program = fs::read_link(format!("/proc/{process}/exe"));
    program.is_ok_and(|program| program != env::current_exe().unwrap())
}
