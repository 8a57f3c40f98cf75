//! A screen: its rows, how long it stands still, and its cancels.

use std::process::Stdio;

use common::{
    databases::{Shape, generated},
    digest::Digest,
};

use crate::{
    running::{end_of, figure, refusal, run, scenario},
    support::{MODELS, demo},
};

/// The rows by the plainest of ways: a table that is read once, and a walk.
#[test]
fn a_responsive_screen_gets_every_row() {
    for seed in [1, 2026] {
        for (queries, steps) in [(1, 1), (1, 600_000), (2, 200_000)] {
            let arguments = format!(
                "--quick --cancels 0 --seed {seed} --queries {queries} \
                 --steps {steps}"
            );
            let expected = walks(seed, queries, steps);
            for model in MODELS {
                let found = run("responsive-ui", model, &arguments);
                assert_eq!(found.answer, expected, "{model}: {arguments}");
            }
        }
    }
}

/// A person's own database has none of the generated tables.
#[test]
fn a_script_walks_through_a_database_of_ones_own() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("mine.sqlite");
    let ours = rusqlite::Connection::open(&path).unwrap();
    let arguments = format!(
        "--steps 30000 --cancels 3 --headless --database {}",
        path.display()
    );
    for model in MODELS {
        let refused = refusal("responsive-ui", model, &arguments, 1);
        assert!(refused.contains("mine.sqlite"), "{refused}");
        assert!(refused.contains("without --headless"), "{refused}");
    }
    ours.execute_batch(
        "CREATE TABLE \"my things\" (name, size); \
         INSERT INTO \"my things\" VALUES ('one', 1), ('two', 2.5)",
    )
    .unwrap();
    let expected = walk(&[(String::new(), None)], 1, 30_000).0;
    for model in MODELS {
        let found = run("responsive-ui", model, &arguments);
        let rows = &found.result["sessions"]["worker"]["rows"];
        assert_eq!(rows, expected, "{model}");
    }
}

fn walks(seed: u64, queries: usize, steps: u64) -> String {
    let shape = Shape::usual(seed, true);
    let databases = generated(&shape).unwrap();
    let mut answer = Digest::new();
    for database in &databases[..queries] {
        let connection = rusqlite::Connection::open(database).unwrap();
        let all = "SELECT station, m2 FROM measurements ORDER BY rowid";
        let mut statement = connection.prepare(all).unwrap();
        let table: Vec<(String, Option<i64>)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let (count, rows) = walk(&table, seed, steps);
        answer.count(count).text(&rows.hex());
    }
    answer.hex()
}

fn walk(
    table: &[(String, Option<i64>)],
    seed: u64,
    steps: u64,
) -> (u64, Digest) {
    let (mut count, mut rows) = (0, Digest::new());
    let mut place = 1 + seed % 2_147_483_646;
    for step in 0..=steps {
        if place.is_multiple_of(256) {
            let (station, number) = &table[place as usize % table.len()];
            count += 1;
            rows.count(3).text("i").integers(&[step as i64]);
            rows.text("t").text(station);
            match number {
                Some(number) => rows.text("i").integers(&[*number]),
                None => rows.text("null"),
            };
        }
        place = place * 48271 % 2_147_483_647;
    }
    (count, rows)
}

#[test]
fn a_screen_stands_still_without_a_worker_and_not_with_one() {
    for model in MODELS {
        let found = run("responsive-ui", model, "--quick --cancels 9");
        let gap = |of| figure(&found, &format!("longest-frame-gap.{of}"));
        let frozen = gap("no-worker") / figure(&found, "query.no-worker");
        assert!((0.9..1.1).contains(&frozen), "{model}: {frozen}");
        assert!(gap("worker") < gap("no-worker"), "{model}");
        assert!(found.result["cancelled"].as_u64().unwrap() >= 6, "{model}");
    }
}

/// Each database is told of the cancels of all, and obeys its own.
#[test]
fn two_queries_at_once_are_cancelled_both() {
    for model in MODELS {
        let arguments = "--queries 2 --cancels 60 --steps 9999 --json";
        let mut demo = demo(scenario("responsive-ui"), model);
        demo.args(arguments.split(' '));
        let silent = demo.stdout(Stdio::null()).stderr(Stdio::null());
        let status = end_of(&mut silent.spawn().unwrap(), arguments);
        assert!(status.success(), "{model}");
    }
}
