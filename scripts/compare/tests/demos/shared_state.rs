//! One ledger: whole where it must be, and what is lost where it need not be.

use std::time::{Duration, Instant};

use common::{
    digest::Digest,
    outcome::Model,
    scenarios::shared_state::{Plan, Variant},
};

use crate::{
    crews::every_seed_and_crew,
    running::{DEADLINE, run},
    support::MODELS,
};

#[test]
fn every_ledger_is_as_the_serial_reference_has_it() {
    const VARIANTS: [(&str, Variant); 6] = [
        ("lock", Variant::Lock),
        ("lock-per-account", Variant::LockPerAccount),
        ("atomic", Variant::Atomic),
        ("owner", Variant::Owner),
        ("partition", Variant::Partition),
        ("by-hand", Variant::ByHand),
    ];
    let (accounts, transfers) = (16, 3000);
    for (name, variant) in VARIANTS {
        for (seed, workers) in every_seed_and_crew() {
            let switch_interval = Duration::from_millis(5);
            let plan = Plan {
                variant,
                accounts,
                transfers,
                workers,
                seed,
                switch_interval,
            };
            let expected = answer(name, &plan);
            for model in MODELS {
                let arguments = format!(
                    "--variant {name} --accounts {accounts} \
                     --transfers {transfers} --workers {workers} --seed {seed}"
                );
                let found = run("shared-state", model, &arguments);
                assert_eq!(found.answer, expected, "{model}: {arguments}");
            }
        }
    }
}

/// The answer by the plainest of ways: one transfer after the other.
fn answer(name: &str, plan: &Plan) -> String {
    let mut balances = plan.opening();
    for worker in 0..plan.workers {
        for transfer in plan.transfers(worker).iter() {
            balances[transfer.from as usize] -= i64::from(transfer.amount);
            balances[transfer.to as usize] += i64::from(transfer.amount);
        }
    }
    let updates = 2 * plan.transfers * plan.workers as u64;
    let mut digest = Digest::new();
    digest.text(name).count(plan.accounts.into()).count(updates);
    digest.integers(&balances).hex()
}

#[test]
fn alone_nobody_races() {
    for model in MODELS {
        for variant in ["racy", "global-lock"] {
            let arguments = format!("--variant {variant} --workers 1");
            let found = run("shared-state", model, &arguments);
            assert_eq!(found.result["ledgers"][0]["lost_updates"], 0);
        }
    }
}

/// With two accounts and several workers, some update is lost sooner or later,
/// on one core or on many: when, nobody can say.
#[test]
fn together_they_lose_updates_and_count_them() {
    for model in MODELS {
        until_one_is_lost(model, "--variant racy --accounts 2 --workers 8");
    }
}

/// Claim C22: one runs at a time, among threads; and one that stores what it
/// has loaded in an earlier turn takes back what was stored in between.
#[test]
fn under_a_global_lock_they_lose_updates_all_the_same() {
    let arguments = "--variant global-lock --accounts 2 --workers 4 \
                     --switch-interval 1ms";
    for model in MODELS {
        until_one_is_lost(model, arguments);
    }
}

fn until_one_is_lost(model: Model, arguments: &str) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found = run("shared-state", model, arguments);
        let lost = found.result["ledgers"][0]["lost_updates"].as_u64();
        if lost.unwrap() > 0 {
            return;
        }
        let is_time = Instant::now() < deadline;
        assert!(is_time, "{model} {arguments}: nothing is ever lost");
    }
}

/// Claim C01.
#[test]
fn only_threads_share_a_plain_global() {
    for (model, is_visible) in
        [(Model::Threads, true), (Model::Processes, false)]
    {
        for variant in ["lock", "partition", "by-hand"] {
            let arguments = format!("--variant {variant} --transfers 10");
            let found = run("shared-state", model, &arguments);
            assert_eq!(found.result["global_write_visible"], is_visible);
        }
    }
}
