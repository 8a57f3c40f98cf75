//! The global lock: one thread runs at a time, every thread gets a turn, and
//! the lock guards no data.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use thread_kit::{GlobalLock, Held};

/// Short, so that many pass in a test; and long compared to a checkpoint.
const INTERVAL: Duration = Duration::from_millis(1);

/// Far longer than anything here takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A lock that no thread requests during a test.
fn never_asked_for() -> GlobalLock {
    GlobalLock::new(2 * DEADLINE)
}

/// Runs like an interpreter, until `is_time`.
fn run_until(held: &mut Held<'_>, is_time: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_time() {
        held.checkpoint();
        assert!(start.elapsed() < DEADLINE, "no other thread had a turn");
    }
}

#[test]
fn one_runs_at_a_time() {
    let lock = &GlobalLock::new(INTERVAL / 20);
    let (somebody_runs, turns) = (&AtomicBool::new(false), &AtomicU64::new(0));
    let run = move || {
        let mut held = lock.take();
        for _ in 0..20_000 {
            assert!(!somebody_runs.swap(true, SeqCst));
            turns.fetch_add(1, SeqCst);
            assert!(somebody_runs.swap(false, SeqCst));
            held.checkpoint();
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(run);
        }
    });
    assert_eq!(turns.load(SeqCst), 80_000);
}

#[test]
fn who_has_waited_for_an_interval_gets_a_turn() {
    let (lock, is_taken) =
        (&GlobalLock::new(INTERVAL), &AtomicBool::new(false));
    let mut held = lock.take();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let start = Instant::now();
            let _held = lock.take();
            is_taken.store(true, SeqCst);
            start.elapsed()
        });
        run_until(&mut held, || is_taken.load(SeqCst));
        assert!(waiter.join().unwrap() >= INTERVAL);
    });
}

/// Even if all of them would rather keep running.
#[test]
fn everybody_gets_a_turn() {
    let lock = &GlobalLock::new(INTERVAL);
    let have_run = &[(); 3].map(|()| AtomicBool::new(false));
    thread::scope(|scope| {
        for this in have_run {
            scope.spawn(move || {
                let mut held = lock.take();
                this.store(true, SeqCst);
                let has_run = |one: &AtomicBool| one.load(SeqCst);
                run_until(&mut held, || have_run.iter().all(has_run));
            });
        }
    });
}

#[test]
fn nobody_gets_it_who_has_not_asked() {
    let (lock, is_taken) = (&never_asked_for(), &AtomicBool::new(false));
    thread::scope(|scope| {
        let mut held = lock.take();
        let (starting, started) = mpsc::channel();
        scope.spawn(move || {
            starting.send(()).unwrap();
            let _held = lock.take();
            is_taken.store(true, SeqCst);
        });
        started.recv_timeout(DEADLINE).unwrap();
        let start = Instant::now();
        while start.elapsed() < 20 * INTERVAL {
            held.checkpoint();
        }
        assert!(!is_taken.load(SeqCst));
    });
    assert!(is_taken.load(SeqCst), "it was released without a request");
}

#[test]
fn native_code_lets_another_in() {
    let lock = &never_asked_for();
    let mut held = lock.take();
    thread::scope(|scope| {
        let (taking, taken) = mpsc::channel();
        scope.spawn(move || {
            let _held = lock.take();
            taking.send(()).unwrap();
        });
        let native = || taken.recv_timeout(DEADLINE);
        held.release_around(native).unwrap();
    });
}

#[test]
fn after_native_code_it_is_held_again() {
    let lock = &never_asked_for();
    thread::scope(|scope| {
        let mut held = lock.take();
        held.release_around(|| ());
        let (taking, taken) = mpsc::channel();
        scope.spawn(move || {
            let _held = lock.take();
            taking.send(()).unwrap();
        });
        assert!(taken.recv_timeout(20 * INTERVAL).is_err());
        drop(held);
        taken.recv_timeout(DEADLINE).unwrap();
    });
}

/// In its own code, and in native code, during which the lock is released.
#[test]
fn a_panic_gives_it_back() {
    let lock = &never_asked_for();
    let panics: [fn(&mut Held<'_>); 2] =
        [|_| panic!("as asked"), |held| held.release_around(|| panic!("too"))];
    for panic in panics {
        let run = || panic(&mut lock.take());
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
        let (taking, taken) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || taking.send(lock.take().release_around(|| 7)));
            assert_eq!(taken.recv_timeout(DEADLINE), Ok(7));
        });
    }
}

/// Claim C22: an update in two steps is not atomic, even if only one thread
/// runs at a time.
#[test]
fn it_does_not_guard_the_programs_data() {
    let (lock, balance) = (&GlobalLock::new(INTERVAL), &AtomicU64::new(0));
    let add_one = |held: &mut Held<'_>, is_time: &dyn Fn() -> bool| {
        let before = balance.load(SeqCst);
        run_until(held, is_time);
        balance.store(before + 1, SeqCst);
    };
    let mut held = lock.take();
    thread::scope(|scope| {
        scope.spawn(|| add_one(&mut lock.take(), &|| true));
        add_one(&mut held, &|| balance.load(SeqCst) == 1);
    });
    assert_eq!(balance.load(SeqCst), 1, "two have added one");
}
