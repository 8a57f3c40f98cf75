//! Agreement with numpy, on databases that Python made.

use std::path::PathBuf;

use common::scenarios::matrix::Source;
use serde::Deserialize;

use crate::{Folder, finish, python};

/// What numpy finds in a database.
#[derive(Deserialize)]
struct Expected {
    source: Named,
    rows_used: usize,
    rows_left_out: usize,
    columns_used: Vec<String>,
    columns_left_out: Vec<String>,
    eigenvalues: Vec<f64>,
    components_kept: usize,
}

#[derive(Deserialize)]
struct Named {
    path: PathBuf,
    table: String,
}

#[test]
fn numpy_finds_the_same() {
    let folder = Folder::new();
    let program = include_str!("agreeing.py");
    let Some(output) = python("numpy, sqlite3", program, &[folder.0.path()])
    else {
        return;
    };
    let all: Vec<Expected> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(all.len() >= 10);
    for expected in all {
        let Named { path, table } = expected.source;
        let source = Source { path, table };
        let name = source.name();
        let found = finish(&source).unwrap().report.figures;
        assert_eq!(found.rows_used, expected.rows_used, "{name}");
        assert_eq!(found.rows_left_out, expected.rows_left_out, "{name}");
        assert_eq!(found.columns_used, expected.columns_used, "{name}");
        assert_eq!(found.columns_left_out, expected.columns_left_out);
        assert_eq!(found.components_kept, expected.components_kept, "{name}");
        agree(&found.eigenvalues, &expected.eigenvalues, &name);
    }
}

/// Within 1e-9; below a millionth of the largest, of the largest: there an
/// eigenvalue is what rounding left.
fn agree(found: &[f64], expected: &[f64], name: &str) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, value) in found.iter().zip(expected) {
        let scale =
            if *value > 1e-6 * expected[0] { *value } else { expected[0] };
        let error = (found - value).abs() / scale;
        assert!(error <= 1e-9, "{name}: {found} is not {value}");
    }
}
