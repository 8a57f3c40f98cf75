//! Checks the deaths and turns them into figures and a page.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Hold, Plan, Seen};
use crate::{
    digest::Digest,
    laps::Laps,
    outcome::{Better, Metric, Model, Outcome},
    units,
};

/// One death, and all the work done in spite of it.
#[derive(Debug)]
pub struct Finished {
    /// What the workers had to do.
    pub plan: Plan,
    /// What the supervisor saw.
    pub seen: Seen,
    /// Time and resources.
    pub laps: Laps,
}

/// Checks every ledger and every death, and builds the outcome.
///
/// # Errors
///
/// Fails if a transfer was not made exactly once, or if a death was not the
/// planned one.
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
    outcome.metrics = cases(finished).flat_map(Case::metrics).collect();
    outcome.result = result(finished);
    outcome.story = story(model, finished);
    outcome.is_told = true;
    outcome.meaning = meaning(model);
    Ok(outcome)
}

impl Finished {
    fn check(&self, model: Model) -> Result<()> {
        let Plan { cause, hold, workers, transfers, .. } = self.plan;
        let total = u64::from(transfers) * workers as u64;
        ensure!(
            self.seen.report.balances == self.plan.reference()
                && self.seen.report.made == total,
            "{cause}, {hold}: the ledger has {} transfers of {total}, or not \
             the right ones",
            self.seen.report.made
        );
        // Surviving workers hang behind a plain lock, and nowhere else.
        let waits_in_vain = self.plan.spares_the_others(model);
        ensure!(
            self.seen.hung == (waits_in_vain && hold == Hold::PlainLock),
            "{cause}, {hold}: whether all hung: {}",
            self.seen.hung
        );
        let ends = self.plan.ends_a_process(model);
        match self.seen.death {
            None => ensure!(!ends, "{cause}, {hold}: nobody died"),
            Some(how) => ensure!(
                ends && cause.explains(how),
                "{cause}, {hold}: a process died otherwise: {how}"
            ),
        }
        Ok(())
    }

    /// The work and the balances.
    fn add_to(&self, answer: &mut Digest) {
        answer.text(&self.plan.cause.to_string());
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

    /// Transfers that were made before the death and again after it: all of
    /// them if the ledger was lost, or the one that was half made.
    fn lost(&self) -> u64 {
        let is_half_made =
            matches!(self.plan.hold, Hold::Lock | Hold::PlainLock);
        if self.seen.report.is_anew {
            return self.seen.last_words.made() + u64::from(is_half_made);
        }
        self.seen.report.repairs
    }
}

/// All deaths of one cause in one place; the tables show their median.
#[derive(Clone, Copy)]
struct Case<'all>(&'all [Finished]);

fn cases(finished: &[Finished]) -> impl Iterator<Item = Case<'_>> {
    let place = |one: &Finished| (one.plan.cause, one.plan.hold);
    let same = move |one: &_, other: &_| place(one) == place(other);
    finished.chunk_by(same).map(Case)
}

impl Case<'_> {
    fn plan(self) -> Plan {
        self.0[0].plan
    }

    fn resumed(self) -> f64 {
        self.median(Finished::resumed)
    }

    fn survivors(self) -> f64 {
        self.median(|one| one.seen.survivors as f64)
    }

    fn lost(self) -> f64 {
        self.median(|one| one.lost() as f64)
    }

    /// The upper median, so that a count stays a whole number.
    fn median(self, figure: impl Fn(&Finished) -> f64) -> f64 {
        let mut figures: Vec<_> = self.0.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    }

    /// Most readers' questions go into the comparison. The rest are details.
    fn metrics(self) -> [Metric; 3] {
        let Plan { cause, hold, .. } = self.plan();
        let metric = |name, unit, better, value| {
            let id = format!("{name}-{}", hold.key());
            let label = format!("{name}, {}", circumstance(hold));
            Metric::new(&id, &label, unit, better, value).of(cause)
        };
        let [resumed, survivors, lost] = [
            metric("resumed", "s", Better::Lower, self.resumed()),
            metric("survivors", "1", Better::Neither, self.survivors()),
            metric("lost", "1", Better::Neither, self.lost()),
        ];
        match hold {
            Hold::Lock => [resumed, survivors, lost],
            Hold::Nothing => [resumed, survivors.detail(), lost.detail()],
            _ => [resumed.detail(), survivors.detail(), lost.detail()],
        }
    }

    fn hung(self) -> bool {
        self.0.iter().any(|one| one.seen.hung)
    }
}

