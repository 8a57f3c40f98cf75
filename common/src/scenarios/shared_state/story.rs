//! The text for a person: what the workers did, and what it means.

use std::sync::atomic::Ordering::Relaxed;

use super::{Finished, GLOBAL, Plan};
use crate::outcome::Model;

/// What happened.
pub(super) fn lines(model: Model, finished: &[Finished]) -> Vec<String> {
    let seen = if GLOBAL.load(Relaxed) != 0 { "sees" } else { "never sees" };
    let mut story = vec![format!(
        "A worker wrote to a plain global; the process that started it {seen} \
         that."
    )];
    for Finished { plan, .. } in finished.iter().take(1) {
        let Plan { accounts, workers, .. } = plan;
        story.push(format!(
            "{workers} {model} move money between {accounts} accounts; each \
             transfer is two updates."
        ));
    }
    story
}

/// What it means.
pub(super) fn meaning(model: Model, finished: &[Finished]) -> String {
    let kept =
        finished.iter().filter(|one| !one.plan.variant.may_lose()).map(|one| {
            let rate = one.plan.made() as f64 / one.laps.seconds().work;
            (one.plan.variant, rate)
        });
    match kept.clone().max_by(|one, other| one.1.total_cmp(&other.1)) {
        Some((fastest, _)) => format!(
            "With {model}, every balance matches the serial reference in {} \
             of {} variants;\nthe fastest of them was `{fastest}`.",
            kept.count(),
            finished.len()
        ),
        None => "A load and a store are two steps, and another worker can \
                 run between them."
            .into(),
    }
}
