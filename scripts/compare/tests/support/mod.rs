//! The real programs, for tests that run them.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use common::{
    outcome::{Model, Outcome},
    scenarios::Scenario,
};

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Where the programs are, built by the profile of this test. Cargo builds
/// none but the ones of this package for it, so it is asked for the others,
/// unless `scripts/test.sh` has done so.
pub fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let test = env::current_exe().unwrap();
        let folder = test.ancestors().nth(2).unwrap().to_owned();
        if env::var_os("PROGRAMS_ARE_BUILT").is_some() {
            return folder;
        }
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--workspace", "--bins"]);
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        let built = cargo.current_dir(workspace()).status().unwrap();
        assert!(built.success(), "the programs cannot be built");
        folder
    })
}

/// One side of a pair, to be run.
pub fn demo(scenario: &Scenario, model: Model) -> Command {
    Command::new(programs().join(scenario.program(model)))
}

/// Both sides.
pub const MODELS: [Model; 2] = [Model::Threads, Model::Processes];

/// Runs a demo to its outcome.
pub fn outcome(demo: &mut Command) -> Outcome {
    let output = demo.arg("--json").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{demo:?}: {errors}");
    assert_eq!(errors, "", "{demo:?} says nothing but its outcome");
    serde_json::from_slice(&output.stdout).unwrap()
}
