//! Which columns and rows are used, and what is refused, in which words.

use std::{fs, path::Path, thread, time::Duration};

use clap::Parser as _;
use common::scenarios::matrix::{Args, Source, load};
use rusqlite::Connection;

use crate::{Folder, args, asked, blamed, finish};

#[test]
fn a_column_is_what_its_values_are_not_what_it_was_declared_as() {
    let table = Folder::new().load(
        "CREATE TABLE t (whole REAL, mixed REAL, free, none REAL, big, blob);
         INSERT INTO t VALUES
             (1, 0.5, 7, NULL, 9223372036854775807, x'00'),
             (2, 'two', 8.5, NULL, -1, x'01');",
    );
    assert_eq!(table.columns(), ["whole", "free", "big"]);
    assert_eq!(table.columns_left_out(), ["mixed", "none", "blob"]);
    let big = i64::MAX as f64;
    assert_eq!(table.values(), [1.0, 7.0, big, 2.0, 8.5, -1.0]);
}

#[test]
fn a_row_with_a_null_is_left_out_if_the_column_is_used() {
    let table = Folder::new().load(
        "CREATE TABLE t (a, b, text);
         INSERT INTO t VALUES (1, 2, NULL), (NULL, 3, 'x'), (4, 5, 'y'),
                              (6, NULL, 'z'), (NULL, NULL, NULL);",
    );
    assert_eq!(table.rows_left_out(), 3);
    assert_eq!(table.values(), [1.0, 2.0, 4.0, 5.0]);
}

#[test]
fn views_tables_without_rowid_and_generated_columns_are_read() {
    let folder = Folder::new();
    let view = "CREATE TABLE base (a, b);
                INSERT INTO base VALUES (1, 2), (3, 5);
                CREATE VIEW t AS SELECT a + b AS sum, a AS a, a FROM base;";
    let table = folder.load(view);
    assert_eq!(table.values(), [3.0, 1.0, 1.0, 8.0, 3.0, 3.0]);
    let keyed = "CREATE TABLE t (a, key PRIMARY KEY) WITHOUT ROWID;
                 INSERT INTO t VALUES (1, 20), (2, 10);";
    assert_eq!(folder.load(keyed).values(), [2.0, 10.0, 1.0, 20.0]);
    let generated = "CREATE TABLE t (a, b AS (2 * a), c AS (-a) STORED);
                     INSERT INTO t VALUES (1), (3);";
    let values = [1.0, 2.0, -1.0, 3.0, 6.0, -3.0];
    assert_eq!(folder.load(generated).values(), values);
}

#[test]
fn names_may_be_anything() {
    let folder = Folder::new();
    let path = folder.path("what?mode=memory&100%.sqlite");
    let sql = r#"CREATE TABLE "drop ""this""; --" ("a b", "c""d", "é
        ", "select");
        INSERT INTO "drop ""this""; --" VALUES (1, 2, 3, 4), (5, 6, 7, 'x')"#;
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let table = r#"drop "this"; --"#.into();
    let table = load(&Source { path, table }).unwrap();
    assert_eq!(table.columns(), ["a b", "c\"d", "é\n        "]);
    assert_eq!(table.columns_left_out(), ["select"]);
}

#[test]
fn a_database_in_write_ahead_mode_is_read() {
    let folder = Folder::new();
    let source = folder.database(
        "PRAGMA journal_mode = wal;
         CREATE TABLE t (a); INSERT INTO t VALUES (1), (2);",
    );
    let writer = Connection::open(&source.path).unwrap();
    writer.execute("INSERT INTO t VALUES (3)", []).unwrap();
    assert_eq!(load(&source).unwrap().rows(), 3);
    drop(writer);
    assert_eq!(load(&source).unwrap().rows(), 3);
}

