//! The pool with workers that hang and panic: the guarantees of
//! `process_kit::Pool`, as far as threads allow.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    hint::spin_loop,
    io::{self, Read as _},
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use common::supervision::{
    Ending, Failure, Finished, Intensity, JobId, StopMethod, Stopped,
    Supervision,
};
use thread_kit::{Pool, Turn};

#[derive(Debug, Clone, Copy)]
enum Job {
    Square(u64),
    Fail,
    Panic,
    PanicTwice,
    LoopUntilCancelled,
    AnswerWhenCancelled,
    Read,
    Park,
}

fn worker(job: Job, turn: &Turn) -> Result<u64> {
    match job {
        Job::Square(number) => return Ok(number * number),
        Job::Fail => bail!("attempt {} failed", turn.attempt),
        Job::PanicTwice if turn.attempt == 2 => return Ok(2),
        Job::Panic | Job::PanicTwice => panic!("as asked"),
        Job::LoopUntilCancelled => {
            while !turn.is_cancelled() {
                spin_loop();
            }
        }
        Job::AnswerWhenCancelled => {
            while !turn.is_cancelled() {
                spin_loop();
            }
            return Ok(7);
        }
        Job::Read => {
            let (mut reader, writer) = io::pipe()?;
            turn.on_interrupt(move || drop(writer));
            reader.read_exact(&mut [0])?;
        }
        Job::Park => loop {
            thread::park();
        },
    }
    bail!("stopped")
}

/// Far longer than anything here takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

fn without_deadline(workers: usize) -> Supervision {
    Supervision { workers, ..Supervision::default() }
}

/// With a deadline that is overrun by every job that these tests want to be
/// stopped, and plenty of time for a worker to stop.
fn impatient(workers: usize) -> Supervision {
    Supervision {
        deadline: Some(Duration::from_millis(20)),
        grace: DEADLINE,
        ..without_deadline(workers)
    }
}

/// Tests with a short deadline and a short grace period. Both must expire for
/// some jobs and suffice for others. How long that takes depends on the
/// machine: a test that fails gets ten times as long, up to a time that
/// suffices on any machine.
fn with_enough_time(test: impl Fn(Supervision) -> Result<()>) {
    let mut time = Duration::from_millis(20);
    loop {
        let rules = Supervision {
            deadline: Some(time),
            grace: time,
            ..without_deadline(1)
        };
        match test(rules) {
            Err(_) if time < DEADLINE / 3 => time *= 10,
            done => return done.unwrap(),
        }
    }
}

fn run(rules: Supervision, jobs: &[Job]) -> (Vec<Finished<u64>>, usize) {
    let mut pool = Pool::start(rules, worker).unwrap();
    for job in jobs {
        pool.submit(*job);
    }
    let mut all = Vec::new();
    while let Some(finished) = pool.join_next().unwrap() {
        all.push(finished);
    }
    all.sort_by_key(|finished| finished.id);
    let restarts = pool.restarts();
    assert!(pool.join().unwrap().is_empty());
    (all, restarts)
}

fn ways(finished: &Finished<u64>) -> Result<Vec<(StopMethod, StopMethod)>> {
    let ways = |ending: &Ending| match ending {
        Ending::Stopped(Stopped { first, by, .. }) => Ok((*first, *by)),
        other => bail!("{other:?}"),
    };
    finished.endings.iter().map(ways).collect()
}

#[test]
fn results_belong_to_their_jobs() {
    for workers in [1, 2, 5] {
        let jobs: Vec<_> = (0..500).map(Job::Square).collect();
        let (all, restarts) = run(without_deadline(workers), &jobs);
        assert_eq!((all.len(), restarts), (500, 0));
        for (number, finished) in (0..).zip(all) {
            assert_eq!(finished.id, JobId(number));
            assert_eq!(finished.result, Ok(number * number));
        }
    }
}

#[test]
fn an_error_is_an_answer() {
    let (all, restarts) = run(without_deadline(1), &[Job::Fail]);
    let failed = Failure::Failed("attempt 0 failed".into());
    assert_eq!((&all[0].result, restarts), (&Err(failed), 0));
    assert!(all[0].endings.is_empty());
}

