//! `responsive-ui` in a real terminal: a pseudo-terminal with an emulator
//! behind it types, resizes, cancels and kills, and reads the screen.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "not every test needs all of the support")]
mod support;

mod emulator;
#[path = "../support/signals.rs"]
mod signals;

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

use common::outcome::Model;
use emulator::{Emulator, Tie, key, program};
use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use signals::hear;
use support::MODELS;

const USUAL: (u16, u16) = (24, 80);

/// It yields no row and does not end, but SQLite can be interrupted in it.
const ENDLESS: &str = "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL \
     SELECT n + 1 FROM t) SELECT count(*) FROM t";

/// It takes minutes, in one step in which SQLite looks up from nothing.
const DEAF: &str = "SELECT instr(hex(zeroblob(1000000)), \
     hex(zeroblob(250000)) || '1') AS deaf";

fn start(model: Model) -> Emulator {
    Emulator::start(model, "--quick", USUAL)
}

#[test]
fn what_is_asked_is_answered() {
    for model in MODELS {
        let mut ui = start(model);
        ui.wait_for(&format!("responsive-ui, {model}"));
        ui.wait_for("Ready.");
        ui.ask("SELECT 6 * 7 AS answer, 'größer' AS text, NULL, x'00ff'");
        ui.wait_for("Done: 1 row in");
        let screen = ui.contents();
        for part in ["answer", "42", "größer", "NULL", "2 bytes"] {
            assert!(screen.contains(part), "{part}, in:\n{ui}");
        }
        ui.ask("SELECT 43 AS next");
        ui.wait_for("43");
    }
}

#[test]
fn one_types_while_a_query_runs_and_cancels_it() {
    for model in MODELS {
        let mut ui = start(model);
        for round in 0..5 {
            ui.ask(ENDLESS);
            ui.wait_for("Running");
            let typed = format!("-- typed {round}");
            ui.press(&format!(" {typed}"));
            ui.wait_until("typed while it runs", |screen| {
                screen.contains(&typed) && screen.contains("Running")
            });
            ui.press(key::ESCAPE);
            ui.wait_for("Cancelled");
            ui.ask(&format!("SELECT {round} + 100 AS next"));
            ui.wait_for(&format!("{}", round + 100));
            ui.wait_for("Done: 1 row");
        }
    }
}

#[test]
fn without_a_worker_nothing_is_seen_before_the_query_is_done() {
    for model in MODELS {
        let mut ui =
            Emulator::start(model, "--quick --no-worker --steps 600000", USUAL);
        ui.wait_for("responsive-ui, no worker");
        ui.press(key::ENTER);
        ui.press("typed");
        ui.wait_until("no sign of life", |screen| {
            // What came meanwhile comes at once, in a frame or two.
            assert!(!screen.contains("Running: 0 rows"), "{screen}");
            assert!(!screen.contains("typed") || screen.contains("Result: "));
            screen.contains("Done") && screen.contains("typed")
        });
    }
}

#[test]
fn rows_come_before_the_query_is_done() {
    for model in MODELS {
        let mut ui = start(model);
        ui.ask(
            "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL \
             SELECT n + 1 FROM t) SELECT n FROM t WHERE n <= 3",
        );
        ui.wait_for("Running: 3 rows");
        ui.press(key::ESCAPE);
        ui.wait_for("Cancelled: 3 rows");
    }
}

#[test]
fn a_million_rows_are_no_burden() {
    for model in MODELS {
        let mut ui = start(model);
        ui.ask(
            "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL \
             SELECT n + 1 FROM t WHERE n < 1000000) SELECT n, -n FROM t",
        );
        ui.press(" -- still there");
        ui.wait_until("typed while rows come", |screen| {
            screen.contains("still there") && screen.contains("Running")
        });
        ui.wait_for("Done: 1,000,000 rows");
        ui.wait_for("of 1,000 kept");
        ui.press(key::PAGE_DOWN);
        ui.wait_for("rows 11 to");
    }
}

#[test]
fn the_window_may_change_its_size() {
    for model in MODELS {
        let mut ui = start(model);
        for (rows, columns) in [(50, 200), (24, 80), (12, 40), (24, 80)] {
            ui.resize(rows, columns);
            ui.wait_until_rows("as wide as the window", |all| {
                let border = |row: &&String| {
                    row.starts_with('┌')
                        && row.ends_with('┐')
                        && row.chars().count() == usize::from(columns)
                };
                all.iter().filter(border).count() >= 3
            });
        }
    }
}