/// What the victim was doing when it died, as part of a label.
fn circumstance(hold: Hold) -> &'static str {
    match hold {
        Hold::Nothing => "no lock held",
        Hold::Lock => "lock held",
        Hold::PlainLock => "plain lock held",
        Hold::Message => "about to send",
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
        "deaths": cases(finished).map(|case| case.0.len()).max(),
    })
}

fn result(finished: &[Finished]) -> Value {
    let deaths = finished.iter().map(|one| Death {
        way: one.plan.cause.to_string(),
        hold: one.plan.hold,
        death: one.seen.death.map(|status| status.to_string()),
        hung: one.seen.hung,
        survivors: one.seen.survivors,
        lost: one.lost(),
        repairs: one.seen.report.repairs,
        transfers: one.seen.report.made,
        total: one.seen.report.balances.iter().sum(),
    });
    json!(deaths.collect::<Vec<_>>())
}

/// A row of the outcome's result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Death {
    /// How the victim died.
    pub way: String,
    /// What it held.
    pub hold: Hold,
    /// How the process ended; nothing if only a thread died.
    pub death: Option<String>,
    /// Whether the others waited for its lock forever.
    pub hung: bool,
    /// How many others survived.
    pub survivors: usize,
    /// Transfers that were lost or half made.
    pub lost: u64,
    /// Half-made transfers that were undone.
    pub repairs: u64,
    /// Total number of transfers.
    pub transfers: u64,
    /// The sum of all balances.
    pub total: i64,
}

/// Two tables: who survives, and what a lock that is never released does to the
/// others.
fn story(model: Model, finished: &[Finished]) -> Vec<String> {
    let mut story = Vec::new();
    if let Some(Finished { plan, .. }) = finished.first() {
        let transfers = units::human(f64::from(plan.transfers), "1");
        story.push(format!(
            "{} {model} make {transfers} transfers each. One of them dies.",
            plan.workers
        ));
    }
    story.extend(deaths(finished));
    story.extend(policies(model, finished));
    story.push(
        "After: from the victim's last words to the next transfer by any \
         worker.\nLost: transfers that had to be made again."
            .into(),
    );
    story
}

/// The columns of the first table, as wide in all as the second.
const SIX: [usize; 6] = [10, 10, 11, 11, 10, 11];

fn deaths(finished: &[Finished]) -> Vec<String> {
    let titles = ["survive", "lost", "after"];
    let mut lines = vec![
        String::new(),
        format!(
            "{:>47}{:>32}",
            "it holds no lock", "the ledger is half changed"
        ),
        line("it dies by", &SIX, &[titles, titles].concat()),
    ];
    for places in by_cause(finished) {
        let mut cells = Vec::new();
        for case in places.iter().take(2) {
            let others = case.plan().workers - 1;
            cells.push(format!("{} of {others}", case.survivors()));
            cells.push(units::human(case.lost(), "1"));
            cells.push(units::human(case.resumed(), "s"));
        }
        lines.extend(places.first().map(|case| named(*case, &SIX, &cells)));
    }
    lines
}

fn policies(model: Model, finished: &[Finished]) -> Vec<String> {
    let lock = match model {
        Model::Threads => "std's lock, poisoned",
        Model::Processes => "a robust mutex",
    };
    let mut lines = vec![
        String::new(),
        format!("{:>79}", "half a transfer is made, guarded by"),
        line("it dies by", &[21; 3], &[lock, "a plain lock", "an owner"]),
    ];
    for places in by_cause(finished) {
        let cells: Vec<_> = places.iter().skip(1).map(policy).collect();
        lines.extend(places.first().map(|case| named(*case, &[21; 3], &cells)));
    }
    lines.push(String::new());
    lines
}

fn policy(case: &Case) -> String {
    let lost = units::human(case.lost(), "1");
    if case.hung() {
        return format!("HANGS, {lost} lost");
    }
    format!("{}, {lost} lost", units::human(case.resumed(), "s"))
}

