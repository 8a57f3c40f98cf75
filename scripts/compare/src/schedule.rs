//! Which pair comes next: every row has its first look, and then the time that
//! is left goes to where it decides most.

use std::time::{Duration, Instant};

use crate::{
    bench::Bench, environment::Environment, progress::Progress,
    samples::Journal, session::Session, stopping::next_look,
};

/// Measures until all is decided, or until the time is over.
///
/// # Errors
///
/// Fails if a sample cannot be kept.
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
        let look = next_look(session.pairs).unwrap_or(session.pairs);
        while session.pairs < look && session.is_sound() {
            progress.show(session);
            if bench.pair(session) {
                keep_last_pair(session, journal.as_deref_mut())?;
                session.look();
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

/// Of those whose next look comes in time, the one that has something to
/// decide soonest.
fn most_promising(
    sessions: &mut [Session],
    end: Instant,
) -> Option<&mut Session> {
    let left = end.saturating_duration_since(Instant::now()).as_secs_f64();
    let in_time = |session: &&mut Session| {
        session.next_stage().is_some_and(|seconds| seconds <= left)
    };
    let promise = |session: &&mut Session| session.until_next_decision();
    sessions
        .iter_mut()
        .filter(in_time)
        .min_by(|this, that| promise(this).total_cmp(&promise(that)))
}
