//! The runs of one scenario, up to the first that is refused.

use std::{path::PathBuf, process::Command, time::Duration};

use common::{outcome::Model, scenarios::Scenario};

use crate::{
    agreement::{self, Disagreement},
    arguments::Arguments,
    child::{self, Ending, Report},
    document,
    plan::{Plan, Run},
    progress::Progress,
    refusal::{Reason, Refusal},
    samples::{Journal, Sample},
};

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
    /// Whether it can be judged.
    pub fn is_sound(&self) -> bool {
        self.refusals.is_empty()
    }

    /// How many cores the programs could use, as they say themselves.
    pub fn cores(&self) -> usize {
        let first = self.samples.first();
        first.map_or(1, |sample| sample.outcome.machine.cores)
    }

    /// Takes a sample in, and says if it disagrees with an earlier one.
    fn accept(&mut self, sample: Sample) -> Result<(), Disagreement> {
        let agrees = agreement::check(&sample, &self.samples);
        self.samples.push(sample);
        agrees
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
    quick: bool,
    seed: u64,
    patience: Duration,
}

impl Bench {
    /// As the arguments say.
    ///
    /// # Errors
    ///
    /// Fails if there is no folder of programs.
    pub fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        Ok(Bench {
            programs: arguments.programs()?,
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
        let refusals = self.missing(plan.scenario);
        let mut measured = Measured { plan, samples: Vec::new(), refusals };
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

    /// Both sides are looked for at once, so that who forgot to build learns
    /// of all that is missing.
    fn missing(&self, scenario: &Scenario) -> Vec<Refusal> {
        [Model::Threads, Model::Processes]
            .into_iter()
            .map(|model| (model, self.program(scenario, model)))
            .filter(|(_, program)| !program.is_file())
            .map(|(model, program)| {
                Refusal::outright(scenario, model, Reason::Missing(program))
            })
            .collect()
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
        let (sample, stderr) = self.run(scenario, run);
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
    ) -> (Result<Sample, Reason>, String) {
        match child::run(&mut self.command(scenario, run), self.patience) {
            Ok(report) => {
                let stderr = String::from_utf8_lossy(&report.stderr);
                (self.sample(scenario, run, &report), stderr.into_owned())
            }
            Err(error) => (Err(Reason::NotRun(error)), String::new()),
        }
    }

    /// Every program is told to end with this one.
    fn command(&self, scenario: &Scenario, run: Run) -> Command {
        let mut command = Command::new(self.program(scenario, run.model));
        command
            .args(["--json", "--lifeline"])
            .args(["--seed", &self.seed.to_string()]);
        if scenario.crew {
            command.args(["--workers", &run.workers.to_string()]);
        }
        if self.quick {
            command.arg("--quick");
        }
        command
    }

    fn program(&self, scenario: &Scenario, model: Model) -> PathBuf {
        self.programs.join(scenario.program(model))
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
