//! One answer, whoever works on it, and never more at work than there are.

use crate::{
    crews::{SEEDS, WORKERS},
    running::{figure, run},
    support::MODELS,
};

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

/// Whether the kernels are under the lock or not: only time depends on it.
#[test]
fn a_global_lock_changes_no_answer() {
    let arguments = "--rows 80 --columns 12 --workers 3 --global-lock";
    let mut answers = Vec::new();
    for how in ["off", "held", "released"] {
        for model in MODELS {
            let found = run("matrix", model, &format!("{arguments} {how}"));
            let gil = &found.parameters["gil"];
            assert_eq!(gil.is_null(), how == "off", "{gil}");
            answers.push((found.answer, without_times(found.result)));
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

fn without_times(mut result: serde_json::Value) -> serde_json::Value {
    for database in result.as_array_mut().unwrap() {
        database.as_object_mut().unwrap().remove("timeline");
    }
    result
}

/// The clock starts before the gate opens, however busy the cores are: or a
/// short job would seem to be done by more workers than there are.
#[test]
fn no_more_is_done_at_once_than_there_are_workers() {
    for model in MODELS {
        for workers in WORKERS {
            let arguments = format!("--rows 4 --columns 2 --workers {workers}");
            let found = run("matrix", model, &arguments);
            let used = figure(&found, "cores-used");
            assert!(used <= workers as f64, "{model}: {used}");
            for database in found.result.as_array().unwrap() {
                let end = database["timeline"]["transform"][1].as_f64();
                assert!(end.unwrap() <= found.laps.work, "{model}");
            }
        }
    }
}
