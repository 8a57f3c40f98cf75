//! The runs of one scenario, up to the first that is refused.

use std::{path::PathBuf, process::Command, time::Duration};

use common::{outcome::Model, scenarios::Scenario};

use crate::{
    agreement::{self, Disagreement},
    arguments::Arguments,
    beside::{self, Beside},
    child::{self, Ending, Report},
    document,
    interpreter::Interpreters,
    plan::{Plan, Run, Series},
    progress::Progress,
    refusal::{Reason, Refusal},
    samples::{Journal, Sample},
};

/// Said where it holds, for it changes the figures.
const STATIC: &str = "The processes are linked statically, and start sooner \
    than a program that is linked as usual: to have that, set LINK=dynamic \
    before the command.";

/// What came of one scenario.
#[derive(Debug)]
pub struct Measured {
    /// What was asked.
    pub plan: Plan,
    /// The runs whose outcome could be read, the warm-up included.
    pub samples: Vec<Sample>,
    /// Why the scenario does not count. Empty if it does.
    pub refusals: Vec<Refusal>,
}

impl Measured {
    /// Nothing yet.
    pub fn empty(plan: Plan) -> Self {
        Measured { plan, samples: Vec::new(), refusals: Vec::new() }
    }

    /// Whether it can be judged.
    pub fn is_sound(&self) -> bool {
        self.refusals.is_empty()
    }

    /// How many cores the programs could use, as they say themselves.
    pub fn cores(&self) -> usize {
        let first = self.samples.first();
        first.map_or(1, |sample| sample.outcome.machine.cores)
    }

    /// What the rows measure, and by what programs.
    pub fn legend(&self) -> String {
        let rows = self.plan.scenario.rows;
        let is_static =
            |sample: &Sample| sample.outcome.machine.link == "static";
        match self.samples.iter().any(is_static) {
            true => format!("{rows} {STATIC}"),
            false => rows.to_owned(),
        }
    }

    /// What the first run has answered: all others must answer the same.
    fn answer(&self) -> Option<&str> {
        self.samples.first().map(|sample| sample.outcome.answer.as_str())
    }

    /// Takes a sample in, and says if it disagrees with an earlier one.
    fn accept(&mut self, sample: Sample) -> Result<(), Disagreement> {
        let agrees = agreement::check(&sample, &self.samples);
        self.samples.push(sample);
        agrees
    }

    /// The last sample against the pair's first: the same work must have the
    /// same answer in another language.
    fn hold_against(&mut self, pair: &Measured) {
        let (Some(sample), Some(first)) =
            (self.samples.last(), pair.samples.first())
        else {
            return;
        };
        if self.refusals.is_empty()
            && let Err(fault) = agreement::check_across(sample, first)
        {
            let (scenario, run) = (self.plan.scenario, sample.run);
            let stderr = String::new();
            let refusal = Refusal::of(scenario, run, fault.into(), stderr);
            self.refusals.push(refusal);
        }
    }

    /// The samples that count, of one side, in the order of the rounds.
    pub fn counted(
        &self,
        model: Model,
        workers: usize,
    ) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |Sample { run, .. }| {
            run.round > 0 && run.model == model && run.workers == workers
        })
    }
}

/// Where and how programs are run.
#[derive(Debug)]
pub struct Bench {
    programs: PathBuf,
    scripts: PathBuf,
    /// Those that scripts are run by.
    pub interpreters: Interpreters,
    quick: bool,
    seed: u64,
    patience: Duration,
}