/// What a crash in the middle of a transaction leaves: a journal that somebody
/// has to roll back first, and a reader may not. As is advised, it is read
/// after it was opened where it can be written to.
#[test]
fn a_database_that_is_to_be_recovered_first_is_refused() {
    let folder = Folder::new();
    let source = folder.database(
        "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, hex(zeroblob(9999)));
         INSERT INTO t SELECT * FROM t; INSERT INTO t SELECT * FROM t;",
    );
    let writer = Connection::open(&source.path).unwrap();
    let spill = "PRAGMA cache_size = 1; BEGIN; UPDATE t SET b = b || 'x';";
    writer.execute_batch(spill).unwrap();
    let crashed = Source { path: folder.path("b.sqlite"), ..source.clone() };
    fs::copy(&source.path, &crashed.path).unwrap();
    let journal = folder.path("a.sqlite-journal");
    fs::copy(journal, folder.path("b.sqlite-journal")).unwrap();
    assert_eq!(
        blamed(load(&crashed), &crashed.path),
        "a write to it was interrupted and must be rolled back first: open \
         it once where it is writable, with its own program or `sqlite3 FILE \
         .tables`; to read a copy, copy FILE-journal along with it and do the \
         same there"
    );
    let owner = Connection::open(&crashed.path).unwrap();
    let tables = "SELECT name FROM sqlite_schema";
    owner.query_row(tables, [], |_| Ok(())).unwrap();
    assert_eq!(load(&crashed).unwrap().rows(), 4);
}

#[test]
fn what_differs_only_as_integers_is_named() {
    let folder = Folder::new();
    let made_constant = |values: &str| {
        let sql = format!(
            "CREATE TABLE t (text, id, x); INSERT INTO t VALUES {values}"
        );
        folder.load(&sql).columns_made_constant().to_vec()
    };
    let power = 1_i64 << 53;
    let (odd, far) = (power + 1, power + 2);
    let two = |id| format!("('a', {power}, 1), ('b', {id}, 2)");
    assert_eq!(made_constant(&two(odd)), ["id"]);
    assert!(made_constant(&two(power)).is_empty(), "it is constant");
    assert!(made_constant(&two(far)).is_empty(), "floats differ, too");
    // What is left out does not make it vary.
    let incomplete = format!("{}, ('c', 5, NULL)", two(power));
    assert!(made_constant(&incomplete).is_empty());
}

/// An R-tree keeps statements of its own on the connection.
#[test]
fn a_virtual_table_is_read() {
    let table = Folder::new().load(
        "CREATE VIRTUAL TABLE t USING rtree(id, low, high);
         INSERT INTO t VALUES (1, 2, 3), (4, 5, 7);",
    );
    assert_eq!(table.columns(), ["id", "low", "high"]);
    assert_eq!(table.values(), [1.0, 2.0, 3.0, 4.0, 5.0, 7.0]);
}

#[test]
fn who_is_writing_is_waited_for() {
    let folder = Folder::new();
    let source =
        folder.database("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2);");
    let writer = Connection::open(&source.path).unwrap();
    let lock = "BEGIN EXCLUSIVE; INSERT INTO t VALUES (3);";
    writer.execute_batch(lock).unwrap();
    thread::scope(|scope| {
        let reader = scope.spawn(|| load(&source).unwrap().rows());
        thread::sleep(Duration::from_millis(50));
        writer.execute_batch("COMMIT").unwrap();
        assert_eq!(reader.join().unwrap(), 3);
    });
}

#[test]
fn a_table_that_gives_no_matrix_is_refused() {
    let folder = Folder::new();
    let nothing = "CREATE TABLE t (a, b)";
    assert_eq!(folder.refusal(nothing), "table \"t\": it is empty");
    let words = "CREATE TABLE t (a, b); INSERT INTO t VALUES ('x', NULL)";
    assert_eq!(
        folder.refusal(words),
        "table \"t\": none of its columns is numeric: a, b"
    );
    let lonely = "CREATE TABLE t (a, b);
                  INSERT INTO t VALUES (1, 2), (NULL, 3), (4, NULL)";
    assert_eq!(
        folder.refusal(lonely),
        "table \"t\": 1 of its 3 rows has a number in each numeric column, \
         and a covariance needs two"
    );
}

