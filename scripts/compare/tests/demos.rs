//! Every variant of every demo, on both sides, against the serial reference:
//! over several seeds, with fewer workers than cores and with more.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use common::{
    digest::Digest,
    outcome::{Model, Outcome},
    scenarios::{
        ALL, Scenario,
        shared_state::{Plan, Variant},
    },
};
use support::{MODELS, demo, outcome, workspace};

const SEEDS: [u64; 3] = [1, 2, 2026];
const WORKERS: [usize; 5] = [1, 2, 3, 4, 8];

fn scenario(name: &str) -> &'static Scenario {
    ALL.iter().find(|scenario| scenario.name == name).unwrap()
}

/// Runs one demo with the arguments, which are parted by blanks.
fn run(name: &str, model: Model, arguments: &str) -> Outcome {
    outcome(demo(scenario(name), model).args(arguments.split(' ')))
}

#[test]
fn every_ledger_is_as_the_serial_reference_has_it() {
    const VARIANTS: [(&str, Variant); 5] = [
        ("lock", Variant::Lock),
        ("lock-per-account", Variant::LockPerAccount),
        ("atomic", Variant::Atomic),
        ("owner", Variant::Owner),
        ("partition", Variant::Partition),
    ];
    let (accounts, transfers) = (16, 3000);
    for (name, variant) in VARIANTS {
        for (seed, workers) in every_seed_and_crew() {
            let plan = Plan { variant, accounts, transfers, workers, seed };
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

fn every_seed_and_crew() -> impl Iterator<Item = (u64, usize)> {
    let crews = |seed| WORKERS.map(|workers| (seed, workers));
    SEEDS.into_iter().flat_map(crews)
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
        let found = run("shared-state", model, "--variant racy --workers 1");
        assert_eq!(found.result["ledgers"][0]["lost_updates"], 0);
    }
}

/// With two accounts and workers that run long enough to overlap, on one
/// core or on many, some update is lost in every run worth the name.
#[test]
fn together_they_lose_updates_and_count_them() {
    let arguments = "--variant racy --accounts 2 --workers 8";
    for model in MODELS {
        let found = run("shared-state", model, arguments);
        let lost = found.result["ledgers"][0]["lost_updates"].as_u64();
        assert!(lost.unwrap() > 0, "{model}");
    }
}

/// Claim C01.
#[test]
fn only_threads_share_a_plain_global() {
    for (model, is_visible) in
        [(Model::Threads, true), (Model::Processes, false)]
    {
        for variant in ["lock", "partition"] {
            let arguments = format!("--variant {variant} --transfers 10");
            let found = run("shared-state", model, &arguments);
            assert_eq!(found.result["global_write_visible"], is_visible);
        }
    }
}

#[test]
fn every_matrix_has_one_answer_whoever_works_on_it() {
    for seed in SEEDS {
        let mut answers = Vec::new();
        for workers in WORKERS {
            for model in MODELS {
                let arguments = format!(
                    "--rows 80 --columns 12 --workers {workers} --seed {seed}"
                );
                let found = run("matrix", model, &arguments);
                assert_eq!(found.result.as_array().unwrap().len(), 6);
                answers.push((found.answer, without_times(found.result)));
            }
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "seed {seed}");
    }
}

fn without_times(mut result: serde_json::Value) -> serde_json::Value {
    for database in result.as_array_mut().unwrap() {
        database.as_object_mut().unwrap().remove("timeline");
    }
    result
}

#[test]
fn seeds_and_sizes_make_a_difference() {
    for (name, one, other) in [
        ("shared-state", "--variant lock --transfers 50", "--seed 2"),
        ("shared-state", "--variant lock --transfers 50", "--accounts 9"),
        ("matrix", "--rows 80 --columns 12", "--seed 2"),
    ] {
        let other = format!("{one} {other}");
        let [one, other] = [one, &other]
            .map(|arguments| run(name, Model::Threads, arguments).answer);
        assert_ne!(one, other);
    }
}

#[test]
fn what_cannot_be_understood_is_bad_usage() {
    for (name, arguments, reason) in [
        ("shared-state", "--workers 0", "from 1 to 1024"),
        ("shared-state", "--workers two", "'two'"),
        ("shared-state", "--accounts 1", "1 is not in 2..=1048576"),
        ("shared-state", "--transfers 0", "--transfers"),
        ("shared-state", "--variant fastest", "lock-per-account"),
        ("shared-state", "--seed -1", "-1"),
        ("matrix", "--columns 0", "--columns"),
        ("matrix", "--rows 5 file", "'file'"),
        ("matrix", "--variant lock", "--variant"),
    ] {
        for model in MODELS {
            let text = refusal(name, model, arguments, 2);
            assert!(text.contains(reason), "{arguments}: {text}");
        }
    }
}

#[test]
fn what_cannot_be_done_is_an_error_that_names_it() {
    let text = workspace().join("README.md");
    let text = text.to_str().unwrap();
    for (arguments, reason) in [
        ("--database nowhere.sqlite".to_owned(), "nowhere.sqlite"),
        (format!("--database {text}"), "README.md"),
    ] {
        for model in MODELS {
            let found = refusal("matrix", model, &arguments, 1);
            assert!(found.starts_with("error: "), "{found}");
            assert!(found.contains(reason), "{found}");
        }
    }
}

/// The text of an error of the expected status, with nothing on stdout.
fn refusal(name: &str, model: Model, arguments: &str, status: i32) -> String {
    let mut demo = demo(scenario(name), model);
    let output = demo.args(arguments.split(' ')).output().unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_person_gets_a_story_that_fits_the_screen() {
    for (name, arguments) in [
        ("shared-state", "--transfers 1000"),
        ("matrix", "--rows 80 --columns 12"),
    ] {
        for model in MODELS {
            let mut demo = demo(scenario(name), model);
            let output = demo.args(arguments.split(' ')).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.starts_with(&format!("{name}, {model}\n")));
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(longest.unwrap() <= 80, "{text}");
        }
    }
}

#[test]
fn variants_are_listed() {
    for model in MODELS {
        let mut demo = demo(scenario("shared-state"), model);
        let output = demo.arg("--list-variants").output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            "racy\nlock\nlock-per-account\natomic\nowner\npartition\n"
        );
    }
}

/// Whatever is measured on a processor by one side is by the other.
#[test]
fn siblings_report_the_same_figures() {
    for (name, arguments) in [
        ("shared-state", "--transfers 1000"),
        ("matrix", "--rows 80 --columns 12"),
    ] {
        let [threads, processes] = MODELS.map(|model| {
            let found = run(name, model, arguments);
            assert!(found.laps.start > 0.0 && found.laps.work > 0.0);
            assert!(found.resources.peak_proportional_memory > 1 << 16);
            let metrics = found.metrics.into_iter();
            let names = metrics.map(|one| (one.name, one.variant, one.unit));
            (names.collect::<Vec<_>>(), found.parameters, found.machine)
        });
        assert_eq!(threads, processes);
    }
}

/// The clock starts before the gate opens, however busy the cores are: or a
/// short job would seem to be done by more workers than there are.
#[test]
fn no_more_is_done_at_once_than_there_are_workers() {
    for model in MODELS {
        for workers in WORKERS {
            let arguments = format!("--rows 4 --columns 2 --workers {workers}");
            let found = run("matrix", model, &arguments);
            let mut metrics = found.metrics.iter();
            let used = metrics.find(|one| one.name == "cores used").unwrap();
            assert!(used.value <= workers as f64, "{model}: {used:?}");
            for database in found.result.as_array().unwrap() {
                let end = database["timeline"]["transform"][1].as_f64();
                assert!(end.unwrap() <= found.laps.work, "{model}");
            }
        }
    }
}
