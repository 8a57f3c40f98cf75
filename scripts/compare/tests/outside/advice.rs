//! `--advise` and `--readme` from the door.

use assert_cmd::Command;

fn compare(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
    let output = command.args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn without_results_there_is_no_advice() {
    for door in ["--advise", "--readme"] {
        let (done, text) = compare(&[door, "--json", "/nowhere/at.json"]);
        assert!(!done, "{text}");
        assert!(text.contains("run scripts/compare.sh first"), "{text}");
        assert!(text.contains("/nowhere/at.json"), "{text}");
    }
}

#[test]
fn a_flag_that_would_mean_nothing_is_refused() {
    for more in [
        ["--budget", "9"],
        ["--seed", "1"],
        ["--scenario", "ipc"],
        ["--readme", "--readme"],
    ] {
        let [flag, value] = more;
        let (done, text) = compare(&["--advise", flag, value]);
        assert!(!done && text.contains("cannot be used"), "{more:?}: {text}");
    }
    let (done, text) = compare(&["--from-python", "yes"]);
    assert!(!done && text.contains("--advise"), "{text}");
}

/// A file of another machine, with no samples.
#[test]
fn results_from_elsewhere_are_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samples.json");
    let machine = serde_json::json!({
        "cpu": "Z80", "cores": 1, "kernel": "CP/M", "rustc": "none",
        "profile": "release",
    });
    let document = serde_json::json!({
        "schema": 2, "command": [], "date": "1976-07-01T00:00:00Z",
        "machine": machine, "budget": 1.0, "workers": 1, "samples": [],
    });
    std::fs::write(&file, document.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let (done, text) = compare(&["--advise", "--json", file]);
    assert!(done && text.starts_with("Use threads."), "{text}");
    assert!(text.contains("ANOTHER MACHINE (to measure here: "), "{text}");
    assert!(text.contains("Z80, 1 core, 1976-07-01"), "{text}");
    assert!(text.contains("Not all was measured: crash"), "{text}");
}