impl Bench {
    /// As the arguments say.
    ///
    /// # Errors
    ///
    /// Fails if there is no folder of programs, or if an interpreter that was
    /// asked for cannot run the scripts.
    pub fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        Ok(Bench {
            programs: arguments.programs()?,
            scripts: arguments.scripts(),
            interpreters: arguments.interpreters()?,
            quick: arguments.quick,
            seed: arguments.seed,
            patience: arguments.deadline,
        })
    }

    /// Runs what the plan asks, until a run must be refused. After that there
    /// is no ratio to be had, and each further run might take its deadline.
    ///
    /// # Errors
    ///
    /// Fails if a sample cannot be kept. What a program does wrong is no
    /// error but a refusal.
    pub fn measure(
        &self,
        plan: Plan,
        journal: &mut Journal,
        progress: &mut Progress,
    ) -> anyhow::Result<Measured> {
        let mut runs = plan.runs().into_iter();
        let mut measured = Measured::empty(plan);
        self.look_for_programs(&mut measured);
        while measured.is_sound()
            && let Some(run) = runs.next()
        {
            progress.begin(&measured.plan, run);
            self.take(run, &mut measured, journal)?;
            progress.end();
        }
        progress.leave_out(runs.len());
        Ok(measured)
    }

    /// Whether a scenario is also run in two languages.
    pub fn compares_beside(&self, scenario: &Scenario) -> bool {
        !self.interpreters.all.is_empty()
            && beside::is_wanted(scenario, self.quick)
    }

    /// How many runs a plan takes, in all languages.
    pub fn runs(&self, plan: &Plan) -> usize {
        let beside = match self.compares_beside(plan.scenario) {
            true => Beside::empty(plan, self.interpreters.all.len()).runs(),
            false => 0,
        };
        plan.runs().len() + beside
    }

    /// Runs a scenario in both languages, by turns, until the pair's run must
    /// be refused: then there is nothing to compare with. An interpreter whose
    /// run is refused is left out from there on.
    ///
    /// # Errors
    ///
    /// As [`Bench::measure`].
    pub fn measure_beside(
        &self,
        plan: &Plan,
        journal: &mut Journal,
        progress: &mut Progress,
    ) -> anyhow::Result<Beside> {
        let mut beside = Beside::empty(plan, self.interpreters.all.len());
        self.look_for_programs(&mut beside.rust);
        for measured in &mut beside.cpython {
            self.look_for_programs(measured);
        }
        for index in 0..beside.rust.plan.runs().len() {
            let rust = &mut beside.rust;
            self.take_next(index, rust, journal, progress)?;
            for measured in &mut beside.cpython {
                if rust.is_sound() {
                    self.take_next(index, measured, journal, progress)?;
                    measured.hold_against(rust);
                } else {
                    progress.leave_out(1);
                }
            }
        }
        Ok(beside)
    }

    /// The run of this number, unless one before it was refused.
    fn take_next(
        &self,
        index: usize,
        measured: &mut Measured,
        journal: &mut Journal,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        if !measured.is_sound() {
            progress.leave_out(1);
            return Ok(());
        }
        let run = measured.plan.runs()[index];
        progress.begin(&measured.plan, run);
        self.take(run, measured, journal)?;
        progress.end();
        Ok(())
    }

    /// Both sides are looked for at once, so that who forgot to build learns
    /// of all that is missing.
    fn look_for_programs(&self, measured: &mut Measured) {
        let Plan { scenario, series, .. } = measured.plan;
        let missing = [Model::Threads, Model::Processes]
            .into_iter()
            .map(|model| (model, self.file(scenario, series, model)))
            .filter(|(_, program)| !program.is_file())
            .map(|(model, program)| {
                let reason = Reason::Missing(program);
                Refusal::outright(scenario, series, model, reason)
            });
        measured.refusals.extend(missing);
    }

    /// One run, which adds a sample, or a refusal, or both: an outcome that
    /// disagrees with an earlier one is worth keeping.
    fn take(
        &self,
        run: Run,
        measured: &mut Measured,
        journal: &mut Journal,
    ) -> anyhow::Result<()> {
        let scenario = measured.plan.scenario;
        let (sample, stderr) = self.run(scenario, run, measured.answer());
        let accepted = match sample {
            Ok(sample) => {
                journal.add(&sample)?;
                measured.accept(sample).map_err(Reason::from)
            }
            Err(reason) => Err(reason),
        };
        if let Err(reason) = accepted {
            let refusal = Refusal::of(scenario, run, reason, stderr);
            measured.refusals.push(refusal);
        }
        Ok(())
    }

    /// What a run came to, and what it wrote to stderr.
    fn run(
        &self,
        scenario: &Scenario,
        run: Run,
        answer: Option<&str>,
    ) -> (Result<Sample, Reason>, String) {
        let mut command = self.command(scenario, run, answer);
        match child::run(&mut command, self.patience) {
            Ok(report) => {
                let stderr = String::from_utf8_lossy(&report.stderr);
                (self.sample(scenario, run, &report), stderr.into_owned())
            }
            Err(error) => (Err(Reason::NotRun(error)), String::new()),
        }
    }

    /// Every program is told to end with this one. In the warm-up each side
    /// has to find out by itself what is right.
    fn command(
        &self,
        scenario: &Scenario,
        run: Run,
        answer: Option<&str>,
    ) -> Command {
        let mut command = self.program(scenario, run);
        command
            .args(["--json", "--lifeline"])
            .args(["--seed", &self.seed.to_string()]);
        if scenario.crew {
            command.args(["--workers", &run.workers.to_string()]);
        }
        if self.quick {
            command.arg("--quick");
        }
        if !run.series.is_pair() {
            command.args(scenario.cpython_run.unwrap_or_default());
        }
        if let Some(answer) = answer.filter(|_| run.round > 0) {
            command.args(["--expect", answer]);
        }
        command
    }

    fn program(&self, scenario: &Scenario, run: Run) -> Command {
        let Run { series, model, .. } = run;
        match series {
            Series::CPython(number) => {
                let interpreter = &self.interpreters.all[number];
                let mut command =
                    interpreter.run(scenario, &self.scripts, model);
                // There it finds the databases that the pair has.
                let target = self.programs.parent();
                command
                    .env("CARGO_TARGET_DIR", target.unwrap_or(&self.programs));
                command
            }
            Series::Pair | Series::Beside => {
                Command::new(self.file(scenario, series, model))
            }
        }
    }

    fn file(
        &self,
        scenario: &Scenario,
        series: Series,
        model: Model,
    ) -> PathBuf {
        match series {
            Series::CPython(_) => self.scripts.join(scenario.script()),
            Series::Pair | Series::Beside => {
                self.programs.join(scenario.program(model))
            }
        }
    }

    fn sample(
        &self,
        scenario: &Scenario,
        run: Run,
        report: &Report,
    ) -> Result<Sample, Reason> {
        self.check_ending(report)?;
        let (document, outcome) =
            document::read(&report.stdout, scenario, run.model)?;
        Ok(Sample::new(run, report.wall, document, outcome))
    }

    fn check_ending(&self, report: &Report) -> Result<(), Reason> {
        match report.ending {
            Ending::Deadline => Err(Reason::Deadline(self.patience)),
            Ending::Flood => Err(Reason::Flood),
            Ending::Ended if !report.status.success() => {
                Err(Reason::Failed(report.status))
            }
            Ending::Ended if report.left_behind => Err(Reason::LeftBehind),
            Ending::Ended => Ok(()),
        }
    }
}