/// To be looked at, with `--nocapture`; and nothing is cut.
#[test]
fn all_of_it_is_seen() {
    for model in MODELS {
        for size in [(24, 80), (50, 200)] {
            let arguments = "--quick --steps 100000";
            let mut ui = Emulator::start(model, arguments, size);
            ui.press(key::ENTER);
            ui.wait_for("Done: ");
            println!("{ui}");
            for part in
                ["WITH RECURSIVE", "256 = 0", "database-6", "Ctrl-Q leave"]
            {
                assert!(ui.contents().contains(part), "{part}, in:\n{ui}");
            }
            ui.press(key::TAB);
            ui.press(key::DOWN);
            ui.wait_for("▸ database-2");
            ui.wait_for("q leave");
            ui.ask("SELECT * FROM measurements");
            ui.wait_for("Done: 3,200 rows");
            println!("{ui}");
            assert!(ui.contents().contains("of 321 columns"), "{ui}");
        }
    }
}

#[test]
fn it_ends_as_it_is_told_to_and_leaves_the_terminal_as_it_found_it() {
    for model in MODELS {
        for query in ["SELECT 1 AS one", ENDLESS] {
            for (keys, status) in [
                (key::CONTROL_Q, 0),
                (key::F10, 0),
                ("\tq", 0),
                (key::CONTROL_C, 130),
            ] {
                let mut ui = asking(model, query);
                ui.press(keys);
                assert_eq!(ui.end(), status, "{keys:?}");
                ui.wait_for_peace();
            }
            for (signal, status) in [
                (Signal::INT, 130),
                (Signal::TERM, 143),
                (Signal::HUP, 129),
                (Signal::KILL, 137),
            ] {
                let mut ui = asking(model, query);
                ui.signal(signal);
                assert_eq!(ui.end(), status, "{signal:?}");
                ui.wait_for_peace();
            }
        }
    }
}

/// A `q` is a letter, where letters go.
#[test]
fn one_can_type_a_q() {
    for model in MODELS {
        let mut ui = start(model);
        ui.press(key::CONTROL_U);
        ui.press("quick");
        ui.wait_for("quick");
    }
}

/// Its own thread cannot serve a signal then, and nobody sends a second one.
#[test]
fn a_frozen_program_ends_by_one_signal() {
    for model in MODELS {
        for (signal, status) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
            let mut ui = frozen(Tie::Controlling, model);
            ui.signal(signal);
            assert_eq!(ui.end(), status);
            ui.wait_for_peace();
        }
    }
}

/// A program whose own thread is in a query that does not end.
fn frozen(tie: Tie, model: Model) -> Emulator {
    let mut ui = Emulator::tied(tie, model, "--quick --no-worker", USUAL);
    ui.wait_for("Ctrl-Q leave");
    ui.ask(ENDLESS);
    ui.wait_until_it_works();
    ui
}

/// Whatever the program waits in, and whether or not it is told by a signal.
#[test]
fn it_ends_with_its_window() {
    for tie in [Tie::Controlling, Tie::Plain] {
        for model in MODELS {
            for keys in ["", HALF_A_PASTE, "\x1b["] {
                let mut ui = Emulator::tied(tie, model, "--quick", USUAL);
                ui.wait_for("Ctrl-Q leave");
                ui.press(keys);
                ends_with_its_window(ui);
            }
            let mut ui = Emulator::tied(tie, model, "--quick", USUAL);
            ui.wait_for("Ctrl-Q leave");
            ui.ask(ENDLESS);
            ui.wait_for("Running");
            ends_with_its_window(ui);
            ends_with_its_window(frozen(tie, model));
        }
    }
}

/// The rest of it may be long in coming.
const HALF_A_PASTE: &str = "\x1b[200~SELECT 'what came so far', ";

fn ends_with_its_window(mut ui: Emulator) {
    let family = ui.family();
    assert!(family.len() > 1, "it has no keeper");
    ui.close();
    ui.wait_for_the_end_of(&family);
}

#[test]
fn half_a_paste_keeps_nobody_waiting() {
    for model in MODELS {
        let mut ui = start(model);
        ui.press(&format!("{}{HALF_A_PASTE}", key::CONTROL_U));
        ui.wait_for("what came");
        ui.signal(Signal::TERM);
        assert_eq!(ui.end(), 143);
        ui.wait_for_peace();
    }
}

