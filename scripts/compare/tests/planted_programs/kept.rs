//! The file of samples: complete, and a document at every moment.

use std::{fs, fs::File};

use assert_cmd::Command;
use common::outcome::Model;
use serde_json::Value;

use crate::planted::{BOTH, COMPARE, Stage, file_of, run, write_program};

#[test]
fn every_sample_is_kept_with_its_place_in_the_order() {
    let stage = Stage::with("matrix");
    run(&mut stage.compare(&["matrix"]));
    let document = stage.document();
    let samples = document["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 2 + 6 * 4);
    let order: Vec<String> = samples[..10]
        .iter()
        .map(|sample| {
            let (model, round) = (&sample["model"], &sample["round"]);
            let (workers, wall) = (&sample["workers"], &sample["wall"]);
            assert!(wall.as_f64().unwrap() > 0.0);
            assert_eq!(sample["outcome"]["model"], *model);
            let side = &model.as_str().unwrap()[..1];
            format!("{round}{side}{workers}")
        })
        .collect();
    assert_eq!(order.join(" "), "0t2 0p2 1t1 1p1 1t2 1p2 2p2 2t2 2p1 2t1");
}

#[test]
fn the_file_tells_where_and_what_came_out() {
    let stage = Stage::with("shared-state");
    run(&mut stage.compare(&["shared-state"]));
    let document = stage.document();
    assert_eq!(document["schema"], 1);
    assert_eq!(document["command"][1], "--rounds");
    assert!(document["machine"]["cores"].as_u64().unwrap() > 0);
    let date = document["date"].as_str().unwrap();
    assert!(humantime::parse_rfc3339(date).is_ok(), "{date}");
    let total = &document["verdicts"][0];
    assert_eq!(total["id"], "total");
    assert_eq!(total["ratio"]["median"], 1.0);
    assert_eq!(total["finding"], "no_clear_difference");
    assert_eq!(total["words"], "no clear difference [1.00, 1.00]");
    assert_eq!(document["refusals"], Value::Array(Vec::new()));
}

#[test]
fn an_outcome_is_kept_to_the_byte() {
    let stage = Stage::with("shared-state");
    stage.misbehave(
        "shared-state",
        Model::Processes,
        r#"sed 's/"answer"/\n\t"answer" /' "$outcome"; exit"#,
    );
    run(&mut stage.compare(&["shared-state"]));
    let text = fs::read_to_string(stage.samples()).unwrap();
    assert_eq!(text.matches("\n\t\"answer\" :").count(), 7);
}

/// Each program copies the file while it runs.
#[test]
fn the_file_is_a_document_at_every_moment() {
    let stage = Stage::new();
    let lines = r#"cp "${0%/bin/*}/compare/samples.json" "$0.$run.seen""#;
    let programs =
        BOTH.map(|model| stage.misbehave("shared-state", model, lines));
    run(&mut stage.compare(&["shared-state"]));
    let mut counts = Vec::new();
    for program in programs {
        for run in 0..7 {
            let seen = file_of(&program, &format!("{run}.seen"));
            let text = fs::read_to_string(seen).unwrap();
            let document: Value = serde_json::from_str(&text).unwrap();
            counts.push(document["samples"].as_array().unwrap().len());
        }
    }
    counts.sort();
    assert_eq!(counts, (0..14).collect::<Vec<_>>());
}

#[test]
fn an_older_and_longer_file_is_overwritten() {
    let stage = Stage::with("shared-state");
    fs::create_dir(stage.samples().parent().unwrap()).unwrap();
    fs::write(stage.samples(), "x".repeat(1 << 20)).unwrap();
    let lines = r#"cp "${0%/bin/*}/compare/samples.json" "$0.$run.seen""#;
    let program = stage.misbehave("shared-state", Model::Threads, lines);
    run(&mut stage.compare(&["shared-state"]));
    let seen = fs::read_to_string(file_of(&program, "0.seen")).unwrap();
    assert!(serde_json::from_str::<Value>(&seen).is_ok());
    assert!(seen.len() < 1000, "{} bytes", seen.len());
    assert_eq!(stage.document()["samples"].as_array().unwrap().len(), 14);
}

#[test]
fn a_file_of_ones_own_is_used() {
    let stage = Stage::with("shared-state");
    let mut command = stage.compare(&["shared-state"]);
    let file = stage.programs().join("new folder").join("mine.json");
    run(command.arg("--json").arg(&file));
    let text = fs::read_to_string(file).unwrap();
    assert!(serde_json::from_str::<Value>(&text).is_ok());
    assert!(!stage.samples().exists());
}

#[test]
fn two_comparisons_do_not_write_to_one_file() {
    let stage = Stage::with("shared-state");
    let path = stage.programs().join("samples.json");
    let file = File::create(&path).unwrap();
    file.lock().unwrap();
    let mut command = stage.compare(&["shared-state"]);
    let result = run(command.arg("--json").arg(&path));
    assert_eq!(result.code, Some(1));
    assert!(result.stderr.contains("another comparison is writing to it"));
}

#[test]
fn a_device_is_left_alone() {
    let stage = Stage::with("shared-state");
    let mut command = stage.compare(&["shared-state"]);
    let result = run(command.args(["--json", "/dev/null"]));
    assert_eq!(result.code, Some(1));
    assert!(result.stderr.contains("/dev/null: it is no regular file"));
}

/// The limit on a file's size stands for a full disk: the kernel takes the
/// first half of a sample, and refuses the rest.
#[test]
fn a_full_disk_ends_the_comparison_and_loses_no_sample() {
    let stage = Stage::with("shared-state");
    let limited = stage.programs().join("limited");
    write_program(
        &limited,
        "#!/bin/sh\nulimit -f 8\ntrap '' XFSZ\nexec \"$@\"\n",
    );
    let mut command = Command::new(limited);
    command.arg(COMPARE).args(stage.arguments(2, &["shared-state"]));
    let result = run(&mut command);
    assert_eq!(result.code, Some(1));
    assert!(result.stderr.contains("cannot take one more sample"));
    let kept = stage.document()["samples"].as_array().unwrap().len();
    assert!(kept > 0 && kept < 14, "{kept} samples");
}
