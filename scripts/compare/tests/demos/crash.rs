//! Deaths: who survives them, and what is lost.

use common::{digest::Digest, outcome::Model, scenarios::crash};

use crate::{crews::every_seed_and_crew, running::run, support::MODELS};

/// Whoever dies in whatever way: in the end every transfer was made once.
#[test]
fn every_ledger_is_whole_after_every_death() {
    for (seed, workers) in every_seed_and_crew() {
        let arguments = format!(
            "--transfers 60 --deaths 1 --workers {workers} --seed {seed}"
        );
        let expected = answer_without_a_death(60, workers, seed);
        for model in MODELS {
            let found = run("crash", model, &arguments);
            assert_eq!(found.answer, expected, "{model}: {arguments}");
        }
    }
}

const CAUSES: [crash::DeathCause; 6] = [
    crash::DeathCause::Panic,
    crash::DeathCause::Exit,
    crash::DeathCause::Abort,
    crash::DeathCause::Segfault,
    crash::DeathCause::StackOverflow,
    crash::DeathCause::MemoryLimit,
];

/// The answer by the plainest of ways: one transfer after the other, by
/// somebody who lives.
fn answer_without_a_death(transfers: u32, workers: usize, seed: u64) -> String {
    let (cause, hold, death) = (CAUSES[0], crash::Hold::Lock, 0);
    let plan = crash::Plan { cause, hold, death, transfers, workers, seed };
    let mut balances = [100_000; crash::Ledger::ACCOUNTS];
    for worker in 0..workers {
        for (_, transfer) in plan.transfers(worker, 0) {
            balances[transfer.from as usize] -= i64::from(transfer.amount);
            balances[transfer.to as usize] += i64::from(transfer.amount);
        }
    }
    let mut digest = Digest::new();
    for cause in CAUSES {
        for hold in crash::Hold::ALL {
            digest.text(&cause.to_string()).text(&hold.to_string());
            digest.count(u64::from(transfers) * workers as u64);
            digest.integers(&balances);
        }
    }
    digest.hex()
}

/// How a process ends that dies in each way, as the kernel has it.
const ENDS: [(&str, &[&str]); 6] = [
    ("panic", &["exit status: 101"]),
    ("exit", &["exit status: 42"]),
    ("abort", &["signal: 6 (SIGABRT)"]),
    ("segfault", &["signal: 11 (SIGSEGV)"]),
    ("stack-overflow", &["signal: 6 (SIGABRT)", "signal: 11 (SIGSEGV)"]),
    ("memory-limit", &["signal: 6 (SIGABRT)"]),
];

/// Claim C30: one worker's death leaves the others standing, if they are
/// processes. Of threads it does if it is a panic.
#[test]
fn who_survives_depends_on_who_shares_a_process() {
    for model in MODELS {
        let found = run("crash", model, "--workers 3 --deaths 2 --quick");
        let rows = found.result.as_array().unwrap();
        assert_eq!(rows.len(), 6 * 4 * 2);
        for row in rows {
            let way = row["way"].as_str().unwrap();
            let is_plain = row["hold"] == "plain-lock";
            let is_panic = way == "panic" && model == Model::Threads;
            let lives_on = is_panic || model == Model::Processes;
            let spared = if lives_on && !is_plain { 2 } else { 0 };
            assert_eq!(row["survivors"], spared, "{model}: {row}");
            assert_eq!(row["hung"], lives_on && is_plain, "{model}: {row}");
            let (_, ends) = ENDS.iter().find(|(name, _)| *name == way).unwrap();
            match row["death"].as_str() {
                Some(end) => assert!(ends.contains(&end), "{model}: {row}"),
                None => assert!(is_panic, "{model}: {row}"),
            }
        }
    }
}

/// Only silence after the lock was lost is a hang, and no work is too long.
#[test]
fn nobody_is_said_to_hang_who_works() {
    for model in MODELS {
        let arguments = "--transfers 30000 --workers 4 --deaths 1";
        for way in ["panic", "abort"] {
            let arguments = format!("--variant {way} {arguments}");
            let found = run("crash", model, &arguments);
            assert_eq!(found.result.as_array().unwrap().len(), 4);
        }
    }
}

/// A survivor goes on with the ledger that there is. Where nobody survived,
/// all that was made by then is made again.
#[test]
fn what_is_lost_depends_on_who_survives() {
    for model in MODELS {
        let found = run("crash", model, "--workers 2 --transfers 400");
        for row in found.result.as_array().unwrap() {
            let half_made = u64::from(row["hold"] == "lock");
            let lost = row["lost"].as_u64().unwrap();
            if row["survivors"] == 1 {
                assert_eq!(lost, half_made, "{row}");
            } else {
                // The victim alone has made an eighth of its own by then.
                assert!((50..=800).contains(&lost), "{row}");
            }
            assert_eq!(row["repairs"] == 1, lost == 1, "{model}: {row}");
            assert_eq!((row["transfers"].as_u64()), Some(800), "{row}");
            assert_eq!(row["total"], 1_600_000, "{row}");
        }
    }
}
