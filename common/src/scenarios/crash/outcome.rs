//! What the deaths came to: checked, in figures, and as a page.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Hold, Plan, Seen, Way};
use crate::{
    digest::Digest,
    laps::Laps,
    outcome::{Better, Metric, Model, Outcome},
    units,
};

/// One death, and all the work in spite of it.
#[derive(Debug)]
pub struct Finished {
    /// What was to be done.
    pub plan: Plan,
    /// What the supervisor saw.
    pub seen: Seen,
    /// What it took.
    pub laps: Laps,
}

/// Checks every ledger and every death, and tells what came out.
///
/// # Errors
///
/// Fails if a transfer was not made exactly once, or a death was not the one
/// that was planned.
pub fn outcome(model: Model, finished: &[Finished]) -> Result<Outcome> {
    let mut laps = Laps::none();
    let mut answer = Digest::new();
    for one in finished {
        one.check(model)?;
        one.add_to(&mut answer);
        laps.add(&one.laps);
    }
    let mut outcome = Outcome::new("crash", model, &laps);
    outcome.parameters = parameters(finished);
    outcome.answer = answer.hex();
    outcome.metrics = finished.iter().flat_map(Finished::metrics).collect();
    outcome.result = result(finished);
    outcome.story = story(model, finished);
    outcome.is_told = true;
    outcome.meaning = meaning(model);
    Ok(outcome)
}

impl Finished {
    fn check(&self, model: Model) -> Result<()> {
        let Plan { way, hold, workers, transfers, .. } = self.plan;
        let total = u64::from(transfers) * workers as u64;
        ensure!(
            self.seen.report.balances == self.plan.reference()
                && self.seen.report.made == total,
            "{way}, {hold}: the ledger has {} transfers of {total}, or not \
             the right ones",
            self.seen.report.made
        );
        // A thread's panic is no process's death.
        let is_mortal = model == Model::Processes || way != Way::Panic;
        match self.seen.death {
            None => ensure!(!is_mortal, "{way}, {hold}: nobody died"),
            Some(how) => ensure!(
                is_mortal && way.is_the_cause_of(how),
                "{way}, {hold}: a process died otherwise: {how}"
            ),
        }
        Ok(())
    }

    /// What was asked, and the balances.
    fn add_to(&self, answer: &mut Digest) {
        answer.text(&self.plan.way.to_string());
        answer.text(&self.plan.hold.to_string());
        answer
            .count(self.seen.report.made)
            .integers(&self.seen.report.balances);
    }

    /// From the victim's last words to the first transfer after them.
    fn resumed(&self) -> f64 {
        let after = self.seen.report.resumed;
        after.saturating_sub(self.seen.last_words.at()).as_secs_f64()
    }

    /// Transfers that were made before the death, and again after it: all of
    /// them if the ledger was lost, or the one that was half made.
    fn lost(&self) -> u64 {
        let is_half_made =
            matches!(self.plan.hold, Hold::Lock | Hold::PlainLock);
        match self.seen.report.is_anew {
            true => self.seen.last_words.made() + u64::from(is_half_made),
            false => self.seen.report.repairs,
        }
    }

    /// What everybody asks stands in the comparison. The rest are details.
    fn metrics(&self) -> [Metric; 3] {
        let Plan { way, hold, .. } = self.plan;
        let metric = |name, unit, better, value| {
            Metric::new(&format!("{name} {hold}"), unit, better, value).of(way)
        };
        let survivors = self.seen.survivors as f64;
        let lost = self.lost() as f64;
        let [resumed, survivors, lost] = [
            metric("resumed", "s", Better::Lower, self.resumed()),
            metric("survivors", "1", Better::Neither, survivors),
            metric("lost", "1", Better::Neither, lost),
        ];
        match hold {
            Hold::Lock => [resumed, survivors, lost],
            Hold::Nothing => [resumed, survivors.detail(), lost.detail()],
            _ => [resumed.detail(), survivors.detail(), lost.detail()],
        }
    }
}