#[test]
fn on_a_terminal_that_cannot_draw_it_says_what_to_do() {
    for model in MODELS {
        for kind in ["dumb", ""] {
            let program = program("responsive-ui", model);
            let tie = Tie::Controlling;
            let mut ui = Emulator::run(tie, &program, "--quick", USUAL, kind);
            assert_eq!(ui.end(), 1);
            ui.wait_for("--headless");
            assert!(ui.contents().contains(&format!("TERM={kind}:")), "{ui}");
        }
    }
}

/// Demos that draw nothing: SIGHUP ends them, as it ends anything.
#[test]
fn a_demo_ends_with_its_window() {
    hear(Signal::HUP);
    for model in MODELS {
        for (name, arguments) in [
            ("shared-state", "--transfers 1000000000"),
            ("responsive-ui", "--headless --steps 1000000000"),
        ] {
            let (tie, program) = (Tie::Controlling, program(name, model));
            let mut ui =
                Emulator::run(tie, &program, arguments, USUAL, "xterm");
            ui.wait_until_it_works();
            let family = ui.family();
            ui.close();
            ui.wait_for_the_end_of(&family);
        }
    }
}

/// `nohup` has SIGHUP ignored by what it starts.
#[test]
fn a_demo_goes_on_under_nohup() {
    let home = tempfile::tempdir().unwrap();
    let script = home.path().join("script");
    for model in MODELS {
        for (name, arguments) in [
            ("shared-state", "--transfers 20000"),
            ("responsive-ui", "--headless --steps 200000 --cancels 1"),
        ] {
            let program = program(name, model);
            let run = format!("{} {arguments} >/dev/null", program.display());
            fs::write(&script, format!("trap '' HUP; echo begun; exec {run}"))
                .unwrap();
            let (tie, shell) = (Tie::Controlling, Path::new("/bin/sh"));
            let script = script.to_str().unwrap();
            let mut ui = Emulator::run(tie, shell, script, USUAL, "xterm");
            ui.wait_for("begun");
            ui.signal(Signal::HUP);
            ui.wait_until_it_works();
            ui.signal(Signal::HUP);
            assert_eq!(ui.end(), 0, "{ui}");
        }
    }
}

/// A worker that does not read, and a query for which no pipe has room.
#[test]
fn a_stopped_worker_does_not_stop_the_screen() {
    let long = format!("SELECT 1 AS one -- {}", "very long ".repeat(10_000));
    for leave in [key::CONTROL_Q, key::ESCAPE, ""] {
        let mut ui = start(Model::Processes);
        let worker = worker_of(&ui);
        kill_process(worker, Signal::STOP).unwrap();
        ui.ask(&long);
        ui.wait_for("Running");
        ui.press("typed");
        ui.wait_for("typed");
        ui.press(leave);
        match leave {
            key::ESCAPE => {
                ui.wait_for("Cancelled");
                ui.ask("SELECT 40 + 6 AS sum");
                ui.wait_for("46");
                ui.wait_for_the_end_of(&[worker.as_raw_nonzero().get() as u32]);
                ui.press(key::CONTROL_Q);
                assert_eq!(ui.end(), 0);
            }
            key::CONTROL_Q => assert_eq!(ui.end(), 0),
            _ => {
                ui.signal(Signal::TERM);
                assert_eq!(ui.end(), 143);
            }
        }
        ui.wait_for_peace();
    }
}

/// A worker that reads late reads all of it.
#[test]
fn a_long_query_is_answered() {
    let blanks = " ".repeat(300_000);
    let mut ui = start(Model::Processes);
    let worker = worker_of(&ui);
    kill_process(worker, Signal::STOP).unwrap();
    ui.ask(&format!("SELECT{blanks}40 + 7 AS sum"));
    ui.wait_for("Running");
    kill_process(worker, Signal::CONT).unwrap();
    ui.wait_for("Done: 1 row");
    ui.wait_for("47");
    assert_eq!(worker_of(&ui), worker);
}

