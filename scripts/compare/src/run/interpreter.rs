//! The interpreters of Python that there are.

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

/// The one that is used by itself, if there is one.
const USUAL: &str = "python3";

/// What it is asked. The argument is the folder of the scripts.
const WHO: &str = "import sys
sys.path[0] = sys.argv[1]
assert sys.version_info >= (3, 9), 'Python 3.9 or later is needed'
import contract, models
print(sys.executable)
print(contract.interpreter(models.processes()))
print(contract.has_gil())";

/// The script that is tried out.
const TRIED: &str = "shared-state";

/// As little work as there is, for one worker: to see that a script does it.
const TRIAL: [&str; 5] =
    ["--json", "--lifeline", "--workers=1", "--transfers=1", "--variant=lock"];

/// How long it may take for either. It is there for one that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// An interpreter that the scripts can be run by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// As it is called: `python3`, or a path.
    pub command: PathBuf,
    /// The program itself: what is called may be a script that looks for it
    /// each time, and takes as long as the interpreter does.
    #[serde(skip)]
    pub executable: PathBuf,
    /// What it says of itself: `CPython 3.13.1, GIL, fork`.
    pub words: String,
    /// Whether its threads take turns at a global lock.
    pub has_gil: bool,
}

/// What there is.
#[derive(Debug, Clone, Default)]
pub struct Interpreters {
    /// Those that the scripts are run by.
    pub all: Vec<Interpreter>,
    /// Why the usual one is not among them, if it is not.
    pub left_out: Option<String>,
}

impl Interpreters {
    /// Those that were asked for, after the usual one, if that can do it.
    ///
    /// # Errors
    ///
    /// Fails if one that was asked for cannot run the scripts.
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
    /// Asks an interpreter what it is, and sees that it runs a script.
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
            bail!("it does not say what it is, but {beginning:?}");
        };
        ensure!(
            Path::new(executable).is_file(),
            "there is no program {executable:?}, which it says it is"
        );
        Ok(Interpreter {
            command: command.into(),
            executable: executable.into(),
            words: words.into(),
            has_gil: gil == "True",
        })
    }

    /// What it prints must be the outcome, and nothing that it has to say of
    /// its own.
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

    /// A run of a scenario, which takes its arguments.
    fn run(
        &self,
        scenario: &Scenario,
        scripts: &Path,
        model: Model,
    ) -> Command {
        let command = guarded::command(&self.executable);
        Self::of(command, scenario, scripts, model)
    }

    /// The same of a script that stays. It needs no guard: when it has been
    /// read, it ends with its stdin; and a guard would be set off by the first
    /// request.
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

    /// What each of so many is called in short: where there are several, they
    /// are numbered.
    pub fn names(all: usize) -> Vec<String> {
        match all {
            0 | 1 => vec!["CPython".into(); all],
            _ => (1..=all).map(|number| format!("CPython {number}")).collect(),
        }
    }

    /// Each as it is called, in short and in full, and what it is.
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

/// An interpreter without the variables by which it may be told to do as it
/// does for a person: to look for modules elsewhere, to print what it does.
/// Those of a virtual environment have other names.
fn undisturbed(mut command: Command) -> Command {
    for (name, _) in env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"PYTHON") {
            command.env_remove(name);
        }
    }
    command
}

/// What it prints, if it does well.
fn said(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let report = child::run(command, PATIENCE)?;
    let stderr = String::from_utf8_lossy(&report.stderr);
    ensure!(
        report.ending == Ending::Ended,
        "it does not end within {} s",
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
