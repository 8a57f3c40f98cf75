//! The command line.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::{Parser, builder::PossibleValuesParser};
use common::{
    escaped::Escaped,
    machine,
    scenarios::{self, Scenario},
};

use crate::{
    run::{
        bench::Bench,
        interpreter::Interpreters,
        plan::{Plan, WORKERS},
    },
    show::advise::Task,
};

const EXAMPLES: &str = "\
Examples:
  scripts/compare.sh --quick               the answer, in a minute
  scripts/compare.sh --all                 every figure, in six minutes
  scripts/compare.sh --scenario matrix     one pair only
  scripts/compare.sh --budget 900          measure longer, to decide more rows
  scripts/compare.sh --limits              how near the limits of this machine?
  scripts/compare.sh --calibrate           can verdicts be trusted here?
  scripts/compare.sh --compare-with OLD.json
                                           what changed since OLD.json
  scripts/compare.sh --report old.json     rebuild the report of an earlier run
  scripts/compare.sh --advise              threads or processes for your task?

Exit status: 0 if every pair was judged, 1 if one was refused, 2 on bad usage;
with --compare-with, 1 if anything got clearly worse or is not comparable;
with --calibrate, 1 if more than 5 of 100 verdicts were wrong;
130 after Ctrl-C, which keeps every sample taken so far.";

/// Flags that make no sense when nothing is measured.
const MEASURING: [&str; 9] = [
    "all",
    "quick",
    "scenarios",
    "budget",
    "workers",
    "seed",
    "deadline",
    "python",
    "no_python",
];

/// Default budget in seconds: with `--quick`, and without.
const BUDGETS: [u64; 2] = [71, 330];

/// Runs every pair on this machine, verifies that both sides did the same
/// work, and reports which is faster
#[derive(Debug, Parser)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Measure only the figures that answer each scenario's question
    #[arg(long)]
    pub quick: bool,

    /// Print every row, every claim and the tables with CPython; by default
    /// only the main rows and the claims that do not simply hold
    #[arg(long)]
    pub all: bool,

    /// Compare only this scenario (repeatable)
    #[arg(
        long = "scenario",
        value_name = "NAME",
        value_parser = PossibleValuesParser::new(names())
    )]
    scenarios: Vec<String>,

    /// How long to measure; rows undecided by then are "too noisy to tell".
    /// Every figure gets at least eight pairs of programs, however long they
    /// take [default: 330, quick: 71]
    #[arg(long, value_name = "SECONDS", value_parser = parse_budget)]
    budget: Option<Duration>,

    /// Where to save the samples, with the report beside them as .html; an
    /// existing file is overwritten, except that --advise and --readme read it
    /// [default: compare/samples.json under target]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Calibrate, in about ten minutes: compare each program with itself, and
    /// with itself made to look 3 % and 10 % slower
    #[arg(
        long,
        conflicts_with_all =
            ["all", "quick", "budget", "json", "compare_with"]
    )]
    pub calibrate: bool,

    /// Compare with limits instead, in about five minutes: the ring, the pool
    /// and the start of a worker, each beside the bare minimum of this machine
    /// or another library. Builds the benches first
    #[arg(long, exclusive = true)]
    pub limits: bool,

    /// Measure nothing: compare two files of samples, each side with its own
    /// older figures [default for NEW: the usual file of samples]
    #[arg(
        long,
        value_names = ["OLD", "NEW"],
        num_args = 1..=2,
        conflicts_with_all = MEASURING
    )]
    compare_with: Option<Vec<PathBuf>>,

    /// Measure nothing: rebuild the report of these samples
    #[arg(long, value_name = "FILE", exclusive = true)]
    pub report: Option<PathBuf>,

    /// Measure nothing: print the ids of all figures used by claims, advice,
    /// charts and README.md
    #[arg(long, hide = true, exclusive = true)]
    pub list_ids: bool,

    /// Also compare with this CPython, besides python3 (repeatable), for
    /// example a free-threaded build
    #[arg(long, value_name = "PATH")]
    python: Vec<PathBuf>,

    /// Do not run CPython
    #[arg(long, conflicts_with = "python")]
    no_python: bool,

    /// Seed of the input
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Workers per side [default: one per core]
    #[arg(long, value_name = "N", value_parser = parse_workers)]
    workers: Option<usize>,

    /// How long one slice may take before its program is killed and refused
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "120",
        value_parser = parse_deadline
    )]
    deadline: Duration,

    /// Measure nothing: ask about your task, and recommend threads or processes
    /// from this machine's last results
    #[arg(long, conflicts_with_all = MEASURING)]
    pub advise: bool,

    #[command(flatten)]
    pub task: Task,

    /// Measure nothing: write a table of the last results into README.md
    #[arg(long, conflicts_with = "advise", conflicts_with_all = MEASURING)]
    pub readme: bool,

    /// Where the demo programs are [default: beside this one]
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,

    /// Keep every pair, however much CPU time the hypervisor took
    #[arg(long, hide = true)]
    keep_disturbed: bool,

    /// Where the CPython scripts are [default: scripts/cpython]
    #[arg(long, value_name = "DIR", hide = true)]
    scripts: Option<PathBuf>,
}

