//! The figures that rules ask for.

use std::collections::BTreeSet;

use common::{
    estimate::{self, Estimate},
    outcome::Model,
    scenarios::ALL,
};
use serde_json::Value;

use crate::{
    claims::Missing, measured::Measured, results::Results, samples::Sample,
    stopping,
};

/// One figure of one side: which, and whose.
#[derive(Debug, Clone, Copy)]
pub struct Figure<'name> {
    scenario: &'static str,
    id: &'static str,
    /// The levels of the id that follow.
    variant: Option<&'name str>,
    model: Model,
}

impl<'name> Figure<'name> {
    /// Of threads.
    pub const fn threads(scenario: &'static str, id: &'static str) -> Self {
        let (variant, model) = (None, Model::Threads);
        Figure { scenario, id, variant, model }
    }

    /// Of processes.
    pub const fn processes(scenario: &'static str, id: &'static str) -> Self {
        Self::threads(scenario, id).by_processes()
    }

    /// Of this variant.
    pub const fn of(self, variant: &'name str) -> Self {
        Figure { variant: Some(variant), ..self }
    }

    /// The same of processes.
    pub const fn by_processes(self) -> Self {
        self.by(Model::Processes)
    }

    /// The same of this side.
    pub const fn by(self, model: Model) -> Self {
        Figure { model, ..self }
    }

    fn id(self) -> String {
        match self.variant {
            Some(variant) => format!("{}.{variant}", self.id),
            None => self.id.to_owned(),
        }
    }
}

/// What was measured, as rules see it: a figure is there, or a reason why it
/// is not.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'all> {
    results: &'all Results,
    /// The number of the interpreter, if it is of CPython.
    interpreter: Option<usize>,
}

impl<'all> Evidence<'all> {
    /// Of the pairs.
    pub fn of_rust(results: &'all Results) -> Self {
        Evidence { results, interpreter: None }
    }

    /// Of CPython, by the interpreter of this number.
    pub fn of_cpython(results: &'all Results, interpreter: usize) -> Self {
        Evidence { results, interpreter: Some(interpreter) }
    }

    /// Whether it is of CPython.
    pub fn is_of_cpython(self) -> bool {
        self.interpreter.is_some()
    }

    /// Whether the interpreter, if there is one, has a GIL: by its own words.
    pub fn has_gil(self) -> bool {
        let interpreters = &self.results.heading.interpreters;
        let interpreter = self.interpreter.map(|number| &interpreters[number]);
        interpreter.is_some_and(|one| !one.words.contains("no GIL"))
    }

    /// A figure, round by round.
    ///
    /// # Errors
    ///
    /// It is missing if its scenario was not compared, or refused, or if the
    /// programs had no such figure.
    pub fn rounds(self, figure: Figure<'_>) -> Result<Vec<f64>, Missing> {
        let measured = self.sound(figure.scenario)?;
        self.rounds_with(measured.plan.workers, figure)
    }

    fn rounds_with(
        self,
        workers: usize,
        figure: Figure<'_>,
    ) -> Result<Vec<f64>, Missing> {
        let measured = self.sound(figure.scenario)?;
        let id = figure.id();
        let rounds = measured.by_pair(figure.model, workers, |sample| {
            let mut figures = sample.figures.iter();
            figures.find(|metric| metric.id == id).map(|it| it.value)
        });
        rounds
            .filter(|rounds| !rounds.is_empty())
            .ok_or_else(|| absent(figure.scenario, figure.model, &id))
    }

    /// A figure's median, and the interval that holds it.
    ///
    /// # Errors
    ///
    /// As [`Evidence::rounds`].
    pub fn estimate(self, figure: Figure<'_>) -> Result<Estimate, Missing> {
        self.rounds(figure).map(|rounds| stopping::estimate(&rounds))
    }

    /// A figure's median alone.
    ///
    /// # Errors
    ///
    /// As [`Evidence::rounds`].
    pub fn median(self, figure: Figure<'_>) -> Result<f64, Missing> {
        self.estimate(figure).map(|estimate| estimate.median)
    }

    /// How many times the one figure is the other. Both must be of one
    /// scenario, so that a round of the one is a round of the other.
    ///
    /// # Errors
    ///
    /// As [`Evidence::rounds`].
    pub fn ratio(
        self,
        above: Figure<'_>,
        below: Figure<'_>,
    ) -> Result<Estimate, Missing> {
        let (above, below) = (self.rounds(above)?, self.rounds(below)?);
        Ok(ratio(&above, &below))
    }

