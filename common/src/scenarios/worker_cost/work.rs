//! What a worker returns, and how it is timed.

use std::time::Duration;

use anyhow::{Result, ensure};
use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

use super::Plan;
use crate::{
    input::Input,
    laps::monotonic,
    latency::{Latencies, Quantiles},
    resources::{cpu_of_reaped, cpu_of_this},
};

/// Proof that a worker ran, and when: all that an empty worker has to say. It
/// is written to a pipe or to shared memory as it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable, Serialize, Deserialize,
)]
#[repr(C)]
pub struct Stamp {
    /// When it started, on the clock that all processes share.
    pub began: u64,
    /// What it computed from its token.
    pub answer: u64,
}

impl Stamp {
    /// The first action of a worker is to read the clock. The rest is its work.
    /// Nothing here allocates or takes a lock, so that a forked child may call
    /// it: see signal-safety(7).
    #[inline]
    pub fn now(token: u64) -> Self {
        let began = monotonic().as_nanos() as u64;
        Stamp { began, answer: answer(token) }
    }
}

/// The whole work of a worker.
fn answer(token: u64) -> u64 {
    !token.rotate_left(32)
}

/// The result of many starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Starts {
    /// From the call to the worker's first action.
    pub first_act: Quantiles,
    /// From the call until the worker's answer is in, and the worker gone if it
    /// was started for this.
    pub finish: Quantiles,
    /// The sum of the answers.
    pub sum: u64,
    /// CPU seconds that this process used for all of them.
    pub(super) cpu_here: f64,
    /// CPU seconds of all children that were reaped before the first start.
    pub(super) cpu_before: f64,
}

/// Gives each of the plan's tokens to a worker, one after another. `start`
/// returns when the worker is done, and gone.
///
/// # Errors
///
/// Fails if `start` does, if an answer does not match its token, or if a worker
/// claims to have started before it was called or after it was done.
pub fn measure(
    plan: &Plan,
    mut start: impl FnMut(u64) -> Result<Stamp>,
) -> Result<Starts> {
    let (mut first_act, mut finish) = (Latencies::new(), Latencies::new());
    let mut sum = 0_u64;
    let (cpu, cpu_before) = (cpu_of_this(), cpu_of_reaped());
    for token in tokens(plan) {
        let called = monotonic();
        let stamp = start(token)?;
        let done = monotonic();
        let began = check(token, &stamp, called, done)?;
        first_act.record(began - called);
        finish.record(done - called);
        sum = sum.wrapping_add(stamp.answer);
    }
    let cpu_here = cpu_of_this() - cpu;
    let (first_act, finish) = (first_act.quantiles(), finish.quantiles());
    Ok(Starts { first_act, finish, sum, cpu_here, cpu_before })
}

fn check(
    token: u64,
    stamp: &Stamp,
    called: Duration,
    done: Duration,
) -> Result<Duration> {
    let began = Duration::from_nanos(stamp.began);
    ensure!(
        stamp.answer == answer(token),
        "wrong answer to {token:#x}: a worker answered {:#x}",
        stamp.answer
    );
    ensure!(
        (called..=done).contains(&began),
        "impossible time: a worker says that it began at {began:?}, but it was \
         called at {called:?} and done at {done:?}"
    );
    Ok(began)
}

/// The workers' tokens.
fn tokens(plan: &Plan) -> impl Iterator<Item = u64> {
    let mut input = Input::new(plan.seed, plan.method as u64);
    (0..plan.count).map(move |_| {
        let high = u64::from(input.below(u32::MAX));
        high << 32 | u64::from(input.below(u32::MAX))
    })
}

/// The sum of the correct answers.
pub(super) fn reference(plan: &Plan) -> u64 {
    tokens(plan).map(answer).fold(0, u64::wrapping_add)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::{super::StartMethod, *};

    fn plan() -> Plan {
        let (method, count) = (StartMethod::Anew, 20);
        Plan { method, parent_memory: 0, count, table: 0, seed: 1 }
    }

    #[test]
    fn what_is_measured_lies_within_the_call() {
        let starts = measure(&plan(), |token| Ok(Stamp::now(token))).unwrap();
        assert!(starts.first_act.max <= starts.finish.max);
        assert_eq!(starts.finish.count, 20);
        assert_eq!(starts.sum, reference(&plan()));
    }

    #[test]
    fn a_worker_that_did_nothing_is_found() {
        let idle = |token| Ok(Stamp { answer: token, ..Stamp::now(token) });
        let error = measure(&plan(), idle).unwrap_err().to_string();
        assert!(error.contains("wrong answer"), "{error}");
    }

    #[test]
    fn a_clock_that_is_not_ours_is_found() {
        for began in [0, u64::MAX] {
            let other = |token| Ok(Stamp { began, ..Stamp::now(token) });
            let error = measure(&plan(), other).unwrap_err().to_string();
            assert!(error.contains("that it began"), "{error}");
        }
    }

    #[test]
    fn no_two_methods_or_seeds_have_the_same_tokens() {
        let (anew, pool) =
            (plan(), Plan { method: StartMethod::Pool, ..plan() });
        let other = Plan { seed: 2, ..plan() };
        assert_ne!(reference(&anew), reference(&pool));
        assert_ne!(reference(&anew), reference(&other));
    }
}
