//! A pair and CPython at one size: what is shown, and what is refused.

use std::{
    collections::BTreeSet,
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use common::outcome::{Better, Metric, Model, Portable};

use crate::planted::{
    Asked, BOTH, LOOK, Result, Stage, file_of, run, squeezed, told,
    write_program,
};

const SCENARIO: &str = "shared-state";

/// Both languages do well; CPython is altered for each pair.
fn stage_with(alter: impl Fn(&mut Asked, Model)) -> Stage {
    let stage = Stage::with(SCENARIO);
    stage.plant_python(SCENARIO, alter);
    stage
}

fn compare(stage: &Stage) -> Result {
    run(&mut stage.compare_in_both(&[SCENARIO]))
}

#[test]
fn four_columns_are_shown() {
    let stage = stage_with(|asked, model| {
        let [lock, atomic] = &mut asked.outcome.metrics[..] else { panic!() };
        lock.value = Some(if model == Model::Threads { 1e6 } else { 2e6 });
        *atomic = Metric::new("own", "own", "op/s", Better::Higher, 3e6);
    });
    let result = compare(&stage);
    assert_eq!(result.code, Some(0), "{}{}", result.stdout, result.stderr);
    let page = squeezed(&result.stdout);
    for words in [
        "Planted 3.99, GIL, fork",
        "shared-state, Planted 3.99, GIL, fork, and Rust at the same size",
        "transfers, lock 19.0 Mop/s 19.0 Mop/s 1.00 Mop/s 2.00 Mop/s \
         processes 2.0× faster [2.0, 2.0]",
        "own 3.00 Mop/s 3.00 Mop/s no clear difference",
    ] {
        assert!(page.contains(words), "no {words} in\n{}", result.stdout);
    }
    for line in result.stdout.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

/// One slice of each program, and then the next, in any order.
#[test]
fn both_languages_do_the_same_and_take_turns() {
    let stage = stage_with(|_, _| {});
    assert_eq!(compare(&stage).code, Some(0));
    let rust = stage.programs().join(format!("{SCENARIO}-threads"));
    let python = stage.scripts().join("shared_state-threads");
    // As many pairs of Rust, and beside Python as many again.
    assert_eq!(stage.starts(&rust), 2 * LOOK);
    assert_eq!(stage.starts(&python), LOOK);
    let (rust, python) = (told(&rust), told(&python));
    let (_, beside) = rust.split_at(rust.len() - python.len());
    assert_eq!(beside, python);
    let samples = stage.document()["samples"].as_array().unwrap().clone();
    let mut beside: Vec<_> =
        samples.iter().filter(|it| it.get("series").is_some()).collect();
    beside.sort_by_key(|it| ["pair", "turn"].map(|key| it[key].as_u64()));
    let sides: Vec<String> = beside
        .iter()
        .map(|sample| format!("{}{}", sample["series"], sample["model"]))
        .collect();
    let mut orders = BTreeSet::new();
    for turn in sides.chunks(4) {
        let different: BTreeSet<&String> = turn.iter().collect();
        assert_eq!(different.len(), 4, "{turn:?}");
        orders.insert(turn);
    }
    assert!(orders.len() > 1, "{orders:?}");
}

#[test]
fn another_answer_is_refused_and_the_pair_is_judged() {
    let stage = stage_with(|asked, model| {
        if asked.pair >= 3 && model == Model::Processes {
            asked.outcome.answer = "0bad".into();
        }
    });
    let result = compare(&stage);
    assert_eq!(result.code, Some(1));
    let page = squeezed(&result.stdout);
    assert!(page.contains("it answered 0bad"), "{}", result.stdout);
    assert!(page.contains("no clear difference ["), "{}", result.stdout);
    assert!(page.contains("compared with CPython: 1"), "{}", result.stdout);
    let refusal = &stage.document()["refusals"][0];
    assert_eq!(refusal["series"]["cpython"], 0);
}

/// From the first run on: nobody can agree with a pair that says otherwise.
#[test]
fn an_answer_that_only_python_has_is_refused() {
    let stage = stage_with(|asked, _| asked.outcome.answer = "0bad".into());
    let result = compare(&stage);
    assert_eq!(result.code, Some(1));
    let page = squeezed(&result.stdout);
    assert!(page.contains("it answered 0bad, but Rust, "), "{}", result.stdout);
}

#[test]
fn what_is_portable_of_an_answer_is_enough() {
    let portable = |answer: &str, figure: f64| {
        let (answer, figures) = (answer.into(), vec![1.0, figure]);
        Some(Portable { answer, figures })
    };
    let near = 0.5 + 0.9e-9;
    let far = 0.5 + 1.1e-9;
    for (other, code) in [
        (portable("abc", 0.5), 0),
        (portable("abc", near), 0),
        (portable("abc", far), 1),
        (portable("abc", f64::MAX), 1),
        (portable("abd", 0.5), 1),
        (None, 1),
    ] {
        let stage = Stage::new();
        for model in BOTH {
            stage.plant(SCENARIO, model, |asked| {
                asked.outcome.portable = portable("abc", 0.5);
            });
        }
        stage.plant_python(SCENARIO, |asked, _| {
            asked.outcome.answer = "of its own".into();
            asked.outcome.portable = other.clone();
        });
        let result = compare(&stage);
        assert_eq!(result.code, Some(code), "{other:?}: {}", result.stdout);
    }
}

#[test]
fn a_missing_script_is_refused() {
    let stage = stage_with(|_, _| {});
    fs::remove_file(stage.scripts().join("shared_state.py")).unwrap();
    let result = compare(&stage);
    assert_eq!(result.code, Some(1));
    let page = squeezed(&result.stdout);
    assert!(page.contains("program not found"), "{}", result.stdout);
}

#[test]
fn an_interpreter_that_was_asked_for_must_be_there() {
    let stage = stage_with(|_, _| {});
    fs::remove_file(stage.python()).unwrap();
    let result = compare(&stage);
    assert_eq!(result.code, Some(1));
    let words = "planted-python cannot run the scripts: No such file";
    assert!(result.stderr.contains(words), "{}", result.stderr);
}

#[test]
fn without_python_a_line_says_how_to_get_it() {
    let stage = stage_with(|_, _| {});
    let result = run(&mut stage.compare(&[SCENARIO]));
    assert_eq!(result.code, Some(0));
    let page = squeezed(&result.stdout);
    assert!(page.contains("python none: install python3"), "{page}");
    assert_eq!(stage.starts(&stage.scripts().join("shared_state-threads")), 0);
}

/// What was kept is read back as it was.
#[test]
fn the_report_is_made_again_in_both_languages() {
    let stage = stage_with(|asked, _| asked.outcome.metrics.truncate(1));
    assert_eq!(compare(&stage).code, Some(0));
    let report = stage.samples().with_extension("html");
    let first = fs::read_to_string(&report).unwrap();
    fs::remove_file(&report).unwrap();
    let mut again = assert_cmd::Command::new(crate::planted::COMPARE);
    again.arg("--report").arg(stage.samples());
    assert_eq!(run(&mut again).code, Some(0));
    assert_eq!(fs::read_to_string(&report).unwrap(), first);
    assert!(first.contains("Planted 3.99, GIL, fork, and Rust"));
}

/// Its scripts see nothing of what a person has set, nor does the question.
#[test]
fn what_is_set_for_python_changes_nothing() {
    let stage = stage_with(|_, _| {});
    let mut command = stage.compare_in_both(&[SCENARIO]);
    let result = run(command.env("PYTHONSAFEPATH", "1").env("PYTHON_GIL", "0"));
    assert_eq!(result.code, Some(0), "{}{}", result.stdout, result.stderr);
    assert!(result.stdout.contains("Planted 3.99"), "{}", result.stdout);
}

/// What it prints of its own would stand before every outcome.
#[test]
fn an_interpreter_that_prints_of_its_own_is_refused_if_it_was_named() {
    for lines in ["echo Hello", "echo Hello; echo and; echo welcome"] {
        let stage = stage_with(|_, _| {});
        let shim = fs::read_to_string(stage.python()).unwrap();
        let talkative = shim.replacen('\n', &format!("\n{lines}\n"), 1);
        write_program(&stage.python(), &talkative);
        let result = compare(&stage);
        assert_eq!(result.code, Some(1));
        let words = "planted-python cannot run the scripts: expected a";
        assert!(result.stderr.contains(words), "{}", result.stderr);
        assert!(!stage.samples().exists());
    }
}

/// An answer is no proof: the run may fail, or say more than its outcome.
#[test]
fn an_interpreter_is_tried_out() {
    for (script, words) in [
        ("#!/bin/sh\necho Hello\n", "it did not print JSON"),
        ("#!/bin/sh\necho 'no semaphores' >&2\nexit 1\n", "no semaphores"),
        ("#!/bin/sh\nkill -ABRT $$\n", "signal: 6 (SIGABRT)"),
    ] {
        let stage = stage_with(|_, _| {});
        write_program(&file_of(&stage.python(), "itself"), script);
        let result = compare(&stage);
        assert_eq!(result.code, Some(1));
        let words = format!("planted-python cannot run the scripts: {words}");
        assert!(result.stderr.contains(&words), "{}", result.stderr);
    }
}

/// A stage whose python3 is another, found in the path.
fn with_python3(stage: &Stage, text: &str) -> Result {
    let folder = stage.programs().join("path");
    fs::create_dir_all(&folder).unwrap();
    write_program(&folder.join("python3"), text);
    let mut arguments = stage.arguments(2, &[SCENARIO]);
    arguments.retain(|argument| argument != "--no-python");
    let path = format!("{}:{}", folder.display(), env::var("PATH").unwrap());
    let mut command = assert_cmd::Command::new(crate::planted::COMPARE);
    run(command.args(arguments).env("PATH", path))
}

#[test]
fn the_usual_interpreter_is_left_out_in_words_if_it_cannot_do_it() {
    let stage = Stage::with(SCENARIO);
    let text = "#!/bin/sh\nprintf 'too \\033[1mold\\n' >&2\nexit 1\n";
    let result = with_python3(&stage, text);
    assert_eq!(result.code, Some(0), "{}{}", result.stdout, result.stderr);
    let page = squeezed(&result.stdout);
    let words = "left out: python3 cannot run the scripts: too \\u{1b}[1mold";
    assert!(page.contains(words), "{page}");
    assert!(page.contains("python none: install python3"), "{page}");
    assert_eq!(stage.document()["refusals"].as_array().unwrap().len(), 0);
    let report = stage.samples().with_extension("html");
    assert!(fs::read_to_string(report).unwrap().contains(words));
}

/// The real one, in an environment of its own, where a module prints that
/// every interpreter imports: no variable has a say in that.
#[test]
fn a_site_that_prints_is_no_row_that_nobody_asked_for() {
    let stage = Stage::with(SCENARIO);
    let home = stage.programs().join("environment");
    let Some(site) = virtual_environment(&home) else {
        eprintln!("Not run: there is no python3 with venv");
        return;
    };
    let python = home.join("bin/python3");
    let call = format!("#!/bin/sh\nexec '{}' \"$@\"\n", python.display());
    fs::write(Path::new(&site).join("sitecustomize.py"), "print('Hello')\n")
        .unwrap();
    let result = with_python3(&stage, &call);
    assert_eq!(result.code, Some(0), "{}{}", result.stdout, result.stderr);
    let page = squeezed(&result.stdout);
    assert!(page.contains("left out: python3 cannot run"), "{page}");
    assert!(page.contains("expected a description of itself"), "{page}");
}

/// Where its packages are, or none if there is no python3 that can make one.
fn virtual_environment(home: &Path) -> Option<String> {
    let mut maker = Command::new("python3");
    maker.args(["-m", "venv", "--without-pip"]).arg(home);
    let made = maker.stdout(Stdio::null()).stderr(Stdio::null()).status();
    made.ok().filter(|made| made.success())?;
    let mut asked = Command::new(home.join("bin/python3"));
    let where_it_is = "import site; print(site.getsitepackages()[0])";
    let answer = asked.args(["-c", where_it_is]).output().ok()?;
    Some(String::from_utf8(answer.stdout).ok()?.trim().to_owned())
}
