//! Replaces every process that dies, until all the work is done.

use std::io::pipe;

use anyhow::Result;
use common::{
    laps::Laps,
    outcome::Model,
    scenarios::crash::{Answer, LastWords, Plan, Seen},
};
use process_kit::{News, Supervisor, scope};

use crate::{Access, Job};

/// What the work needs, and what the supervisor sees of it.
pub struct Crew<'a> {
    pub plan: Plan,
    pub laps: &'a mut Laps,
    pub seen: &'a mut Seen,
}

/// Starts the workers, releases them all at once, and waits until all have
/// answered.
pub fn spawn_and_join(
    crew: &mut Crew,
    ledgers: impl IntoIterator<Item = Access>,
) -> Result<Answer> {
    let Crew { plan, laps, seen } = crew;
    let (last_words, theirs) = pipe()?;
    let jobs = Job::each(plan, ledgers, Some(theirs))?;
    scope(|scope| {
        let mut workers = Supervisor::new(scope, Job::heir);
        for job in jobs {
            workers.spawn(job)?;
        }
        scope.wait_for_all()?;
        laps.started();
        scope.open_gate();
        seen.last_words = LastWords::hear(last_words)?;
        replace(&mut workers, plan, seen)?;
        laps.worked(&workers.ids());
        let mut all = Answer::default();
        for answer in workers.join_all()? {
            all.add(answer);
        }
        Ok(all)
    })
}

/// Waits until every process has answered. One that dies gets an heir. If the
/// survivors hang, they are killed, and all start over.
fn replace(
    workers: &mut Supervisor<'_, Job, Answer>,
    plan: &Plan,
    seen: &mut Seen,
) -> Result<()> {
    let model = Model::Processes;
    while let Some(news) = workers.next_news(seen.patience(plan, model))? {
        match news {
            News::Answered => {}
            News::Died { heir, how } => {
                seen.died(how)?;
                // processes: the others have not noticed, and keep working.
                workers.spawn(heir)?;
            }
            News::Hung { heirs } => {
                seen.hangs()?;
                for heir in heirs {
                    workers.spawn(Job { is_anew: true, ..heir })?;
                }
            }
        }
    }
    Ok(())
}
