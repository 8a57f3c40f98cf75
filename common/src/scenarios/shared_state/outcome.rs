//! Checks the ledgers and turns them into figures.

use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Result, anyhow, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{GLOBAL, Plan, Variant, story};
use crate::{
    digest::Digest,
    laps::Laps,
    outcome::{Better, Metric, Model, Outcome},
};

/// The ledger as one variant left it, and what the run took.
#[derive(Debug)]
pub struct Finished {
    /// What was to be done.
    pub plan: Plan,
    /// The final balances.
    pub balances: Vec<i64>,
    /// The number of updates in the balances. A variant that may lose updates
    /// counts them as it goes, and loses counts the same way it loses money.
    pub updates: Option<u64>,
    /// Time and resources.
    pub laps: Laps,
}

/// Checks every ledger and builds the outcome.
///
/// # Errors
///
/// Fails if a variant that must not lose anything has lost something.
pub fn outcome(model: Model, finished: &[Finished]) -> Result<Outcome> {
    let mut laps = Laps::none();
    let mut answer = Digest::new();
    for one in finished {
        one.check()?;
        one.add_to(&mut answer);
        laps.add(&one.laps);
    }
    let mut outcome = Outcome::new("shared-state", model, &laps);
    outcome.parameters = parameters(finished);
    outcome.answer = answer.hex();
    outcome.metrics = finished.iter().flat_map(Finished::metrics).collect();
    outcome.result = result(finished);
    outcome.story = story::lines(model, finished);
    outcome.meaning = story::meaning(model, finished);
    Ok(outcome)
}

impl Finished {
    /// Some variants may lose updates, but not with a single worker, and none
    /// can ever have more updates than were made.
    fn check(&self) -> Result<()> {
        let Plan { variant, workers, .. } = self.plan;
        let lost = self.lost()?;
        if variant.may_lose() && workers > 1 {
            return Ok(());
        }
        let expected = self.plan.reference();
        let wrong = (self.balances.iter().zip(&expected))
            .filter(|(balance, expected)| balance != expected)
            .count();
        ensure!(
            self.balances.len() == expected.len() && wrong == 0 && lost == 0,
            "{variant}: {wrong} of {} balances are wrong, {lost} updates lost",
            expected.len()
        );
        Ok(())
    }

    fn lost(&self) -> Result<u64> {
        let made = self.plan.updates();
        let counted = self.updates.unwrap_or(made);
        made.checked_sub(counted).ok_or_else(|| {
            anyhow!(
                "{}: {counted} updates counted, but only {made} made",
                self.plan.variant
            )
        })
    }

    /// The work, and the balances unless they differ from run to run.
    fn add_to(&self, answer: &mut Digest) {
        let Plan { variant, accounts, .. } = self.plan;
        answer.text(&variant.to_string());
        answer.count(accounts.into()).count(self.plan.updates());
        if !variant.may_lose() {
            answer.integers(&self.balances);
        }
    }

    fn metrics(&self) -> Vec<Metric> {
        let variant = self.plan.variant;
        let rate = self.plan.made() as f64 / self.laps.seconds().work;
        let name = "transfers";
        let rate = Metric::new(name, name, "op/s", Better::Higher, rate);
        // The speed of this meeting is not a rate of transfers.
        let mut metrics = match variant {
            Variant::Forced => Vec::new(),
            _ => vec![rate.of(variant)],
        };
        if let (Some(_), Ok(lost)) = (self.updates, self.lost()) {
            let share = lost as f64 / self.plan.updates() as f64;
            let (id, label) = ("lost-updates", "lost updates");
            let share = Metric::new(id, label, "share", Better::Neither, share);
            metrics.push(share.of(variant));
        }
        metrics
    }
}

fn parameters(finished: &[Finished]) -> Value {
    let transfers: serde_json::Map<String, Value> = finished
        .iter()
        .map(|one| (one.plan.variant.to_string(), json!(one.plan.transfers)))
        .collect();
    let Some(Finished { plan, .. }) = finished.first() else {
        return Value::Null;
    };
    json!({
        "workers": plan.workers,
        "seed": plan.seed,
        "accounts": plan.accounts,
        "switch_interval": plan.switch_interval.as_secs_f64(),
        "transfers": transfers,
    })
}

fn result(finished: &[Finished]) -> Value {
    let ledgers = finished.iter().map(|one| Ledger {
        variant: one.plan.variant.to_string(),
        transfers: one.plan.made(),
        total: one.balances.iter().sum(),
        lost_updates: one.lost().unwrap_or_default(),
    });
    json!(Summary {
        transfers: finished.iter().map(|one| one.plan.made()).sum(),
        ledgers: ledgers.collect(),
        global_write_visible: GLOBAL.load(Relaxed) != 0,
    })
}

/// The result of the outcome.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    /// Transfers of all variants.
    pub transfers: u64,
    /// One per variant.
    pub ledgers: Vec<Ledger>,
    /// Whether the starting process saw what a worker wrote to the global.
    pub global_write_visible: bool,
}

/// What one variant did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ledger {
    /// The variant's name.
    pub variant: String,
    /// Transfers made.
    pub transfers: u64,
    /// The sum of all balances.
    pub total: i64,
    /// Updates that were lost.
    pub lost_updates: u64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::tests::plans, *};

    proptest! {
        #[test]
        fn one_wrong_balance_is_refused(plan in plans(), at in any::<prop::sample::Index>()) {
            let mut balances = plan.reference();
            let finished = |balances| {
                let laps = Laps::none();
                Finished { plan, balances, updates: None, laps }
            };
            let right = outcome(Model::Threads, &[finished(balances.clone())]);
            prop_assert!(right.is_ok());
            let index = at.index(balances.len());
            balances[index] += 1;
            let wrong = outcome(Model::Threads, &[finished(balances)]);
            prop_assert!(wrong.is_err());
        }
    }
}