fn parameters(finished: &[Finished]) -> Value {
    let Some(Finished { plan, .. }) = finished.first() else {
        return Value::Null;
    };
    json!({
        "workers": plan.workers,
        "seed": plan.seed,
        "transfers": plan.transfers,
    })
}

fn result(finished: &[Finished]) -> Value {
    let rows = finished.iter().map(|one| {
        json!({
            "way": one.plan.way,
            "hold": one.plan.hold,
            "death": one.seen.death.map(|status| status.to_string()),
            "hung": one.seen.hung,
            "survivors": one.seen.survivors,
            "lost": one.lost(),
            "repairs": one.seen.report.repairs,
            "transfers": one.seen.report.made,
            "total": one.seen.report.balances.iter().sum::<i64>(),
        })
    });
    json!(rows.collect::<Vec<_>>())
}

/// Two tables: who survives, and what a lock that is not given back does to
/// the others.
fn story(model: Model, finished: &[Finished]) -> Vec<String> {
    let mut story = Vec::new();
    if let Some(Finished { plan, .. }) = finished.first() {
        let transfers = units::human(f64::from(plan.transfers), "1");
        story.push(format!(
            "{} {model} make {transfers} transfers each. One dies in the middle.",
            plan.workers
        ));
    }
    story.extend(deaths(finished));
    story.extend(policies(model, finished));
    story.push(
        "“After”: from its last words to the next transfer, anybody's. “Lost”: \
         transfers\nthat had to be made again."
            .into(),
    );
    story
}

fn deaths(finished: &[Finished]) -> Vec<String> {
    let titles = ["survive", "lost", "after"];
    let mut lines = vec![
        String::new(),
        line("", 31, &["it holds no lock", "the ledger is half changed"]),
        line("it dies by", 10, &[titles, titles].concat()),
    ];
    for group in by_way(finished) {
        let mut cells = Vec::new();
        for one in group.iter().take(2) {
            let others = one.plan.workers - 1;
            cells.push(format!("{} of {others}", one.seen.survivors));
            cells.push(units::human(one.lost() as f64, "1"));
            cells.push(units::human(one.resumed(), "s"));
        }
        lines.extend(group.first().map(|one| named(one, 10, &cells)));
    }
    lines
}

fn policies(model: Model, finished: &[Finished]) -> Vec<String> {
    let lock = match model {
        Model::Threads => "std's, poisoned",
        Model::Processes => "robust mutex",
    };
    let mut lines = vec![
        String::new(),
        line(
            "",
            63,
            &["Half a transfer is made, behind a lock or by an owner:"],
        ),
        line("it dies by", 21, &[lock, "plain lock", "messages"]),
    ];
    for group in by_way(finished) {
        let cells: Vec<_> = group.iter().skip(1).map(policy).collect();
        lines.extend(group.first().map(|one| named(one, 21, &cells)));
    }
    lines.push(String::new());
    lines
}

fn policy(one: &Finished) -> String {
    let after = units::human(one.resumed(), "s");
    let lost = units::human(one.lost() as f64, "1");
    match one.seen.hung {
        true => format!("HANGS, {lost} lost"),
        false => format!("{after}, {lost} lost"),
    }
}

/// The four places of each way to die.
fn by_way(finished: &[Finished]) -> impl Iterator<Item = &[Finished]> {
    finished.chunk_by(|one, other| one.plan.way == other.plan.way)
}

fn named(one: &Finished, width: usize, cells: &[String]) -> String {
    line(&format!("  {}", one.plan.way), width, cells)
}

fn line(first: &str, width: usize, cells: &[impl AsRef<str>]) -> String {
    let mut line = format!("{first:16}");
    for cell in cells {
        line += &format!(" {:>width$}", cell.as_ref());
    }
    line.trim_end().to_owned()
}

fn meaning(model: Model) -> String {
    match model {
        Model::Threads => {
            "Of threads, a panic can be survived, and poison says what to \
             repair. Every other\ndeath is the process's: all die, and what \
             they had in memory is lost."
        }
        Model::Processes => {
            "Of processes, one dies and no other, whatever the death is. A \
             robust mutex says\nwhat to repair. Behind a plain one all who \
             were spared hang."
        }
    }
    .into()
}
