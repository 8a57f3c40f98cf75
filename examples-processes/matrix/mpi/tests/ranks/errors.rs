//! What goes wrong is said once, by rank 0, and ends all ranks.

use std::{fs::OpenOptions, path::Path, process::Command};

use common::scenarios::matrix::{Shape, generate};

use crate::support::{alone, ranks, texts};

#[test]
fn usage_is_told_once() {
    let _alone = alone();
    for (flag, status) in [("--nonsense", 2), ("--help", 0)] {
        let output = ranks(2).arg(flag).output().unwrap();
        let (out, error) = texts(&output);
        let all = out + &error;
        assert_eq!(output.status.code(), Some(status), "{all}");
        assert_eq!(all.matches("Usage:").count(), 1, "{all}");
        assert!(!all.contains("finalize"), "{all}");
    }
}

/// `mpirun -n` has said it already.
#[test]
fn another_number_of_workers_is_an_error() {
    let _alone = alone();
    let error = failure(ranks(2).args(["--workers", "3"]));
    assert!(error.contains("--workers asks for 3, but 2 were"), "{error}");
}

/// The first database is that of rank 0, the second that of rank 1.
#[test]
fn an_error_of_any_rank_is_told_by_rank_0() {
    let _alone = alone();
    for broken in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        let shape = Shape { seed: 1, rows: 400, columns: 40 };
        let paths = generate(folder.path(), &shape).unwrap();
        cut_short(&paths[broken]);
        let mut run = ranks(2);
        for path in &paths {
            run.arg("--database").arg(path);
        }
        let error = failure(&mut run);
        let name = paths[broken].file_name().unwrap().to_str().unwrap();
        let lines = error.lines().filter(|line| line.starts_with("error: "));
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), 1, "{error}");
        assert!(lines[0].contains(name), "{error}");
    }
}

/// Its first page says what tables there are. Those of the table are gone.
fn cut_short(database: &Path) {
    let file = OpenOptions::new().write(true).open(database).unwrap();
    file.set_len(4096).unwrap();
}

fn failure(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (_, error) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    error
}