impl Arguments {
    /// One plan per chosen scenario, in the order of the list.
    pub fn plans(&self) -> Vec<Plan> {
        let plan = |scenario| Plan::of(scenario, self.workers(), self.quick);
        let all = scenarios::ALL.iter();
        all.filter(|scenario| self.chose(scenario)).map(plan).collect()
    }

    /// Where the scripts are: in the workspace this program was built from.
    /// They are not built in.
    fn scripts(&self) -> PathBuf {
        const USUAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cpython");
        self.scripts.clone().unwrap_or_else(|| USUAL.into())
    }

    /// The Python interpreters to run the scripts with; none when calibrating.
    ///
    /// # Errors
    ///
    /// Fails if a requested interpreter cannot run them.
    fn interpreters(&self) -> anyhow::Result<Interpreters> {
        if self.no_python || self.calibrate {
            Ok(Interpreters::default())
        } else {
            Interpreters::find(&self.python, &self.scripts())
        }
    }

    /// Where and how programs are run.
    ///
    /// # Errors
    ///
    /// Fails if the folder of programs does not exist, or if a requested
    /// interpreter cannot run the scripts.
    pub fn bench(&self) -> anyhow::Result<Bench> {
        Ok(Bench {
            programs: self.programs()?,
            scripts: self.scripts(),
            interpreters: self.interpreters()?,
            seed: self.seed,
            patience: self.deadline,
            keeps_disturbed: self.keep_disturbed,
        })
    }

    /// How long to measure, once every figure has had its first look.
    pub fn budget(&self) -> Duration {
        let [quick, full] = BUDGETS.map(Duration::from_secs);
        self.budget.unwrap_or(if self.quick { quick } else { full })
    }

    /// How many workers each side gets, except where one worker is measured for
    /// the speed-up.
    pub fn workers(&self) -> usize {
        self.workers.unwrap_or_else(machine::cores)
    }

    /// The folder of the programs.
    ///
    /// # Errors
    ///
    /// Fails if it does not exist.
    fn programs(&self) -> anyhow::Result<PathBuf> {
        let folder = match &self.programs {
            Some(folder) => folder.clone(),
            None => beside_this_program()?,
        };
        folder
            .canonicalize()
            .with_context(|| format!("no programs in {}", Escaped(&folder)))
    }

    /// The file of samples. There always is one: without its samples, a figure
    /// can neither be checked nor compared later.
    ///
    /// # Errors
    ///
    /// Fails if the default is needed and the folder of programs does not
    /// exist.
    pub fn samples(&self) -> anyhow::Result<PathBuf> {
        if let Some(file) = &self.json {
            return Ok(file.clone());
        }
        let programs = self.programs()?;
        let target = programs.parent().unwrap_or(&programs);
        Ok(target.join("compare").join("samples.json"))
    }

    /// The old and the new file, with `--compare-with`.
    ///
    /// # Errors
    ///
    /// Fails if the default is needed and the folder of programs does not
    /// exist.
    pub fn compare_with(&self) -> anyhow::Result<Option<[PathBuf; 2]>> {
        match self.compare_with.as_deref() {
            None => Ok(None),
            Some([old, new]) => Ok(Some([old.clone(), new.clone()])),
            Some([old, ..]) => Ok(Some([old.clone(), self.samples()?])),
            Some([]) => Ok(None),
        }
    }

    fn chose(&self, scenario: &Scenario) -> bool {
        self.scenarios.is_empty()
            || self.scenarios.iter().any(|name| name == scenario.name)
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    scenarios::ALL.iter().map(|scenario| scenario.name)
}

fn beside_this_program() -> anyhow::Result<PathBuf> {
    let program = env::current_exe().context("this program has no path")?;
    Ok(program.parent().unwrap_or(Path::new("/")).to_path_buf())
}

fn parse_workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(workers) if WORKERS.contains(&workers) => Ok(workers),
        _ => Err("must be a number of workers from 1 to 1024".into()),
    }
}

/// Fractions of a second are allowed.
fn parse_deadline(text: &str) -> Result<Duration, String> {
    match parse_seconds(text) {
        Some(time) if !time.is_zero() => Ok(time),
        _ => Err("must be a number of seconds above 0, at most a day".into()),
    }
}

/// With zero, each row gets its first look and no more.
fn parse_budget(text: &str) -> Result<Duration, String> {
    let needed = "must be a number of seconds from 0, at most a day";
    parse_seconds(text).ok_or_else(|| needed.into())
}

fn parse_seconds(text: &str) -> Option<Duration> {
    const DAY: f64 = 86_400.0;
    let seconds = text.parse().ok().filter(|it| (0.0..=DAY).contains(it))?;
    Some(Duration::from_secs_f64(seconds))
}
