//! Text from outside, given to the real programs: names that are not UTF-8,
//! and names that a terminal would obey.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::copies::copy_program;
use crate::emulator::Emulator;
use crate::support::{MODELS, programs};
use common::{
    databases::{Shape, TABLE},
    outcome::{Model, Outcome},
    scenarios::ALL,
};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

/// It clears the screen, colours what follows, and forges a line.
const EVIL: &str = "a\x1b[2J\u{9b}31m\nerror: b";
const SHOWN: &str = r"a\u{1b}[2J\u{9b}31m\nerror: b";

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A database in which `@@` of the names is two bytes that are not UTF-8.
fn database(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
    let mut bytes = fs::read(path).unwrap();
    while let Some(place) = bytes.windows(2).position(|two| two == b"@@") {
        bytes[place..place + 2].copy_from_slice(b"\xe9\xff");
    }
    fs::write(path, bytes).unwrap();
}

fn program(scenario: &str, model: Model) -> PathBuf {
    let scenario = ALL.iter().find(|one| one.name == scenario).unwrap();
    programs().join(scenario.program(model))
}

/// `matrix` with a database, and perhaps one of its tables.
fn matrix(model: Model, path: &Path, table: Option<&str>) -> Command {
    let mut command = Command::new(program("matrix", model));
    command.arg("--database").arg(path);
    command.args(table.map(|table| ["--table", table]).into_iter().flatten());
    command
}

fn outcome(command: &mut Command) -> Outcome {
    serde_json::from_str(&stdout(command.arg("--json"))).unwrap()
}

fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    obeyed_by_none(&output);
    String::from_utf8(output.stdout).unwrap()
}

fn error(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{command:?}");
    obeyed_by_none(&output);
    String::from_utf8(output.stderr).unwrap()
}

fn obeyed_by_none(output: &Output) {
    is_harmless(&output.stdout);
    is_harmless(&output.stderr);
}

/// No control character but the end of a line.
fn is_harmless(bytes: &[u8]) {
    let text = str::from_utf8(bytes).unwrap();
    let obeyed = text.find(|it: char| it.is_control() && it != '\n');
    assert_eq!(obeyed, None, "{text:?}");
}

#[test]
fn a_column_whose_name_is_not_utf8_is_read() {
    let home = folder();
    let path = home.path().join("x.sqlite");
    let sql = "CREATE TABLE t (\"caf@@\", text);
               INSERT INTO t VALUES (1, 'a'), (2, 'b')";
    database(&path, sql);
    for model in MODELS {
        let found = outcome(&mut matrix(model, &path, None));
        let names = &found.result[0]["columns_used"];
        assert_eq!(names, &json!(["caf\u{fffd}\u{fffd}"]), "{model}");
        let arguments = format!("--database {}", path.display());
        let mut ui = Emulator::start(model, &arguments, (24, 80));
        ui.ask("SELECT * FROM t");
        ui.wait_for("Done: 2 rows");
        // The emulator shows nothing for U+FFFD.
        ui.wait_for("│caf");
    }
}

#[test]
fn a_table_whose_name_is_not_utf8_hides_no_other() {
    let home = folder();
    let path = home.path().join("x.sqlite");
    let sql = "CREATE TABLE \"bad@@\" (a); CREATE TABLE good (a);
               INSERT INTO good VALUES (1), (2)";
    database(&path, sql);
    for model in MODELS {
        let found = outcome(&mut matrix(model, &path, Some("good")));
        assert_eq!(found.result[0]["rows_used"], 2, "{model}");
        let error = error(&mut matrix(model, &path, None));
        let question =
            "which table? Give --table one of \"bad\\xe9\\xff\", \"good\"\n";
        assert!(error.ends_with(question), "{model}: {error}");
    }
}

#[test]
fn an_only_table_whose_name_is_not_utf8_is_refused_by_name() {
    let home = folder();
    let path = home.path().join("x.sqlite");
    database(&path, "CREATE TABLE \"bad@@\" (a)");
    for model in MODELS {
        let error = error(&mut matrix(model, &path, None));
        let reason = r#"the name of its table "bad\xe9\xff" is not UTF-8"#;
        assert!(error.contains(reason), "{model}: {error}");
    }
}

