//! What is asked for wrongly, or cannot be had: an error that says so.

use crate::{
    running::{refusal, scenario},
    support::{MODELS, demo, workspace},
};

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
        ("crash", "--deaths 0", "--deaths"),
        ("crash", "--transfers 0", "--transfers"),
        ("crash", "--variant boredom", "stack-overflow"),
        ("crash", "--workers 0", "from 1 to 1024"),
        ("address-space", "--operations 0", "--operations"),
        ("address-space", "--variant page", "allocate"),
        ("address-space", "--workers 1025", "from 1 to 1024"),
        ("fetch", "--workers 0", "from 1 to 1024"),
        ("fetch", "--requests 0", "--requests"),
        ("fetch", "--delay soon", "'soon'"),
        ("fetch", "--size 10485761", "0..=10485760"),
        ("fetch", "--timeout 50ms", "must be longer than --delay"),
        ("fetch", "--timeout 0s", "must be greater than zero"),
        ("fetch", "--url-file here --delay 5ms", "cannot be used with"),
        ("ipc", "--size 7", "a multiple of eight"),
        ("ipc", "--size 33554432", "to 16777216"),
        ("ipc", "--messages 0", "--messages"),
        ("ipc", "--pin both", "[possible values: same, different]"),
        ("ipc", "--workers 2", "--workers"),
        ("ipc", "--variant cache-line --size 72", "no more than 64 bytes"),
        ("ipc", "--variant ring-in-place --waiting block", "only a ring waits"),
        ("worker-cost", "--starts 0", "--starts"),
        ("worker-cost", "--crew 0", "0 is not in 1..=1024"),
        ("worker-cost", "--parent-memory 1gb", "such as 64KiB"),
        ("worker-cost", "--table -1", "-1"),
        ("worker-cost", "--variant fork", "borrowed"),
        ("worker-cost", "--workers 2", "--workers"),
        ("responsive-ui", "--queries 0", "0 is not in 1..=6"),
        ("responsive-ui", "--steps 0", "--steps"),
        ("responsive-ui", "--workers 2", "--workers"),
        ("confine", "--starts 0", "0 is not in 1..=1000000"),
        ("confine", "--act steal", "leftover"),
        ("confine", "--variant free", "confined"),
        ("confine", "--without walls", "file-size"),
        ("confine", "--only harm", "[possible values: acts, costs]"),
        ("confine", "--only costs --act read", "--act changes nothing"),
        ("confine", "--only acts --starts 2", "--starts changes nothing"),
        ("confine", "--variant bare --without calls", "add --variant confined"),
        ("confine", "--workers 2", "--workers"),
    ] {
        for model in MODELS {
            let text = refusal(name, model, arguments, 2);
            assert!(text.contains(reason), "{arguments}: {text}");
        }
    }
}

#[test]
fn no_interval_is_refused() {
    for name in ["shared-state", "matrix"] {
        for model in MODELS {
            let mut demo = demo(scenario(name), model);
            let output = demo.args(["--switch-interval", "0s"]).output();
            let output = output.unwrap();
            let error = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{error}");
            assert!(error.contains("greater than zero"), "{error}");
        }
    }
}

/// More than there are addresses.
const HUGE: &str = "--variant bare --starts 1 --parent-memory 8388608GiB";

#[test]
fn what_cannot_be_done_is_an_error_that_names_it() {
    let text = workspace().join("README.md");
    let text = text.to_str().unwrap();
    for (name, arguments, reason) in [
        ("matrix", "--database nowhere.sqlite".to_owned(), "nowhere.sqlite"),
        ("matrix", format!("--database {text}"), "README.md"),
        ("fetch", "--url-file nowhere.txt".to_owned(), "nowhere.txt"),
        ("fetch", format!("--url-file {text}"), "README.md, line 3: "),
        ("worker-cost", HUGE.to_owned(), "a parent of 8388608 GiB"),
        ("responsive-ui", "--database nowhere".to_owned(), "nowhere"),
        ("responsive-ui", format!("--database {text}"), "not a database"),
    ] {
        for model in MODELS {
            let found = refusal(name, model, &arguments, 1);
            assert!(found.starts_with("error: "), "{found}");
            assert!(found.contains(reason), "{found}");
        }
    }
}
