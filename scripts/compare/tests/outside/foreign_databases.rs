//! Databases as the world has them, given to the real programs: interrupted,
//! in a place that cannot be written to, changing while they are read.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use crate::copies::copy_program;
use crate::emulator::Emulator;
use crate::not_run::not_run;
use crate::support::{MODELS, programs};
use common::{
    outcome::{Model, Outcome},
    scenarios::ALL,
};
use rusqlite::Connection;
use rustix::process::geteuid;
use tempfile::TempDir;

/// Only for a test that hangs.
const DEADLINE: Duration = Duration::from_secs(120);

const NOBODY: u32 = 65534;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn program(model: Model) -> PathBuf {
    let matrix = ALL.iter().find(|one| one.name == "matrix").unwrap();
    programs().join(matrix.program(model))
}

fn reading(program: &Path, database: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("--database").arg(database);
    command
}

fn told(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn answer(program: &Path, database: &Path) -> String {
    let told = told(reading(program, database).arg("--json"));
    serde_json::from_str::<Outcome>(&told).unwrap().answer
}

fn refusal(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{command:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A file and a journal as a writer leaves them that is killed in the middle
/// of a transaction, when some of its pages are written already.
fn interrupt(database: &Path, home: &Path) {
    let working = home.join("working.sqlite");
    let writer = Connection::open(&working).unwrap();
    let fill = "CREATE TABLE t (a, b);
                WITH RECURSIVE n(i) AS
                    (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 99)
                INSERT INTO t SELECT i * i, hex(zeroblob(2000)) FROM n;
                PRAGMA cache_size = 1;
                BEGIN; UPDATE t SET a = a % 7;";
    writer.execute_batch(fill).unwrap();
    fs::copy(&working, database).unwrap();
    let journal = working.with_extension("sqlite-journal");
    fs::copy(journal, beside(database, "-journal")).unwrap();
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// As the refusal advises: to open it where it can be written to, here or
/// where both files were copied to.
#[test]
fn an_interrupted_write_is_to_be_rolled_back_before_one_reads() {
    let home = folder();
    let [here, there] = ["x.sqlite", "y.sqlite"].map(|it| home.path().join(it));
    interrupt(&here, home.path());
    for model in MODELS {
        let reason = refusal(&mut reading(&program(model), &here));
        assert!(reason.contains("must be rolled back first"), "{reason}");
        assert!(reason.contains("copy FILE-journal along with it"), "{reason}");
        let arguments = format!("--database {}", here.display());
        let mut ui = Emulator::start(model, &arguments, (24, 80));
        ui.ask("SELECT count(*) FROM t");
        ui.wait_for("must be rolled back first");
    }
    for ending in ["", "-journal"] {
        fs::copy(beside(&here, ending), beside(&there, ending)).unwrap();
    }
    for database in [&here, &there] {
        let owner = Connection::open(database).unwrap();
        let sum = "SELECT sum(a) FROM t";
        let sum: i64 = owner.query_row(sum, [], |row| row.get(0)).unwrap();
        assert_eq!(sum, (1..=99_i64).map(|i| i * i).sum::<i64>());
    }
    let [threads, processes] = MODELS.map(|model| {
        let answers = [&here, &there].map(|it| answer(&program(model), it));
        assert!(!beside(&here, "-journal").exists());
        answers
    });
    // The names differ, and are a part of the answer.
    assert_eq!(threads, processes);
}

/// Nobody may write there, who therefore runs the programs: root may always.
#[test]
fn a_wal_where_nothing_can_be_written_says_what_to_copy() {
    let home = folder();
    open_to_all(home.path());
    let writer = home.path().join("x.sqlite");
    let connection = Connection::open(&writer).unwrap();
    let fill = "PRAGMA journal_mode = wal;
                CREATE TABLE t (a); INSERT INTO t VALUES (1), (2);";
    connection.execute_batch(fill).unwrap();
    let with_log = home.path().join("with a log");
    let without = home.path().join("without");
    for (folder, endings) in
        [(&with_log, &["", "-wal"][..]), (&without, &[""][..])]
    {
        fs::create_dir(folder).unwrap();
        for ending in endings {
            let to = beside(&folder.join("x.sqlite"), ending);
            fs::copy(beside(&writer, ending), &to).unwrap();
            fs::set_permissions(to, Permissions::from_mode(0o444)).unwrap();
        }
        fs::set_permissions(folder, Permissions::from_mode(0o555)).unwrap();
    }
    for model in MODELS {
        let to = home.path().join(format!("matrix-{model}"));
        copy_program(&program(model), &to);
        let mut helped = unprivileged(Command::new(&to));
        if !helped.arg("--help").output().is_ok_and(|it| it.status.success()) {
            return not_run("a WAL in a read-only place: no other user");
        }
        for folder in [&with_log, &without] {
            let command = reading(&to, &folder.join("x.sqlite"));
            let reason = refusal(&mut unprivileged(command));
            assert!(reason.contains("it is in WAL mode"), "{reason}");
            assert!(reason.contains("FILE-wal if it exists"), "{reason}");
        }
    }
    // As it advises.
    open_to_all(&with_log);
    for model in MODELS {
        answer(&program(model), &with_log.join("x.sqlite"));
    }
    open_to_all(&without);
}

fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
}

fn unprivileged(mut command: Command) -> Command {
    if geteuid().is_root() {
        command.uid(NOBODY);
    }
    command
}

/// What was read first and what the reference reads are then two databases,
/// and no worker is to blame. It goes on until that has happened.
#[test]
fn a_database_that_changes_is_to_blame_and_not_a_worker() {
    let home = folder();
    let path = home.path().join("x.sqlite");
    let writer = Connection::open(&path).unwrap();
    let fill = "PRAGMA journal_mode = wal; PRAGMA synchronous = off;
                CREATE TABLE t (a); INSERT INTO t VALUES (1), (2);";
    writer.execute_batch(fill).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let writer = writer;
            while !done.load(Relaxed) {
                let more = "INSERT INTO t SELECT max(a) + 1 FROM t";
                writer.execute(more, []).unwrap();
            }
        });
        let refusals = MODELS.map(|model| {
            let deadline = Instant::now() + DEADLINE;
            while Instant::now() < deadline {
                let mut command = reading(&program(model), &path);
                let output = command.output().unwrap();
                if !output.status.success() {
                    return String::from_utf8(output.stderr).unwrap();
                }
            }
            "it never changed at the wrong moment".into()
        });
        done.store(true, Relaxed);
        for reason in refusals {
            let changed = "error: the database changed while it was read; ";
            assert!(reason.starts_with(changed), "{reason}");
            assert!(reason.contains("/x.sqlite: "), "{reason}");
        }
    });
}

#[test]
fn integers_that_are_one_float_are_not_constant_in_silence() {
    let home = folder();
    let path = home.path().join("x.sqlite");
    let sql = "CREATE TABLE t (id, x);
               INSERT INTO t VALUES (9007199254740992, 1), (9007199254740993, 2)";
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    for model in MODELS {
        let story = told(&mut reading(&program(model), &path));
        let words =
            "constant once rounded to floats (integers of 2^53 or more): id\n";
        assert!(story.contains(words), "{model}: {story}");
    }
}
