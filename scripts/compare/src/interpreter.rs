//! The interpreters of Python that there are.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use crate::child::{self, Ending};

/// The one that is used by itself, if there is one.
const USUAL: &str = "python3";

/// What it is asked, in the folder of the scripts.
const WHO: &str = "import contract, models, sys
assert sys.version_info >= (3, 9), 'Python 3.9 or later is needed'
print(contract.interpreter(models.processes()))";

/// How long it may think about that.
const PATIENCE: Duration = Duration::from_secs(10);

/// An interpreter that the scripts can be run by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// As it is called: `python3`, or a path.
    pub command: PathBuf,
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
            format!("{} cannot run the scripts", command.display())
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
        let words = String::from_utf8(report.stdout)?.trim().to_owned();
        Ok(Interpreter { command: command.into(), words })
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
