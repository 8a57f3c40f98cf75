//! Agreement with scipy on the intervals of random samples: the judge rests
//! on them, and its own tests count coins as it does itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use common::{estimate::Estimate, input::Input};
use serde::Deserialize;

#[path = "../support/mod.rs"]
mod support;

#[derive(Deserialize)]
struct Expected {
    median: f64,
    low: Option<f64>,
    high: Option<f64>,
}

#[test]
fn scipy_finds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samples.json");
    let samples = samples();
    fs::write(&file, serde_json::to_string(&samples).unwrap()).unwrap();
    let program = include_str!("agreeing.py");
    let output = support::python("numpy, scipy.stats", program, &[&file]);
    let Some(output) = output else {
        return;
    };
    let all: Vec<Expected> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(all.len(), samples.len());
    for (sample, expected) in samples.iter().zip(all) {
        let found = Estimate::of(sample);
        let count = sample.len();
        assert_eq!(found.low, expected.low.unwrap_or(0.0), "{count}");
        let high = expected.high.unwrap_or(f64::INFINITY);
        assert_eq!(found.high, high, "{count}");
        let error = (found.median / expected.median - 1.0).abs();
        assert!(error < 1e-12, "{count}: {found:?}");
    }
}

/// Of every size up to a hundred and of the largest there is; ratios over
/// many orders, and ratios of which some are equal.
fn samples() -> Vec<Vec<f64>> {
    let mut input = Input::new(1, 0);
    let sizes = (1..=100).chain([500, 1000]);
    sizes
        .flat_map(|count| {
            let wide = |it: f64| 10_f64.powf(6.0 * it - 3.0);
            let tied = |it: f64| 0.9 + (it * 5.0).floor() / 20.0;
            [wide as fn(f64) -> f64, tied]
                .map(|of| (0..count).map(|_| of(input.uniform())).collect())
        })
        .collect()
}
