//! The pool with workers that hang and panic: what `process_kit::Pool` is
//! held to, as far as threads can.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    hint::spin_loop,
    io::{self, Read as _},
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use anyhow::{Result, bail};
use common::supervision::{
    Ending, Failure, Finished, Intensity, JobId, Stopped, Supervision, Way,
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

fn rules(workers: usize) -> Supervision {
    Supervision {
        workers,
        deadline: Some(Duration::from_millis(20)),
        grace: Duration::from_millis(200),
        ..Supervision::default()
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

fn ways(finished: &Finished<u64>) -> Vec<(Way, Way)> {
    let ways = |ending: &Ending| match ending {
        Ending::Stopped(Stopped { first, by, .. }) => (*first, *by),
        other => panic!("{other:?}"),
    };
    finished.endings.iter().map(ways).collect()
}

#[test]
fn results_belong_to_their_jobs() {
    for workers in [1, 2, 5] {
        let jobs: Vec<_> = (0..500).map(Job::Square).collect();
        let rules = Supervision { deadline: None, ..rules(workers) };
        let (all, restarts) = run(rules, &jobs);
        assert_eq!((all.len(), restarts), (500, 0));
        for (number, finished) in (0..).zip(all) {
            assert_eq!(finished.id, JobId(number));
            assert_eq!(finished.result, Ok(number * number));
        }
    }
}

#[test]
fn an_error_is_an_answer() {
    let (all, restarts) = run(rules(1), &[Job::Fail]);
    let failed = Failure::Failed("attempt 0 failed".into());
    assert_eq!((&all[0].result, restarts), (&Err(failed), 0));
    assert!(all[0].endings.is_empty());
}

#[test]
fn who_panics_is_replaced() {
    let (all, restarts) = run(rules(1), &[Job::PanicTwice, Job::Square(3)]);
    assert_eq!((&all[0].result, restarts), (&Ok(2), 2));
    let panic = Ending::Died("panicked: as asked".into());
    assert_eq!(all[0].endings, [panic.clone(), panic]);
    assert_eq!(all[1].result, Ok(9));
}

#[test]
fn three_panics_are_enough() {
    let (all, restarts) = run(rules(2), &[Job::Square(2), Job::Panic]);
    assert_eq!((&all[0].result, restarts), (&Ok(4), 3));
    let failure = all[1].result.as_ref().unwrap_err().to_string();
    assert!(failure.starts_with("job 1 is quarantined after 3"), "{failure}");
}

#[test]
fn who_is_asked_stays() {
    let jobs = [Job::LoopUntilCancelled, Job::Square(3)];
    let (all, restarts) = run(rules(1), &jobs);
    let interrupted = (Way::Interrupt, Way::Interrupt);
    let expected = [(Way::Ask, Way::Ask), interrupted, interrupted];
    assert_eq!(ways(&all[0]), expected);
    assert_eq!((&all[1].result, restarts), (&Ok(9), 0));
}

#[test]
fn a_late_answer_is_an_answer() {
    let (all, _) = run(rules(1), &[Job::AnswerWhenCancelled]);
    assert_eq!(all[0].result, Ok(7));
    assert!(all[0].endings.is_empty());
}

#[test]
fn what_a_job_waits_for_is_closed() {
    let (all, restarts) = run(rules(1), &[Job::Read]);
    let interrupted = (Way::Interrupt, Way::Interrupt);
    let expected = [(Way::Ask, Way::Interrupt), interrupted, interrupted];
    assert_eq!((ways(&all[0]), restarts), (expected.to_vec(), 0));
}

#[test]
fn who_cannot_be_stopped_is_abandoned_and_its_job_too() {
    let rules = Supervision { grace: Duration::from_millis(10), ..rules(1) };
    let mut pool = Pool::start(rules, worker).unwrap();
    pool.submit(Job::Park);
    pool.submit(Job::Square(3));
    let first = pool.join_next().unwrap().unwrap();
    assert_eq!(first.endings, [Ending::Abandoned]);
    assert!(first.result.is_err());
    let second = pool.join_next().unwrap().unwrap();
    assert_eq!(second.result, Ok(9));
    assert_eq!((pool.abandoned(), pool.restarts()), (1, 1));
    pool.join().unwrap();
}

/// The abandoned worker's answer must not be taken for another's.
#[test]
fn what_the_abandoned_say_is_not_heard() {
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
    let rules = Supervision { grace: Duration::from_millis(10), ..rules(1) };
    let mut pool = Pool::start(rules, work).unwrap();
    pool.submit(0);
    assert!(pool.join_next().unwrap().unwrap().result.is_err());
    drop(release);
    is_over.recv().unwrap();
    for job in 1..50 {
        pool.submit(job);
    }
    for (job, finished) in (1..).zip(pool.join().unwrap()) {
        assert_eq!((finished.id, finished.result), (JobId(job), Ok(job)));
    }
}

#[test]
fn panics_without_end_are_an_error() {
    let within = Duration::from_secs(60);
    let intensity = Intensity { restarts: 5, within };
    let rules = Supervision { intensity, attempts: 99, ..rules(2) };
    let mut pool = Pool::start(rules, worker).unwrap();
    pool.submit(Job::Panic);
    let error = format!("{:#}", pool.join_next().unwrap_err());
    assert!(error.contains("the pool gives up: 6 workers"), "{error}");
}

#[test]
fn a_pool_of_none_is_refused() {
    let error = Pool::start(rules(0), worker).unwrap_err().to_string();
    assert!(error.contains("no workers"), "{error}");
}