#[test]
fn who_panics_is_replaced() {
    let jobs = [Job::PanicTwice, Job::Square(3)];
    let (all, restarts) = run(without_deadline(1), &jobs);
    assert_eq!((&all[0].result, restarts), (&Ok(2), 2));
    let panic = Ending::Died("panicked: as asked".into());
    assert_eq!(all[0].endings, [panic.clone(), panic]);
    assert_eq!(all[1].result, Ok(9));
}

#[test]
fn three_panics_are_enough() {
    let jobs = [Job::Square(2), Job::Panic];
    let (all, restarts) = run(without_deadline(2), &jobs);
    assert_eq!((&all[0].result, restarts), (&Ok(4), 3));
    let failure = all[1].result.as_ref().unwrap_err().to_string();
    assert!(failure.starts_with("job 1 is quarantined after 3"), "{failure}");
}

#[test]
fn who_is_asked_stays() {
    let jobs = [Job::LoopUntilCancelled, Job::Square(3)];
    let (all, restarts) = run(impatient(1), &jobs);
    let interrupted = (StopMethod::Interrupt, StopMethod::Interrupt);
    let expected =
        [(StopMethod::Ask, StopMethod::Ask), interrupted, interrupted];
    assert_eq!(ways(&all[0]).unwrap(), expected);
    assert_eq!((&all[1].result, restarts), (&Ok(9), 0));
}

#[test]
fn a_late_answer_is_an_answer() {
    let (all, _) = run(impatient(1), &[Job::AnswerWhenCancelled]);
    assert_eq!(all[0].result, Ok(7));
    assert!(all[0].endings.is_empty());
}

#[test]
fn what_a_job_waits_for_is_closed() {
    with_enough_time(|rules| {
        let (all, restarts) = run(rules, &[Job::Read]);
        let interrupted = (StopMethod::Interrupt, StopMethod::Interrupt);
        let expected = [
            (StopMethod::Ask, StopMethod::Interrupt),
            interrupted,
            interrupted,
        ];
        ensure!(ways(&all[0])? == expected && restarts == 0, "{all:?}");
        Ok(())
    });
}

#[test]
fn who_cannot_be_stopped_is_abandoned_and_its_job_too() {
    with_enough_time(|rules| {
        let mut pool = Pool::start(rules, worker)?;
        pool.submit(Job::Park);
        pool.submit(Job::Square(3));
        let first = pool.join_next()?.context("no job is done")?;
        ensure!(first.endings == [Ending::Abandoned], "{first:?}");
        ensure!(first.result.is_err());
        let second = pool.join_next()?.context("no second job is done")?;
        ensure!(second.result == Ok(9), "{second:?}");
        ensure!((pool.abandoned(), pool.restarts()) == (1, 1));
        pool.join()?;
        Ok(())
    });
}

/// The answer of an abandoned worker must not be taken for the answer to
/// another job.
#[test]
fn what_the_abandoned_say_is_not_heard() {
    with_enough_time(|rules| {
        let (release, gate) = mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        let (over, is_over) = mpsc::channel();
        let work = move |job: u64, _: &Turn| {
            if job == 0 {
                gate.lock().unwrap().recv().unwrap_err();
                over.send(()).unwrap();
            }
            Ok(job)
        };
        let mut pool = Pool::start(rules, work)?;
        pool.submit(0);
        let first = pool.join_next()?.context("no job is done")?;
        ensure!(first.result.is_err(), "{first:?}");
        drop(release);
        is_over.recv()?;
        for job in 1..50 {
            pool.submit(job);
        }
        for (job, finished) in (1..).zip(pool.join()?) {
            ensure!(finished.id == JobId(job) && finished.result == Ok(job));
        }
        Ok(())
    });
}

#[test]
fn panics_without_end_are_an_error() {
    let within = 10 * DEADLINE;
    let intensity = Intensity { restarts: 5, within };
    let rules = Supervision { intensity, attempts: 99, ..without_deadline(2) };
    let mut pool = Pool::start(rules, worker).unwrap();
    pool.submit(Job::Panic);
    let error = format!("{:#}", pool.join_next().unwrap_err());
    assert!(error.contains("the pool gives up: 6 workers"), "{error}");
}

#[test]
fn a_pool_of_none_is_refused() {
    let error =
        Pool::start(without_deadline(0), worker).unwrap_err().to_string();
    assert!(error.contains("no workers"), "{error}");
}
