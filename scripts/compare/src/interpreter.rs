//! The interpreters of Python that there are.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use common::escaped::Escaped;
use serde::{Deserialize, Serialize};

use crate::child::{self, Ending};

/// The one that is used by itself, if there is one.
const USUAL: &str = "python3";

/// What it is asked, in the folder of the scripts.
const WHO: &str = "import contract, models, sys
assert sys.version_info >= (3, 9), 'Python 3.9 or later is needed'
print(sys.executable)
print(contract.interpreter(models.processes()))";

/// How long it may think about that.
const PATIENCE: Duration = Duration::from_secs(10);

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
}

impl Interpreter {
    /// Asks an interpreter what it is.
    ///
    /// # Errors
    ///
    /// Fails if there is none of that name, or none that can run the scripts.
    pub fn ask(command: &Path, scripts: &Path) -> anyhow::Result<Self> {
        Self::try_ask(command, scripts).with_context(|| {
            format!("{} cannot run the scripts", Escaped(command))
        })
    }

    fn try_ask(command: &Path, scripts: &Path) -> anyhow::Result<Self> {
        let mut question = Command::new(command);
        question.args(["-c", WHO]).env("PYTHONPATH", scripts);
        let report = child::run(&mut question, PATIENCE)?;
        let said = String::from_utf8_lossy(&report.stderr);
        let reason = said.trim().lines().last().unwrap_or("it said nothing");
        ensure!(
            report.ending == Ending::Ended && report.status.success(),
            "{reason}"
        );
        let answer = String::from_utf8(report.stdout)?;
        let (executable, words) = answer
            .trim()
            .split_once('\n')
            .context("it does not say what it is")?;
        Ok(Interpreter {
            command: command.into(),
            executable: executable.into(),
            words: words.into(),
        })
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

    /// Those that were asked for, after the usual one, if that is there.
    ///
    /// # Errors
    ///
    /// Fails if one that was asked for cannot run the scripts.
    pub fn all(asked: &[PathBuf], scripts: &Path) -> anyhow::Result<Vec<Self>> {
        let usual = Self::ask(Path::new(USUAL), scripts).ok();
        let mut all: Vec<Self> = usual.into_iter().collect();
        for command in asked {
            let other = Self::ask(command, scripts)?;
            all.push(other);
        }
        Ok(all)
    }
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