#[test]
fn what_is_said_on_stderr_is_not_on_the_screen() {
    for model in MODELS {
        for ending in [key::CONTROL_Q, ""] {
            let mut ui = start(model);
            let mut speakers = vec![(ui.id(), 2)];
            if model == Model::Processes {
                let worker = worker_of(&ui).as_raw_nonzero().get() as u32;
                speakers.extend([(worker, 2), (worker, 1)]);
            }
            for (process, end) in &speakers {
                let end = format!("/proc/{process}/fd/{end}");
                let mut end = OpenOptions::new().write(true).open(end).unwrap();
                end.write_all(b"across the screen\n").unwrap();
            }
            // It would have been seen before this is.
            ui.ask("SELECT 40 + 8 AS sum");
            ui.wait_until("the answer", |screen| {
                assert!(!screen.contains("across"), "{screen}");
                screen.contains("48")
            });
            match ending {
                "" => ui.signal(Signal::KILL),
                keys => ui.press(keys),
            }
            ui.end();
            ui.wait_until("what was said, when it is over", |screen| {
                let said = screen.matches("across the screen").count();
                said == speakers.len()
            });
            ui.wait_for_peace();
        }
    }
}

fn asking(model: Model, query: &str) -> Emulator {
    let mut ui = start(model);
    ui.ask(query);
    ui.wait_until("asked", |screen| {
        screen.contains("Running") || screen.contains("Done")
    });
    ui
}

#[test]
fn a_killed_worker_is_missed_and_replaced() {
    for query in ["SELECT 1 AS one", ENDLESS] {
        let mut ui = asking(Model::Processes, query);
        for _ in 0..3 {
            let worker = worker_of(&ui);
            kill_process(worker, Signal::KILL).unwrap();
            ui.wait_for("SIGKILL");
            ui.wait_for("started a new one");
            ui.ask("SELECT 40 + 4 AS sum");
            ui.wait_for("Done: 1 row");
            ui.wait_for("44");
            assert_ne!(worker_of(&ui), worker);
        }
    }
}

fn worker_of(ui: &Emulator) -> Pid {
    let children = format!("/proc/{0}/task/{0}/children", ui.id());
    let children = fs::read_to_string(children).unwrap();
    let is_worker = |id: &&str| {
        let command = fs::read(format!("/proc/{id}/cmdline")).unwrap();
        String::from_utf8_lossy(&command).contains("process-kit-worker")
    };
    let id = children.split_whitespace().find(is_worker).unwrap();
    Pid::from_raw(id.parse().unwrap()).unwrap()
}

/// What SQLite itself does not look up from.
#[test]
fn a_process_need_not_listen_to_be_cancelled() {
    let mut ui = start(Model::Processes);
    let worker = worker_of(&ui);
    ui.ask(DEAF);
    ui.wait_for("Running");
    ui.press(key::ESCAPE);
    ui.wait_for("Cancelled");
    ui.ask("SELECT 40 + 5 AS sum");
    ui.wait_for("45");
    assert_ne!(worker_of(&ui), worker);
}

#[test]
fn what_goes_wrong_is_a_line_that_says_what_to_do() {
    for model in MODELS {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("mine.sqlite");
        let ours = database(&path);
        let mut ui = Emulator::start(
            model,
            &format!("--database {}", path.display()),
            USUAL,
        );
        ui.ask("SELEC 1");
        ui.wait_for("syntax error: correct the query");
        ui.ask("SELECT * FROM nowhere");
        ui.wait_for("no such table: nowhere: correct the query");
        ui.ask("DELETE FROM t");
        ui.wait_for("use SELECT");
        ui.ask("");
        ui.wait_for("type one, then Enter");
        ours.execute_batch("BEGIN EXCLUSIVE").unwrap();
        ui.ask("SELECT * FROM t");
        ui.wait_for("database is locked: another program is writing to it");
        ours.execute_batch("ROLLBACK").unwrap();
        ui.press(key::ENTER);
        ui.wait_for("Done: 1 row");
        fs::remove_file(&path).unwrap();
        ui.press(key::ENTER);
        ui.wait_for("No such file");
        ui.wait_for("choose another database");
        fs::write(&path, [7; 4096]).unwrap();
        ui.press(key::ENTER);
        ui.wait_for("file is not a database: choose another database");
        ui.press(key::CONTROL_Q);
        assert_eq!(ui.end(), 0);
    }
}

fn database(path: &Path) -> Connection {
    let ours = Connection::open(path).unwrap();
    ours.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (7)").unwrap();
    ours
}
