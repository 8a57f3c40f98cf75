//! What a person types, and the scripts that a person calls.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use assert_cmd::{Command, assert::Assert};
use serde_json::json;

use crate::planted::{COMPARE, Stage, run, write_program};

fn compare(arguments: &[&str]) -> Assert {
    Command::new(COMPARE).args(arguments).assert()
}

fn said(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[test]
fn an_unknown_scenario_is_answered_with_those_there_are() {
    let assert = compare(&["--scenario", "fibers"]).code(2);
    let text = said(&assert);
    for scenario in common::scenarios::ALL {
        assert!(text.contains(scenario.name), "{text}");
    }
}

#[test]
fn what_is_no_number_is_bad_usage() {
    for bad in [
        ["--budget", "much"],
        ["--budget", "-1"],
        ["--budget", "86401"],
        ["--workers", "0"],
        ["--workers", "1025"],
        ["--deadline", "0"],
        ["--deadline", "-1"],
        ["--deadline", "NaN"],
        ["--deadline", "1e9"],
        ["--seed", "-1"],
    ] {
        compare(&bad).code(2);
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let assert = compare(&["--programs", "/no/such/folder"]).code(1);
    assert!(said(&assert).contains("no programs in /no/such/folder"));
}

#[test]
fn help_has_examples() {
    let assert = compare(&["--help"]).success();
    let help = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert!(help.contains("scripts/compare.sh --quick"));
}

/// A workspace in a folder whose name a shell, a regular expression and JSON
/// each read in their own way. It has the scripts of this one, and a cargo
/// that builds nothing, says where it has, and keeps what it was told.
struct Doors {
    stage: Stage,
    workspace: PathBuf,
}

impl Doors {
    fn new() -> Self {
        let stage = Stage::new();
        let workspace = stage.programs().join(r#"two words, a "\1" & more"#);
        for script in ["scripts/compare.sh", "scripts/test.sh", ".ci/run"] {
            let copy = workspace.join(script);
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
            let text = fs::read_to_string(Path::new(root).join(script));
            write_program(&copy, &text.unwrap());
        }
        let doors = Doors { stage, workspace };
        doors.plant_cargo(0);
        doors.plant_comparison();
        doors
    }

    fn plant_cargo(&self, status: i32) {
        let artifact = json!({
            "reason": "compiler-artifact",
            "target": {"kind": ["bin"], "name": "compare"},
            "executable": self.comparison(),
            "fresh": true,
        });
        let metadata = json!({
            "packages": [], "target_directory": self.target(), "version": 1,
        });
        let told = self.stage.programs().join("told");
        let cargo = format!(
            "#!/bin/sh\n\
             printf '%s %s\\n' \"$(pwd)\" \"$*\" >> '{}'\n\
             case $1 in\n\
             build) cat << 'END'\n{artifact}\nEND\n\
             exit {status};;\n\
             metadata) cat << 'END'\n{metadata}\nEND\n;;\n\
             test) exit 9;;\n\
             esac\n",
            told.display()
        );
        write_program(&self.stage.programs().join("cargo"), &cargo);
    }

    /// It says what it was told.
    fn plant_comparison(&self) {
        let program = self.comparison();
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        let text = "#!/bin/sh\nprintf '[%s]' \"$@\"\nexit 7\n";
        write_program(&program, text);
    }

    fn target(&self) -> PathBuf {
        self.workspace.join("target")
    }

    /// Where cargo builds for a target that is named.
    fn comparison(&self) -> PathBuf {
        self.target().join("x86_64-unknown-linux-gnu/release/compare")
    }

    fn told(&self) -> String {
        let told = self.stage.programs().join("told");
        fs::read_to_string(told).unwrap_or_default()
    }

    /// A script, called in some way from some folder, by one who has a
    /// `CDPATH` that leads astray, and no Python.
    fn call(&self, script: &Path, folder: &Path) -> Command {
        let astray = self.stage.programs().join("astray");
        fs::create_dir_all(astray.join("scripts")).unwrap();
        fs::create_dir_all(astray.join(".ci")).unwrap();
        let python = "#!/bin/sh\n\
             printf 'python3 %s\\n' \"$*\" >> \"${0%/*}/told\"\n";
        let python = format!("{python}exit 1\n");
        write_program(&self.stage.programs().join("python3"), &python);
        let path = env::var("PATH").unwrap();
        let mut command = Command::new(script);
        command
            .env("PATH", format!("{}:{path}", self.stage.programs().display()))
            .env("CDPATH", astray)
            .env_remove("PYTHON")
            .current_dir(folder);
        command
    }

    /// The ways to call a script: from the workspace, from its own folder,
    /// from elsewhere, and by a link.
    fn ways(&self, script: &str) -> [(PathBuf, PathBuf); 4] {
        let whole = self.workspace.join(script);
        let folder = whole.parent().unwrap().to_owned();
        let name = whole.file_name().unwrap();
        let link = self.stage.programs().join(name);
        symlink(&whole, &link).unwrap();
        let elsewhere = PathBuf::from("/");
        [
            (script.into(), self.workspace.clone()),
            (Path::new(".").join(name), folder),
            (whole, elsewhere.clone()),
            (link, elsewhere),
        ]
    }
}

#[test]
fn the_script_builds_and_then_becomes_the_comparison() {
    let doors = Doors::new();
    let arguments = ["--quick", "--scenario", "two words"];
    for (script, folder) in doors.ways("scripts/compare.sh") {
        let mut door = doors.call(&script, &folder);
        let result = run(door.args(arguments));
        let what = format!("{} in {}", script.display(), folder.display());
        assert_eq!(result.stderr, "", "{what}");
        assert_eq!(result.stdout, "[--quick][--scenario][two words]", "{what}");
        assert_eq!(result.code, Some(7), "{what}");
    }
    let told = doors.told();
    let manifest = doors.workspace.join("scripts/../Cargo.toml");
    for line in told.lines() {
        assert!(line.contains("build --quiet --release --workspace"), "{line}");
        assert!(line.ends_with(manifest.to_str().unwrap()), "{line}");
    }
    assert_eq!(told.lines().count(), 4, "{told}");
}

#[test]
fn the_script_compares_nothing_that_was_not_built() {
    let doors = Doors::new();
    doors.plant_cargo(101);
    let script = doors.workspace.join("scripts/compare.sh");
    let result = run(&mut doors.call(&script, Path::new("/")));
    assert_eq!(result.code, Some(101));
    assert_eq!(result.stdout, "");
}

#[test]
fn the_script_runs_no_older_comparison_if_cargo_names_none() {
    let doors = Doors::new();
    fs::remove_file(doors.comparison()).unwrap();
    let script = doors.workspace.join("scripts/compare.sh");
    let result = run(&mut doors.call(&script, Path::new("/")));
    assert_eq!(result.code, Some(1));
    assert!(result.stderr.contains("cargo did not report where"));
}

#[test]
fn the_script_says_what_to_install() {
    let doors = Doors::new();
    let script = doors.workspace.join("scripts/compare.sh");
    let mut door = doors.call(&script, Path::new("/"));
    let result = run(door.env("PATH", doors.target()));
    assert_eq!(result.code, Some(1));
    assert!(result.stderr.contains("cargo not found: install Rust"));
}

/// What is tested is the workspace that the script is of, and what is
/// installed for it goes where cargo builds.
#[test]
fn the_tests_are_of_the_workspace_that_the_script_is_of() {
    for script in ["scripts/test.sh", ".ci/run"] {
        let doors = Doors::new();
        for (script, folder) in doors.ways(script) {
            let result = run(&mut doors.call(&script, &folder));
            assert_eq!(result.code, Some(9), "{}", result.stderr);
        }
        let told = doors.told();
        let workspace = format!("{} ", doors.workspace.display());
        let of_cargo = told.lines().filter(|it| !it.starts_with("python3"));
        for line in of_cargo {
            assert!(line.starts_with(&workspace), "{line}");
        }
        for what in ["python", "ruff"] {
            let home = doors.target().join(what);
            let line = format!("python3 -m venv {}\n", home.display());
            assert_eq!(told.matches(&line).count(), 4, "{told}");
        }
    }
}