#[test]
fn what_a_terminal_would_obey_is_written_out() {
    let home = folder();
    let path = home.path().join(format!("{EVIL}.sqlite"));
    let sql = format!(
        "CREATE TABLE \"{EVIL}\" (number, \"{EVIL}\");
         INSERT INTO \"{EVIL}\" VALUES (1, 'x'), (2, 'y')"
    );
    database(&path, &sql);
    for model in MODELS {
        let story = stdout(&mut matrix(model, &path, Some(EVIL)));
        let column = format!("not numeric: {SHOWN}\n");
        assert!(story.contains(&column), "{model}: {story}");
        let found = outcome(&mut matrix(model, &path, Some(EVIL)));
        assert_eq!(found.result[0]["columns_left_out"], json!([EVIL]));
        let error = error(&mut matrix(model, &path, Some("none")));
        let reason = format!("{SHOWN}.sqlite: it has no table");
        assert!(error.contains(&reason), "{model}: {error}");
        assert!(error.contains(&format!("only \"{SHOWN}\"")), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

/// With all that is generated in it, and given on the command line.
#[test]
fn a_folder_whose_name_is_not_utf8_is_one_like_others() {
    let home = folder();
    let odd = home.path().join(OsStr::from_bytes(b"odd \xff"));
    let release = odd.join("release");
    fs::create_dir_all(&release).unwrap();
    let given = odd.join("x.sqlite");
    database(&given, "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)");
    let shape = Shape::usual(1, true);
    let generated = odd.join("matrix").join(shape.to_string());
    fs::create_dir_all(&generated).unwrap();
    for number in 1..=6 {
        let name = format!("database-{number}.sqlite");
        let sql = format!(
            "CREATE TABLE {TABLE} (station, m2);
             INSERT INTO {TABLE} VALUES ('north', 1), ('east', 2)"
        );
        database(&generated.join(name), &sql);
    }
    let here = |scenario, model| {
        let from = program(scenario, model);
        let to = release.join(from.file_name().unwrap());
        copy_program(&from, &to);
        Command::new(to)
    };
    let answers = MODELS.map(|model| {
        let generating = "--rows 2 --columns 1".split(' ');
        let made = outcome(here("matrix", model).args(generating));
        let read = outcome(&mut matrix(model, &given, None));
        let path = read.parameters["sources"][0]["path"].as_str().unwrap();
        assert!(path.ends_with("odd \u{fffd}/x.sqlite"), "{path}");
        let typing = "--headless --quick --steps 1000 --cancels 0".split(' ');
        let asked = outcome(here("responsive-ui", model).args(typing));
        [made, read, asked].map(|outcome| outcome.answer)
    });
    assert_eq!(answers[0], answers[1]);
}

/// What a machine and a program say of themselves, in a file of samples.
#[test]
fn a_comparison_shows_no_text_as_it_came() {
    let home = folder();
    let samples = home.path().join("samples.json");
    let markup = format!("{EVIL}<script>alert(1)</script>");
    let machine = json!({
        "cpu": markup, "cores": 2, "kernel": markup, "rustc": markup,
        "profile": "release",
    });
    let refusal = json!({
        "scenario": "crash", "model": "threads", "slice": null,
        "reason": markup, "stderr": "",
    });
    let document = json!({
        "schema": 2, "command": [markup], "date": "2026-11-22T10:00:00Z",
        "machine": machine, "budget": 1.0, "workers": 2, "samples": [],
        "interpreters": [{"command": markup, "words": markup, "has_gil": true}],
        "refusals": [refusal],
    });
    fs::write(&samples, document.to_string()).unwrap();
    let compare = || Command::new(env!("CARGO_BIN_EXE_compare"));
    let mut again = compare();
    let told = again.arg("--compare-with").args([&samples, &samples]);
    let told = told.output().unwrap();
    obeyed_by_none(&told);
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains(&format!("{SHOWN}<script>")), "{told}");
    let mut report = compare();
    obeyed_by_none(&report.arg("--report").arg(&samples).output().unwrap());
    let page = fs::read(home.path().join("samples.html")).unwrap();
    is_harmless(&page);
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains(&format!("{SHOWN}&lt;script&gt;")), "{page}");
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn a_file_that_is_not_there_is_named_in_one_line() {
    let missing = OsString::from_vec(b"/none\x1b[2J\nerror: \xff".into());
    let missing = Path::new(&missing);
    let shown = r"/none\u{1b}[2J\nerror: \xff";
    for model in MODELS {
        let mut ui = Command::new(program("responsive-ui", model));
        ui.arg("--headless").arg("--database").arg(missing);
        for command in [&mut matrix(model, missing, None), &mut ui] {
            let error = error(command);
            let beginning = format!("error: database {shown}: ");
            assert!(error.starts_with(&beginning), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
