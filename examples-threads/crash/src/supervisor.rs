//! Replaces every process that dies, until all the work is done.

use std::io::pipe;

use anyhow::Result;
use common::{
    laps::Laps,
    outcome::Model,
    scenarios::crash::{Answer, LastWords, Plan, Seen},
};
use process_kit::{News, Supervisor, scope};

use crate::sacrifice::Sacrifice;

/// Starts the process that hosts all workers, releases it, and waits until it
/// has answered.
pub fn spawn_and_join(
    plan: &Plan,
    laps: &mut Laps,
    seen: &mut Seen,
) -> Result<Answer> {
    let (last_words, theirs) = pipe()?;
    let jobs = [Sacrifice { plan: *plan, last_words: Some(theirs) }];
    scope(|scope| {
        let mut workers = Supervisor::new(scope, Sacrifice::heir);
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
    workers: &mut Supervisor<'_, Sacrifice, Answer>,
    plan: &Plan,
    seen: &mut Seen,
) -> Result<()> {
    let model = Model::Threads;
    while let Some(news) = workers.next_news(seen.patience(plan, model))? {
        match news {
            News::Answered => {}
            News::Died { heir, how } => {
                seen.died(how)?;
                // threads: the others are dead too, and the ledger is lost.
                workers.spawn(heir)?;
            }
            News::Hung { heirs } => {
                seen.hangs()?;
                for heir in heirs {
                    workers.spawn(heir)?;
                }
            }
        }
    }
    Ok(())
}
