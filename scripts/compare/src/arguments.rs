//! What the comparison is asked to do.

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
  scripts/compare.sh --scenario matrix     one pair
  scripts/compare.sh --budget 900          until more of it is decided
  scripts/compare.sh --calibrate           may the judge be trusted here?
  scripts/compare.sh --compare-with OLD.json
                                           what changed since
  scripts/compare.sh --report old.json     the report of an earlier comparison
  scripts/compare.sh --advise              which is for your task?

Exit status: 0 every pair was judged, 1 one was refused, 2 bad usage;
with --compare-with, 1 if anything got clearly worse or is not comparable;
with --calibrate, 1 if more than 5 of a hundred verdicts were false;
130 after Ctrl-C. Ctrl-C loses no sample that was taken.";

/// What means nothing where nothing is measured.
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

/// How many seconds are measured: with `--quick`, and without.
const BUDGETS: [u64; 2] = [65, 330];

/// Runs every pair on this machine, proves that both sides did the same
/// work, and says in words which is faster
#[derive(Debug, Parser)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Only what answers each scenario's question
    #[arg(long)]
    pub quick: bool,

    /// Print every row and every claim, and what CPython has to say; without
    /// it only rows that answer a question, and claims that do not simply hold
    #[arg(long)]
    pub all: bool,

    /// Compare this scenario only; may be given more than once
    #[arg(
        long = "scenario",
        value_name = "NAME",
        value_parser = PossibleValuesParser::new(names())
    )]
    scenarios: Vec<String>,

    /// How long to measure: what is not decided by then is too noisy to tell.
    /// Each figure has eight pairs of programs, however long those take
    /// [default: 330, quick: 65]
    #[arg(long, value_name = "SECONDS", value_parser = parse_budget)]
    budget: Option<Duration>,

    /// Where to keep all samples, and beside them, as .html, the report; a
    /// file of that name is overwritten, unless --advise or --readme read it
    /// [default: compare/samples.json under target]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Judge the judge, in some ten minutes: let it compare each program with
    /// itself, as it is and made to look slower by 3 and by 10 %
    #[arg(
        long,
        conflicts_with_all =
            ["all", "quick", "budget", "json", "compare_with"]
    )]
    pub calibrate: bool,

    /// Measure nothing: compare a file of samples with an older one, each
    /// side with itself [default of NEW: where the samples are kept]
    #[arg(
        long,
        value_names = ["OLD", "NEW"],
        num_args = 1..=2,
        conflicts_with_all = MEASURING
    )]
    compare_with: Option<Vec<PathBuf>>,

    /// Write the report of these samples again, and measure nothing
    #[arg(long, value_name = "FILE", exclusive = true)]
    pub report: Option<PathBuf>,

    /// Print the ids of all figures that claims, advice, charts and README.md
    /// rest on, and measure nothing
    #[arg(long, hide = true, exclusive = true)]
    pub list_ids: bool,

    /// Compare with this CPython too, besides python3 (repeatable); one that
    /// is free-threaded, say
    #[arg(long, value_name = "PATH")]
    python: Vec<PathBuf>,

    /// Leave CPython out
    #[arg(long, conflicts_with = "python")]
    no_python: bool,

    /// The seed of the input
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// How many workers each side gets [default: one for each core]
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

    /// Measure nothing: ask about your task, and say what to take, by the
    /// last results of this machine
    #[arg(long, conflicts_with_all = MEASURING)]
    pub advise: bool,

    #[command(flatten)]
    pub task: Task,

    /// Measure nothing: write the table of the last results into README.md
    #[arg(long, conflicts_with = "advise", conflicts_with_all = MEASURING)]
    pub readme: bool,

    /// Where the programs of the demos are [default: beside this one]
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,

    /// Leave no pair out, however much of its time the host took
    #[arg(long, hide = true)]
    keep_disturbed: bool,

    /// Where the scripts for CPython are [default: scripts/cpython]
    #[arg(long, value_name = "DIR", hide = true)]
    scripts: Option<PathBuf>,
}

impl Arguments {
    /// One plan for each scenario that was chosen, in the order of the list.
    pub fn plans(&self) -> Vec<Plan> {
        let plan = |scenario| Plan::of(scenario, self.workers(), self.quick);
        let all = scenarios::ALL.iter();
        all.filter(|scenario| self.chose(scenario)).map(plan).collect()
    }

    /// Where the scripts are: in the workspace that this program was built
    /// from, for they are not built into it.
    fn scripts(&self) -> PathBuf {
        const USUAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cpython");
        self.scripts.clone().unwrap_or_else(|| USUAL.into())
    }

    /// The interpreters of Python that the scripts are run by: none to judge
    /// the judge.
    ///
    /// # Errors
    ///
    /// Fails if one that was asked for cannot run them.
    fn interpreters(&self) -> anyhow::Result<Interpreters> {
        match self.no_python || self.calibrate {
            true => Ok(Interpreters::default()),
            false => Interpreters::find(&self.python, &self.scripts()),
        }
    }

    /// Where and how programs are run.
    ///
    /// # Errors
    ///
    /// Fails if there is no folder of programs, or if an interpreter that was
    /// asked for cannot run the scripts.
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

    /// How many workers each side gets, where one side's speed-up is not in
    /// question.
    pub fn workers(&self) -> usize {
        self.workers.unwrap_or_else(machine::cores)
    }

    /// The folder that holds the programs.
    ///
    /// # Errors
    ///
    /// Fails if there is no such folder.
    fn programs(&self) -> anyhow::Result<PathBuf> {
        let folder = match &self.programs {
            Some(folder) => folder.clone(),
            None => beside_this_program()?,
        };
        folder
            .canonicalize()
            .with_context(|| format!("no programs in {}", Escaped(&folder)))
    }

    /// The file that keeps the samples. There is always one: a figure whose
    /// samples are gone can be neither checked nor compared with later.
    ///
    /// # Errors
    ///
    /// Fails if there is no folder of programs to derive it from.
    pub fn samples(&self) -> anyhow::Result<PathBuf> {
        if let Some(file) = &self.json {
            return Ok(file.clone());
        }
        let programs = self.programs()?;
        let target = programs.parent().unwrap_or(&programs);
        Ok(target.join("compare").join("samples.json"))
    }

    /// The old file and the new one, if two are to be compared.
    ///
    /// # Errors
    ///
    /// Fails if there is no folder of programs to derive the new one from.
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
        _ => Err("a number of workers from 1 to 1024 is needed".into()),
    }
}

/// A part of a second is understood too.
fn parse_deadline(text: &str) -> Result<Duration, String> {
    match parse_seconds(text) {
        Some(time) if !time.is_zero() => Ok(time),
        _ => Err("a number of seconds above 0, up to a day, is needed".into()),
    }
}

/// With none, each row has its first look, and no more.
fn parse_budget(text: &str) -> Result<Duration, String> {
    let needed = "a number of seconds from 0, up to a day, is needed";
    parse_seconds(text).ok_or_else(|| needed.into())
}

fn parse_seconds(text: &str) -> Option<Duration> {
    const DAY: f64 = 86_400.0;
    let seconds = text.parse().ok().filter(|it| (0.0..=DAY).contains(it))?;
    Some(Duration::from_secs_f64(seconds))
}
