//! Decides which pair comes next: every row gets its first look, then the
//! remaining time goes where it decides most.

use std::{
    cmp::Reverse,
    time::{Duration, Instant},
};

use crate::{
    judge::{look::look, stopping::next_look},
    run::{
        bench::Bench,
        environment::Environment,
        journal::Journal,
        progress::Progress,
        session::{Need, Session},
    },
};

/// Measures until everything is decided or the time is up.
///
/// # Errors
///
/// Fails if a sample cannot be saved.
pub fn measure(
    bench: &Bench,
    sessions: &mut [Session],
    budget: Duration,
    mut journal: Option<&mut Journal>,
    environment: &mut Environment,
) -> anyhow::Result<()> {
    let end = Instant::now() + budget;
    let progress = Progress::until(end);
    let mut to_the_next_look = |session: &mut Session| {
        let next = next_look(session.pairs).unwrap_or(session.pairs);
        while session.pairs < next && session.is_sound() {
            progress.show(session);
            if bench.pair(session) {
                keep_last_pair(session, journal.as_deref_mut())?;
                look(session);
            }
        }
        environment.read_after(session.name());
        anyhow::Ok(())
    };
    for session in sessions.iter_mut() {
        to_the_next_look(session)?;
    }
    while let Some(session) = most_promising(sessions, end) {
        to_the_next_look(session)?;
    }
    for session in sessions.iter().filter(|session| session.dropped > 0) {
        environment.drop_pairs(session.name(), session.dropped);
    }
    Ok(())
}

fn keep_last_pair(
    session: &Session,
    journal: Option<&mut Journal>,
) -> anyhow::Result<()> {
    let Some(journal) = journal else { return Ok(()) };
    for measured in &session.measured {
        let samples = measured.samples.iter();
        for sample in samples.filter(|it| it.slice.pair == session.pairs) {
            journal.add(sample)?;
        }
    }
    Ok(())
}

/// Of the sessions whose next look fits into the time left, the one that will
/// answer a question soonest; if none can, the one that will decide a row;
/// otherwise the one that will become more precise.
fn most_promising(
    sessions: &mut [Session],
    end: Instant,
) -> Option<&mut Session> {
    let left = end.saturating_duration_since(Instant::now()).as_secs_f64();
    let in_time = |session: &&mut Session| {
        next_stage(session).is_some_and(|seconds| seconds <= left)
    };
    let promise = |session: &Session| {
        let urgency = session.need().urgency();
        (Reverse(urgency), until_next_gain(session))
    };
    sessions.iter_mut().filter(in_time).min_by(|this, that| {
        let (this, that) = (promise(this), promise(that));
        this.0.cmp(&that.0).then(this.1.total_cmp(&that.1))
    })
}

/// How many seconds the pairs up to the next look will take. None if there is
/// no further look, or nothing left to find out.
pub fn next_stage(session: &Session) -> Option<f64> {
    let pairs = next_look(session.pairs)? - session.pairs;
    let is_open = session.is_sound() && session.open().next().is_some();
    is_open.then(|| pairs as f64 * session.pair().as_secs_f64())
}

/// Estimated seconds until the next thing is found out.
fn until_next_gain(session: &Session) -> f64 {
    let need = session.need();
    if need == Need::Nothing {
        return f64::INFINITY;
    }
    let pairs = session.pairs as f64 * (need.times() - 1.0).max(0.0);
    pairs.max(1.0) * session.pair().as_secs_f64()
}
