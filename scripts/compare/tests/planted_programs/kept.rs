//! The file of samples: complete, and a document at every moment.

use std::{collections::BTreeSet, fs, fs::File};

use assert_cmd::Command;
use common::outcome::Model;
use serde_json::Value;

use crate::planted::{BOTH, COMPARE, LOOK, Stage, file_of, run, write_program};

#[test]
fn every_sample_is_kept_with_its_place() {
    let stage = Stage::with("matrix");
    run(&mut stage.compare(&["matrix"]));
    let document = stage.document();
    let samples = document["samples"].as_array().unwrap();
    let mut places = BTreeSet::new();
    for sample in samples {
        assert_eq!(sample["outcome"]["model"], sample["model"]);
        let place = ["pair", "slice", "part", "model", "workers"];
        assert!(sample["turn"].as_u64() > Some(0));
        places.insert(place.map(|key| sample[key].to_string()));
    }
    assert_eq!(places.len(), samples.len());
    // Two sides with one worker and with two, at least a slice each.
    for pair in 1..=LOOK {
        let of_this = samples.iter().filter(|it| it["pair"] == pair);
        let slices = of_this.count();
        assert!(slices >= 4 && slices.is_multiple_of(4), "{slices}");
    }
}

#[test]
fn the_file_tells_where_and_what_came_out() {
    let stage = Stage::with("shared-state");
    run(&mut stage.compare(&["shared-state"]));
    let document = stage.document();
    assert_eq!(document["schema"], 2);
    assert_eq!(document["command"][1], "--quick");
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
        r#"printf '{"outcome":'; sed 's/"answer"/\t"answer" /' "$outcome"
           echo '}'; continue"#,
    );
    run(&mut stage.compare(&["shared-state"]));
    let text = fs::read_to_string(stage.samples()).unwrap();
    let document = stage.document();
    let samples = document["samples"].as_array().unwrap().iter();
    let of_processes = samples.filter(|it| it["model"] == "processes");
    assert_eq!(text.matches("\t\"answer\" :").count(), of_processes.count());
}

/// Each program copies the file while it works.
#[test]
fn the_file_is_a_document_at_every_moment() {
    let stage = Stage::new();
    let lines = r#"cp "${0%/bin/*}/compare/samples.json" "$0.$pair.seen""#;
    let programs =
        BOTH.map(|model| stage.misbehave("shared-state", model, lines));
    run(&mut stage.compare(&["shared-state"]));
    for program in programs {
        for pair in 1..=LOOK {
            let seen = file_of(&program, &format!("{pair}.seen"));
            let text = fs::read_to_string(seen).unwrap();
            let document: Value = serde_json::from_str(&text).unwrap();
            let samples = document["samples"].as_array().unwrap();
            let last =
                samples.last().map_or(0, |it| it["pair"].as_u64().unwrap());
            assert_eq!(last as usize, pair - 1);
        }
    }
}

#[test]
fn an_older_and_longer_file_is_overwritten() {
    let stage = Stage::with("shared-state");
    fs::create_dir(stage.samples().parent().unwrap()).unwrap();
    fs::write(stage.samples(), "x".repeat(1 << 20)).unwrap();
    let lines = r#"cp "${0%/bin/*}/compare/samples.json" "$0.$pair.seen""#;
    let program = stage.misbehave("shared-state", Model::Threads, lines);
    run(&mut stage.compare(&["shared-state"]));
    let seen = fs::read_to_string(file_of(&program, "1.seen")).unwrap();
    assert!(serde_json::from_str::<Value>(&seen).is_ok());
    assert!(seen.len() < 1000, "{} bytes", seen.len());
    assert!(!stage.document()["samples"].as_array().unwrap().is_empty());
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
    assert!(result.stderr.contains("/dev/null: it is not a regular file"));
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
    assert!(result.stderr.contains("cannot write to"));
    let kept = stage.document()["samples"].as_array().unwrap().len();
    assert!(kept > 0, "{kept} samples");
}