/// The four places of each way to die.
fn by_cause(finished: &[Finished]) -> Vec<Vec<Case<'_>>> {
    let cases: Vec<_> = cases(finished).collect();
    let cause = |case: &Case| case.plan().cause;
    let causes = cases.chunk_by(|one, other| cause(one) == cause(other));
    causes.map(<[_]>::to_vec).collect()
}

fn named(case: Case, widths: &[usize], cells: &[String]) -> String {
    line(&format!("  {}", case.plan().cause), widths, cells)
}

fn line(first: &str, widths: &[usize], cells: &[impl AsRef<str>]) -> String {
    let mut line = format!("{first:16}");
    for (&width, cell) in widths.iter().zip(cells) {
        line += &format!(" {:>rest$}", cell.as_ref(), rest = width - 1);
    }
    line
}

fn meaning(model: Model) -> String {
    match model {
        Model::Threads => {
            "With threads, only a panic can be survived; a poisoned lock \
             reports what to\nrepair. Every other death kills the whole \
             process, with all it had in memory."
        }
        Model::Processes => {
            "With processes, only the victim dies, whatever the cause. A \
             robust mutex reports\nwhat to repair. Behind a plain mutex, all \
             survivors hang."
        }
    }
    .into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

    use super::*;
    use crate::scenarios::crash::{DeathCause, Report};

    /// An abort with processes, while the victim holds this.
    fn finished(hold: Hold) -> Finished {
        let cause = DeathCause::Abort;
        let (death, transfers, workers, seed) = (0, 9, 2, 1);
        let plan = Plan { cause, hold, death, transfers, workers, seed };
        let (balances, made) = (plan.reference(), 18);
        let report = Report { balances, made, repairs: 1, ..Report::default() };
        let seen = Seen {
            death: Some(ExitStatus::from_raw(6)),
            survivors: 1,
            report,
            ..Seen::default()
        };
        Finished { plan, seen, laps: Laps::none() }
    }

    fn refusal(finished: Finished) -> String {
        let outcome = outcome(Model::Processes, &[finished]);
        outcome.unwrap_err().to_string()
    }

    #[test]
    fn what_went_as_planned_is_an_outcome() {
        let found = outcome(Model::Processes, &[finished(Hold::Lock)]).unwrap();
        assert_eq!(found.result[0]["death"], "signal: 6 (SIGABRT)");
        let metric = |id| {
            let mut metrics = found.metrics.iter();
            metrics.find(|metric| metric.id == id).unwrap().value.unwrap()
        };
        assert_eq!(metric("survivors-lock.abort"), 1.0);
        assert_eq!(metric("lost-lock.abort"), 1.0);
    }

    #[test]
    fn a_transfer_too_few_or_a_wrong_one_is_refused() {
        let mut one = finished(Hold::Lock);
        one.seen.report.made -= 1;
        assert!(refusal(one).contains("17 transfers of 18"));
        let mut one = finished(Hold::Lock);
        one.seen.report.balances[3] += 1;
        assert!(refusal(one).contains("not the right ones"));
    }

    #[test]
    fn another_death_than_the_planned_one_is_refused() {
        let mut one = finished(Hold::Lock);
        one.seen.death = Some(ExitStatus::from_raw(9));
        assert!(refusal(one).contains("SIGKILL"));
        let mut one = finished(Hold::Lock);
        one.seen.death = None;
        assert!(refusal(one).contains("nobody died"));
        let threads = outcome(Model::Threads, &[finished(Hold::Lock)]);
        assert!(threads.is_ok(), "an abort is a process's death there too");
    }

    #[test]
    fn a_hang_is_expected_behind_a_plain_lock_only() {
        let mut one = finished(Hold::Lock);
        one.seen.hung = true;
        assert!(refusal(one).contains("all hung: true"));
        assert!(refusal(finished(Hold::PlainLock)).contains("all hung: false"));
    }

    #[test]
    fn the_median_of_several_deaths_is_told() {
        let mut several = [0, 1, 2].map(|_| finished(Hold::Lock));
        several[0].seen.report.repairs = 9;
        let found = outcome(Model::Processes, &several).unwrap();
        assert_eq!(found.metrics.len(), 3);
        assert_eq!(found.metrics[2].value, Some(1.0));
    }
}
