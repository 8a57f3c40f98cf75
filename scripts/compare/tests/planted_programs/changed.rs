//! Two files of samples, side by side.

use std::{fs, path::PathBuf};

use assert_cmd::Command;
use common::outcome::{Better, Metric, Model};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use crate::planted::{Asked, BOTH, COMPARE, Result, Stage, run, squeezed};

/// A file of samples of planted programs, both sides altered alike.
fn measured(stage: &Stage, name: &str, alter: impl Fn(&mut Asked)) -> PathBuf {
    for model in BOTH {
        stage.plant("shared-state", model, &alter);
    }
    let file = stage.programs().join(name);
    let mut command = stage.compare(&["shared-state"]);
    let result = run(command.arg("--json").arg(&file));
    assert_eq!(result.code, Some(0), "{}{}", result.stdout, result.stderr);
    file
}

/// The usual outcome, then the altered one.
fn compared(alter: impl Fn(&mut Asked)) -> Result {
    let stage = Stage::new();
    let old = measured(&stage, "old.json", |_| {});
    restart(&stage);
    let new = measured(&stage, "new.json", alter);
    against(&[old, new])
}

/// Lets the planted programs begin with their first pair again.
fn restart(stage: &Stage) {
    for model in BOTH {
        let pairs = format!("shared-state-{model}.pairs");
        fs::remove_file(stage.programs().join(pairs)).unwrap();
    }
}

fn against(files: &[PathBuf]) -> Result {
    let mut command = Command::new(COMPARE);
    run(command.arg("--compare-with").args(files))
}

/// The same, after a change to the new file.
fn edited(change: impl Fn(&mut Value)) -> Result {
    let stage = Stage::new();
    let old = measured(&stage, "old.json", |_| {});
    let text = fs::read_to_string(&old).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    change(&mut document);
    let new = stage.programs().join("new.json");
    fs::write(&new, document.to_string()).unwrap();
    against(&[old, new])
}

#[test]
fn a_file_against_itself_did_not_change() {
    let result = edited(|_| {});
    assert_eq!(result.code, Some(0), "{}", result.stdout);
    let page = squeezed(&result.stdout);
    assert!(page.contains(
        "threads: transfers, lock 19.0 Mop/s 19.0 Mop/s no clear difference \
         [1.00, 1.00]"
    ));
    assert_eq!(page.matches("no clear difference").count(), 8);
    assert!(page.contains("Worse: 0 rows. Not comparable: 0 scenarios."));
    assert!(!page.contains("DIFFERENT MACHINES"));
    assert!(!page.contains("Exit status"));
}

#[test]
fn what_got_slower_is_named_and_fails() {
    let result = compared(|asked| {
        asked.outcome.laps.work *= 1.25;
        asked.scale(0, 1.0 / 1.25);
        asked.scale_memory(2.0);
    });
    assert_eq!(result.code, Some(1), "{}", result.stdout);
    let page = squeezed(&result.stdout);
    for row in [
        "processes: total 802 ms 1.00 s 1.25× slower now [1.25, 1.25]",
        "processes: transfers, lock 19.0 Mop/s 15.2 Mop/s 1.25× slower now",
        "threads: memory 8.40 MB 16.8 MB 2.0× larger now [2.0, 2.0]",
        "Worse: 6 rows. Not comparable: 0 scenarios. Exit status 1.",
    ] {
        assert!(page.contains(row), "no {row} in\n{}", result.stdout);
    }
}

#[test]
fn what_got_faster_is_named_and_does_not_fail() {
    let result = compared(|asked| {
        asked.outcome.laps.work /= 1.25;
        asked.scale(0, 1.25);
        asked.scale_memory(0.5);
    });
    assert_eq!(result.code, Some(0), "{}", result.stdout);
    let page = squeezed(&result.stdout);
    assert!(page.contains("threads: total 802 ms 642 ms 1.25× faster now"));
    assert!(page.contains("2.0× smaller now"));
    assert!(
        page.contains("transfers, lock 19.0 Mop/s 23.8 Mop/s 1.25× faster")
    );
}

#[test]
fn noise_is_no_change() {
    let result = compared(|asked| {
        let factors = [1.0, 0.7, 1.6, 0.9, 1.3, 1.0, 1.1];
        asked.outcome.laps.work *= factors[asked.pair % factors.len()];
    });
    assert_eq!(result.code, Some(0), "{}", result.stdout);
    assert_eq!(result.stdout.matches("too noisy to tell").count(), 2);
}

#[test]
fn figures_are_paired_by_the_number_of_their_pair() {
    let drift = |asked: &mut Asked| {
        asked.outcome.laps.work *= 1.0 + asked.pair as f64;
    };
    let stage = Stage::new();
    let old = measured(&stage, "old.json", drift);
    let text = fs::read_to_string(&old).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["samples"].as_array_mut().unwrap().reverse();
    let new = stage.programs().join("new.json");
    fs::write(&new, document.to_string()).unwrap();
    let page = squeezed(&against(&[old, new]).stdout);
    assert!(page.contains("1.60 s 1.60 s") || page.contains("[1.00, 1.00]"));
    assert!(!page.contains("too noisy"), "{page}");
}

#[test]
fn too_few_pairs_in_common_tell_nothing() {
    let result = edited(|document| {
        let samples = document["samples"].as_array_mut().unwrap();
        samples.retain(|sample| sample["pair"].as_u64().unwrap() < 8);
    });
    let page = squeezed(&result.stdout);
    assert_eq!(page.matches("too noisy to tell [0.00, ∞]").count(), 8);
    assert_eq!(result.code, Some(0));
}