    /// The same figure of the variant that has the greatest number in its
    /// name, of those that both sides have; and how its name is read.
    ///
    /// # Errors
    ///
    /// It is missing if there is no such variant, or as above.
    pub fn of_most(
        self,
        figure: Figure<'_>,
        number: fn(&str) -> Option<usize>,
    ) -> Result<Figure<'all>, Missing> {
        let Figure { scenario, id, model, .. } = figure;
        let threads = self.variants(figure.by(Model::Threads))?;
        let processes = self.variants(figure.by(Model::Processes))?;
        threads
            .intersection(&processes)
            .filter_map(|variant| Some((number(variant)?, *variant)))
            .max()
            .map(|(_, most)| Figure::threads(scenario, id).of(most))
            .map(|figure| figure.by(model))
            .ok_or_else(|| absent(scenario, model, id))
    }

    /// All variants of a figure.
    fn variants(
        self,
        figure: Figure<'_>,
    ) -> Result<BTreeSet<&'all str>, Missing> {
        let measured = self.sound(figure.scenario)?;
        let samples = measured.of(figure.model);
        Ok(samples
            .flat_map(|sample| &sample.figures)
            .filter_map(|metric| {
                metric.id.strip_prefix(figure.id)?.strip_prefix('.')
            })
            .collect())
    }

    /// How many times faster all workers are than one.
    ///
    /// # Errors
    ///
    /// It is missing if only one worker was tried, or as above.
    pub fn speed_up(
        self,
        scenario: &'static str,
        model: Model,
    ) -> Result<Estimate, Missing> {
        let measured = self.scaling(scenario)?;
        let work = |workers| {
            let work = |sample: &Sample| Some(Some(sample.outcome.laps.work));
            measured.by_pair(model, workers, work).unwrap_or_default()
        };
        Ok(ratio(&work(1), &work(measured.plan.workers)))
    }

    /// How many times faster all workers are than one at these parts of the
    /// work together, by the time that each takes.
    ///
    /// # Errors
    ///
    /// As [`Evidence::speed_up`], or if there is no such time.
    pub fn speed_up_of(
        self,
        parts: &[Figure<'_>],
    ) -> Result<Estimate, Missing> {
        let one = self.time_of(parts, |_| 1)?;
        let all = self.time_of(parts, |measured| measured.plan.workers)?;
        Ok(ratio(&one, &all))
    }

    /// What these parts of the work take together, round by round.
    fn time_of(
        self,
        parts: &[Figure<'_>],
        workers: fn(&Measured) -> usize,
    ) -> Result<Vec<f64>, Missing> {
        let mut time = Vec::new();
        for &part in parts {
            let workers = workers(self.scaling(part.scenario)?);
            let rounds = self.rounds_with(workers, part)?;
            time.resize(rounds.len(), 0.0);
            time.iter_mut().zip(rounds).for_each(|(all, one)| *all += one);
        }
        Ok(time)
    }

    /// How many workers there were, if the cores are enough for them; or as
    /// many as there are cores.
    ///
    /// # Errors
    ///
    /// It is missing if the scenario was not compared, or refused.
    pub fn usable_cores(self, scenario: &str) -> Result<usize, Missing> {
        let [workers, cores] = self.workers_and_cores(scenario)?;
        Ok(workers.min(cores))
    }

    /// How many workers there were, and how many cores for them.
    ///
    /// # Errors
    ///
    /// As [`Evidence::usable_cores`].
    pub fn workers_and_cores(
        self,
        scenario: &str,
    ) -> Result<[usize; 2], Missing> {
        let measured = self.sound(scenario)?;
        Ok([measured.plan.workers, measured.cores()])
    }

    /// How many cores all workers kept busy: CPU seconds a second.
    ///
    /// # Errors
    ///
    /// It is missing if the scenario was not compared, or refused.
    pub fn busy_cores(
        self,
        scenario: &'static str,
        model: Model,
    ) -> Result<Estimate, Missing> {
        let measured = self.sound(scenario)?;
        let busy = measured.by_pair(model, measured.plan.workers, |sample| {
            let used = sample.outcome.resources;
            let cpu = used.cpu_user + used.cpu_system;
            Some(Some(cpu / sample.outcome.laps.total()))
        });
        Ok(stopping::estimate(&busy.unwrap_or_default()))
    }

    /// What a side called its result, in each round: at this JSON pointer
    /// (RFC 6901).
    ///
    /// # Errors
    ///
    /// It is missing if there is nothing at that place in some round, or as
    /// above.
    pub fn results(
        self,
        scenario: &'static str,
        model: Model,
        pointer: &str,
    ) -> Result<Vec<&'all Value>, Missing> {
        let measured = self.sound(scenario)?;
        let results: Vec<&Value> = measured
            .of(model)
            .filter_map(|sample| sample.outcome.result.pointer(pointer))
            .collect();
        match results.is_empty() {
            false => Ok(results),
            true => Err(absent(scenario, model, pointer)),
        }
    }

    fn find(self, scenario: &str) -> Option<&'all Measured> {
        match self.interpreter {
            None => self.results.find(scenario),
            Some(number) => {
                self.results.find_beside(scenario)?.cpython.get(number)
            }
        }
    }

    fn scaling(self, scenario: &str) -> Result<&'all Measured, Missing> {
        let measured = self.sound(scenario)?;
        match measured.plan.measures_speed_up() {
            true => Ok(measured),
            false => {
                Err(Missing(format!("{scenario}: needs two workers or more")))
            }
        }
    }

    fn sound(self, scenario: &str) -> Result<&'all Measured, Missing> {
        let words = match self.find(scenario) {
            Some(measured) if measured.is_sound() => return Ok(measured),
            Some(_) => "was refused",
            None if self.is_of_cpython() && !has_script(scenario) => {
                "is not there on CPython"
            }
            None => "was not compared",
        };
        Err(Missing(format!("{scenario} {words}")))
    }
}

fn ratio(above: &[f64], below: &[f64]) -> Estimate {
    stopping::estimate(&estimate::ratios(above, below))
}

fn has_script(scenario: &str) -> bool {
    ALL.iter().any(|one| one.name == scenario && one.cpython_run.is_some())
}

fn absent(scenario: &str, model: Model, what: &str) -> Missing {
    Missing(format!("{scenario}: {model} have no {what}"))
}
