//! What the kernel does for each worker: that it is done, and is counted.

use common::{digest::Digest, input::Input, outcome::Model};

use crate::{
    running::{figure, run},
    support::MODELS,
};

/// Whoever does it, and however many: all of it is done, and each finds its
/// own.
#[test]
fn every_worker_finds_what_is_its_own() {
    for (seed, workers) in [(1, 1), (2, 3), (2026, 8)] {
        let operations = 5;
        let arguments = format!(
            "--operations {operations} --workers {workers} --seed {seed}"
        );
        let expected = found_alone(operations, workers, seed);
        for model in MODELS {
            let found = run("address-space", model, &arguments);
            assert_eq!(found.answer, expected, "{model}: {arguments}");
        }
    }
}

/// The answer without a kernel: what is written is found.
fn found_alone(operations: u64, workers: u64, seed: u64) -> String {
    let (kib, mib) = (1 << 10, 1 << 20);
    let sizes = [("64 KiB", 64 * kib), ("1 MiB", mib), ("128 MiB", 128 * mib)];
    let value = |number| 1 + u64::from(Input::new(seed, number).below(255));
    let values: u64 = (0..operations).map(value).sum();
    let mut digest = Digest::new();
    let mut row = |name: &str, touched: u64, found: u64| {
        digest.text(name).count(touched).count(operations).count(found);
    };
    for (name, size) in sizes {
        row(&format!("map {name}"), 0, operations * size);
    }
    for (name, size) in sizes {
        let pages = size.min(512 * mib / (2 * workers)) / 4096;
        row(&format!("touch {name}"), 4096 * pages, pages * values);
    }
    for (name, _) in sizes {
        row(&format!("allocate {name}"), 0, values);
    }
    row("protect 64 KiB", 0, values);
    row("files", 0, values);
    digest.hex()
}

/// What is waited for is counted where it is waited for: of a page there is
/// one fault, and a process meets nobody.
#[test]
fn the_counters_are_those_of_the_operation() {
    let arguments = "--variant touch --operations 40 --workers 2";
    for model in MODELS {
        let found = run("address-space", model, arguments);
        let figure = |name: &str| figure(&found, &format!("{name}.all"));
        let faults = figure("touch-65536-faults");
        assert!((1.0..18.0).contains(&faults), "{model}: {faults}");
        assert!(figure("touch-1048576-cpu") > 0.0, "{model}");
        if model == Model::Processes {
            let switches = figure("touch-65536-switches");
            assert!(switches < 0.5, "{switches}");
        }
    }
}