#[test]
fn other_work_is_refused_in_words() {
    for (path, value, words) in [
        ("/parameters/seed", json!(2), "the parameters of threads, lock, was"),
        ("/parameters/workers", json!(4), "\"workers\":4"),
        (
            "/answer",
            json!("0000"),
            "the answer of threads, lock, was 9f3c1234aa",
        ),
        ("/machine/profile", json!("debug"), "was release and is now debug"),
    ] {
        let result = edited(|document| {
            for sample in document["samples"].as_array_mut().unwrap() {
                *sample["outcome"].pointer_mut(path).unwrap() = value.clone();
            }
        });
        assert_eq!(result.code, Some(1), "{path}: {}", result.stdout);
        let page = squeezed(&result.stdout);
        assert!(page.contains("not the same work: "), "{path}: {page}");
        let joined = page.replace(' ', "");
        assert!(joined.contains(&words.replace(' ', "")), "{path}: {page}");
        assert!(page.contains("Not comparable: 1 scenario."), "{page}");
        assert!(!page.contains("no clear difference"), "{page}");
    }
}

#[test]
fn a_quick_run_is_not_compared_with_a_whole_one() {
    let result = edited(|document| document["command"] = json!([]));
    assert_eq!(result.code, Some(1));
    assert!(result.stderr.contains("only one of the two files"));
    assert_eq!(result.stdout, "");
}

#[test]
fn another_machine_is_named_at_the_top() {
    let result = edited(|document| document["machine"]["cpu"] = "Z80".into());
    assert_eq!(result.code, Some(0));
    let page = &result.stdout;
    let named = page.find("DIFFERENT MACHINES").unwrap();
    assert!(named < page.find("\nshared-state\n").unwrap(), "{page}");
}

#[test]
fn what_only_one_file_has_is_said() {
    let row = compared(|asked| {
        let wait = Metric::new("wait", "wait", "s", Better::Lower, 1e-3);
        asked.outcome.metrics[1] = wait;
    });
    let page = squeezed(&row.stdout);
    assert!(page.contains("threads: wait 1.00 ms only in the new file"));
    assert!(
        page.contains("threads: transfers, atomic 140 Mop/s only in the old")
    );
    assert_eq!(row.code, Some(0), "{page}");
}

#[test]
fn a_scenario_of_one_file_is_said_and_none_in_common_is_an_error() {
    let stage = Stage::with("crash");
    let old = measured(&stage, "old.json", |_| {});
    restart(&stage);
    let new = stage.programs().join("new.json");
    let mut command = stage.compare(&["shared-state", "crash"]);
    run(command.arg("--json").arg(&new));
    let result = against(&[old.clone(), new]);
    assert_eq!(result.code, Some(0), "{}", result.stderr);
    assert!(result.stdout.contains("only in the new file"));

    let crash = Stage::with("crash");
    let alone = crash.programs().join("alone.json");
    run(crash.compare(&["crash"]).arg("--json").arg(&alone));
    let result = against(&[old, alone]);
    assert_eq!(result.code, Some(1));
    assert!(result.stderr.contains("no scenario is in both files"));
}

#[test]
fn a_scenario_that_was_refused_is_not_compared() {
    let result = edited(|document| {
        document["refusals"] = json!([{
            "scenario": "shared-state", "model": "processes", "slice": null,
            "reason": "exit status 1", "stderr": "",
        }]);
    });
    assert_eq!(result.code, Some(1));
    assert!(result.stdout.contains("it was refused in the new file"));
}

#[test]
fn the_new_file_is_by_default_where_samples_are_kept() {
    let stage = Stage::new();
    let old = measured(&stage, "old.json", |_| {});
    restart(&stage);
    run(&mut stage.compare(&["shared-state"]));
    let mut command = Command::new(COMPARE);
    command.arg("--programs").arg(stage.programs());
    let result = run(command.arg("--compare-with").arg(&old));
    assert_eq!(result.code, Some(0), "{}", result.stderr);
    fs::remove_file(stage.samples()).unwrap();
    let mut command = Command::new(COMPARE);
    command.arg("--programs").arg(stage.programs());
    let result = run(command.arg("--compare-with").arg(&old));
    assert_eq!(result.code, Some(1));
    assert!(result.stderr.contains("no results in"), "{}", result.stderr);
}

#[test]
fn what_would_measure_is_bad_usage_beside_it() {
    for other in ["--quick", "--budget=6", "--seed=1", "--scenario=ipc"] {
        let mut command = Command::new(COMPARE);
        command.args(["--compare-with", "a.json", "b.json", other]);
        assert_eq!(run(&mut command).code, Some(2), "{other}");
    }
}

#[test]
fn no_line_of_two_files_is_wider_than_a_hundred_columns() {
    let result = edited(|document| {
        let command = [&["--quick"][..], &["--scenario"; 30]].concat();
        document["command"] = json!(command);
        for sample in document["samples"].as_array_mut().unwrap() {
            sample["outcome"]["parameters"]["long"] = json!("x".repeat(300));
        }
    });
    for line in result.stdout.lines() {
        assert!(line.width() <= 100, "{} columns: {line}", line.width());
        assert_eq!(line.trim_end(), line, "white space at the end");
    }
    let side = format!("of {}", Model::Threads);
    assert!(squeezed(&result.stdout).contains(&side));
}
