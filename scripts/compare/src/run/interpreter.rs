//! The available Python interpreters.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail, ensure};
use common::{
    escaped::Escaped,
    outcome::Model,
    scenarios::{self, Scenario},
};
use serde::{Deserialize, Serialize};

use crate::run::{
    document,
    program::{
        child::{self, Ending, last_words},
        guarded,
    },
};

/// The one used by default, if present.
const USUAL: &str = "python3";

/// What it is asked. The argument is the folder of the scripts.
const WHO: &str = "import sys
sys.path[0] = sys.argv[1]
assert sys.version_info >= (3, 9), 'Python 3.9 or later is needed'
import contract, models
print(sys.executable)
print(contract.interpreter(models.processes()))
print(contract.has_gil())";

/// The scenario used for the trial.
const TRIED: &str = "shared-state";

/// The least possible work, for one worker: to see that a script does it.
const TRIAL: [&str; 5] =
    ["--json", "--lifeline", "--workers=1", "--transfers=1", "--variant=lock"];

/// How long either may take, in case it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// An interpreter that can run the scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// How it is called: `python3`, or a path.
    pub command: PathBuf,
    /// The program itself. The command may be a script that searches for it
    /// each time and takes as long as the interpreter does.
    #[serde(skip)]
    pub executable: PathBuf,
    /// Its description of itself: `CPython 3.13.1, GIL, fork`.
    pub words: String,
    /// Whether its threads take turns on a global lock.
    pub has_gil: bool,
}

/// The interpreters found.
#[derive(Debug, Clone, Default)]
pub struct Interpreters {
    /// The ones to run the scripts with.
    pub all: Vec<Interpreter>,
    /// Why the default one is missing, if it is.
    pub left_out: Option<String>,
}

impl Interpreters {
    /// The default one, if it works, then those requested.
    ///
    /// # Errors
    ///
    /// Fails if a requested one cannot run the scripts.
    pub fn find(asked: &[PathBuf], scripts: &Path) -> anyhow::Result<Self> {
        let (mut all, mut left_out) = (Vec::new(), None);
        match Interpreter::ask(Path::new(USUAL), scripts) {
            Ok(usual) => all.push(usual),
            Err(error) => left_out = Some(format!("left out: {error:#}")),
        }
        for command in asked {
            all.push(Interpreter::ask(command, scripts)?);
        }
        Ok(Interpreters { all, left_out })
    }
}

impl Interpreter {
    /// Asks an interpreter what it is, and checks that it runs a script.
    fn ask(command: &Path, scripts: &Path) -> anyhow::Result<Self> {
        Self::introduce(command, scripts)
            .and_then(|it| it.try_out(scripts).map(|()| it))
            .with_context(|| {
                format!("{} cannot run the scripts", Escaped(command))
            })
    }

    fn introduce(command: &Path, scripts: &Path) -> anyhow::Result<Self> {
        let mut question = undisturbed(guarded::command(command));
        let answer = said(question.args(["-c", WHO]).arg(scripts))?;
        let answer = String::from_utf8(answer)?;
        let lines: Vec<&str> = answer.lines().collect();
        let [executable, words, gil] = lines[..] else {
            let beginning: String = answer.chars().take(80).collect();
            bail!("expected a description of itself, got {beginning:?}");
        };
        ensure!(
            Path::new(executable).is_file(),
            "it calls itself {executable:?}, but there is no such program"
        );
        Ok(Interpreter {
            command: command.into(),
            executable: executable.into(),
            words: words.into(),
            has_gil: gil == "True",
        })
    }

    /// It must print the outcome and nothing else.
    fn try_out(&self, scripts: &Path) -> anyhow::Result<()> {
        let mut all = scenarios::ALL.iter();
        let scenario = all
            .find(|scenario| scenario.name == TRIED)
            .with_context(|| format!("there is no scenario {TRIED}"))?;
        let mut trial = self.run(scenario, scripts, Model::Processes);
        let printed = said(trial.args(TRIAL))?;
        let outcome = document::read(&printed, scenario, Model::Processes);
        outcome.map_err(|fault| anyhow!("{fault}"))?;
        Ok(())
    }

    /// A run of a scenario; the caller adds its arguments.
    fn run(
        &self,
        scenario: &Scenario,
        scripts: &Path,
        model: Model,
    ) -> Command {
        let command = guarded::command(&self.executable);
        Self::of(command, scenario, scripts, model)
    }

    /// The same for a script that stays alive. It needs no guard: once loaded,
    /// it exits with its stdin, and the first request would trigger a guard.
    pub fn stay(
        &self,
        scenario: &Scenario,
        scripts: &Path,
        model: Model,
    ) -> Command {
        let command = Command::new(&self.executable);
        Self::of(command, scenario, scripts, model)
    }

    fn of(
        command: Command,
        scenario: &Scenario,
        scripts: &Path,
        model: Model,
    ) -> Command {
        let mut command = undisturbed(command);
        command
            .arg(scripts.join(scenario.script()))
            .args(["--model", &model.to_string()]);
        command
    }

    /// A short name for each of this many interpreters, numbered if there are
    /// several.
    pub fn names(all: usize) -> Vec<String> {
        match all {
            0 | 1 => vec!["CPython".into(); all],
            _ => (1..=all).map(|number| format!("CPython {number}")).collect(),
        }
    }

    /// For each, its short name, its command and its description.
    pub fn introductions(all: &[Self]) -> Vec<String> {
        let names = Self::names(all.len());
        let introduction = |(name, one): (_, &Self)| {
            let Interpreter { command, words, .. } = one;
            let (command, words) = (Escaped(command), Escaped(words));
            match all {
                [_] => format!("{command}: {words}"),
                _ => format!("{name}, {command}: {words}"),
            }
        };
        names.iter().zip(all).map(introduction).collect()
    }
}

/// An interpreter without the variables that may change its behaviour for a
/// user: other module paths, or printing what it does. Those of a virtual
/// environment have other names.
fn undisturbed(mut command: Command) -> Command {
    for (name, _) in env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"PYTHON") {
            command.env_remove(name);
        }
    }
    command
}

/// What it prints, if it succeeds.
fn said(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let report = child::run(command, PATIENCE)?;
    let stderr = String::from_utf8_lossy(&report.stderr);
    ensure!(
        report.ending == Ending::Ended,
        "it did not exit within {} s",
        PATIENCE.as_secs()
    );
    ensure!(
        report.status.success(),
        "{}",
        last_words(&stderr).unwrap_or_else(|| report.status.to_string())
    );
    Ok(report.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_are_told_apart() {
        let one = |command: &str, words: &str| Interpreter {
            command: command.into(),
            executable: PathBuf::new(),
            words: words.into(),
            has_gil: true,
        };
        let both = [
            one("python3", "CPython 3.11.7, GIL, fork"),
            one("python3.14t", "CPython 3.14.0, no GIL, forkserver"),
        ];
        assert!(Interpreter::introductions(&[]).is_empty());
        assert_eq!(Interpreter::names(1), ["CPython"]);
        assert_eq!(
            Interpreter::introductions(&both[..1]),
            ["python3: CPython 3.11.7, GIL, fork"]
        );
        assert_eq!(Interpreter::names(2), ["CPython 1", "CPython 2"]);
        assert_eq!(
            Interpreter::introductions(&both),
            [
                "CPython 1, python3: CPython 3.11.7, GIL, fork",
                "CPython 2, python3.14t: CPython 3.14.0, no GIL, forkserver"
            ]
        );
    }
}