#[test]
fn what_does_not_fit_into_a_float_is_refused() {
    let folder = Folder::new();
    let infinite = "CREATE TABLE t (a, text, b);
                    INSERT INTO t VALUES (1, 'x', 2), (3, 'y', -9e999)";
    assert_eq!(
        folder.refusal(infinite),
        "table \"t\": column \"b\" is infinite in row 2"
    );
    let far = "CREATE TABLE t (a, b);
               INSERT INTO t VALUES (1, 1e200), (2, -1e200)";
    assert_eq!(
        blamed(finish(&folder.database(far)), &folder.path("a.sqlite")),
        "the numbers of column \"b\" are too far apart: their variance does \
         not fit into a float"
    );
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = Folder::new();
    let refusal = |name: &str| {
        let path = folder.path(name);
        blamed(asked(&["--database", path.to_str().unwrap()]), &path)
    };
    assert_eq!(refusal("none"), "No such file or directory (os error 2)");
    fs::create_dir(folder.path("folder")).unwrap();
    assert_eq!(refusal("folder"), "it is a directory or device, not a file");
    fs::write(folder.path("text"), "a text, as long as a page".repeat(99))
        .unwrap();
    assert_eq!(refusal("text"), "file is not a database");
    fs::write(folder.path("empty"), "").unwrap();
    assert_eq!(refusal("empty"), "it has no table");
}

#[test]
fn without_a_name_the_table_is_the_only_one_or_called_as_generated() {
    let folder = Folder::new();
    let named = |sql: &str| {
        let path = folder.database(sql).path;
        let sources = asked(&["--database", path.to_str().unwrap()]);
        sources.map(|sources| sources[0].table.clone())
    };
    let one = "CREATE TABLE \"Only One\" (a);
               CREATE VIEW seen AS SELECT * FROM \"Only One\";";
    assert_eq!(named(one).unwrap(), "Only One");
    let two = "CREATE TABLE other (a); CREATE TABLE Measurements (a);";
    assert_eq!(named(two).unwrap(), "Measurements");
    let neither = "CREATE TABLE x (a); CREATE TABLE y (a);";
    assert_eq!(
        blamed(named(neither), &folder.path("a.sqlite")),
        "which table? Give --table one of \"x\", \"y\""
    );
}

#[test]
fn a_named_table_is_that_one_or_refused() {
    let folder = Folder::new();
    let source = folder.database(
        "CREATE TABLE \"a table\" (a); CREATE VIEW seen AS SELECT 1;
         CREATE VIRTUAL TABLE found USING fts5(text);",
    );
    let path = source.path.to_str().unwrap();
    let asked = |table| asked(&["--database", path, "--table", table]);
    assert_eq!(asked("A TABLE").unwrap()[0].table, "a table");
    assert_eq!(asked("seen").unwrap()[0].table, "seen");
    let refusal =
        "it has no table \"t\", only \"a table\", \"found\", \"seen\"";
    assert_eq!(blamed(asked("t"), &source.path), refusal);
    assert_eq!(blamed(load(&source), &source.path), refusal);
}

#[test]
fn every_database_that_is_given_is_a_source_in_order() {
    let folder = Folder::new();
    let path = folder.database("CREATE TABLE t (a)").path;
    let path = path.to_str().unwrap();
    let sources =
        asked(&["--database", path, "--table", "t", "--database", path]);
    let source = Source { path: Path::new(path).into(), table: "t".into() };
    assert_eq!(sources.unwrap(), [source.clone(), source.clone()]);
    assert_eq!(source.name(), "a");
}

#[test]
fn an_option_that_would_do_nothing_is_refused() {
    let refused = |arguments: &[&str]| {
        Args::try_parse_from(["matrix"].iter().chain(arguments)).is_err()
    };
    assert!(refused(&["--table", "t"]));
    for option in ["--rows=9", "--columns=9"] {
        assert!(refused(&["--database", "x", option]), "{option}");
    }
    // What every demo understands, a script may give to every demo.
    for option in ["--seed=9", "--quick"] {
        assert!(!refused(&["--database", "x", option]), "{option}");
    }
    assert!(refused(&["--rows", "1"]));
    assert!(refused(&["--columns", "1001"]));
    assert_eq!(args(&["--rows", "2", "--columns", "1"]).shape().rows, 2);
}
