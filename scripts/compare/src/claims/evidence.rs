//! What was measured, as rules see it: a quantity, or the reason why it is
//! missing.
//!
//! All access to measurements goes through these methods:
//! [`figure`](Evidence::figure), [`ratio`](Evidence::ratio),
//! [`speed_up`](Evidence::speed_up), [`busy_cores`](Evidence::busy_cores),
//! [`setting`](Evidence::setting), [`summaries`](Evidence::summaries) and
//! [`has_gil`](Evidence::has_gil).

use std::collections::BTreeSet;

use common::{
    estimate::{self, Estimate},
    outcome::Model,
    scenarios::ALL,
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    claims::{
        quantity::{Figure, MATRIX, Setting},
        ruling::Missing,
    },
    judge::{disturbance, results::Results, stopping, verdict},
    run::measured::Measured,
};

/// If other programs took more of the CPU time than this, a speed-up says more
/// about them than about threads or processes.
const MOST_TAKEN: f64 = 0.1;

/// The measurements of the Rust pairs or of CPython.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'all> {
    results: &'all Results,
    /// The number of the interpreter, for CPython.
    interpreter: Option<usize>,
}

impl<'all> Evidence<'all> {
    /// For the Rust pairs.
    pub fn of_rust(results: &'all Results) -> Self {
        Evidence { results, interpreter: None }
    }

    /// For CPython, with the interpreter of this number.
    pub fn of_cpython(results: &'all Results, interpreter: usize) -> Self {
        Evidence { results, interpreter: Some(interpreter) }
    }

    /// Whether the interpreter, if there is one, has a GIL.
    pub fn has_gil(self) -> bool {
        let interpreters = &self.results.heading.interpreters;
        let interpreter =
            self.interpreter.and_then(|number| interpreters.get(number));
        interpreter.is_some_and(|one| one.has_gil)
    }

    /// A figure of one side, pair by pair.
    ///
    /// # Errors
    ///
    /// It is missing if its scenario was not compared or was refused, or if the
    /// programs have no such figure.
    pub fn figure(self, figure: Figure) -> Result<Vec<f64>, Missing> {
        let measured = self.sound(figure.scenario)?;
        let id = match figure.id.strip_suffix('*') {
            Some(begin) => most(measured, begin)
                .ok_or_else(|| absent(measured, figure, figure.id))?,
            None => figure.id.to_owned(),
        };
        values(measured, figure.model, measured.plan.workers, &id)
            .ok_or_else(|| absent(measured, figure, &id))
    }

    /// The ratio of two figures. Both must come from one scenario, so that
    /// their values can be paired.
    ///
    /// # Errors
    ///
    /// See [`Evidence::figure`].
    pub fn ratio(
        self,
        above: Figure,
        below: Figure,
    ) -> Result<Estimate, Missing> {
        let (above, below) = (self.figure(above)?, self.figure(below)?);
        Ok(ratio(&above, &below))
    }

    /// How many times better threads are at a figure, as its row says.
    ///
    /// # Errors
    ///
    /// It is missing as above, or if the row compares nothing.
    pub fn advantage(self, figure: Figure) -> Result<Estimate, Missing> {
        let measured = self.sound(figure.scenario)?;
        let metrics = measured.metrics(figure.model).into_iter();
        let mut of_it = metrics.filter(|metric| metric.id == figure.id);
        of_it
            .next()
            .and_then(|metric| verdict::ratio(measured, metric))
            .ok_or_else(|| absent(measured, figure, figure.id))
    }

    /// How many times faster all workers are than one: at these parts of the
    /// work together, or at all of it.
    ///
    /// # Errors
    ///
    /// It is missing if only one worker was tried, if other programs took the
    /// cores, or as above.
    pub fn speed_up(
        self,
        model: Model,
        parts: &[&'static str],
    ) -> Result<Estimate, Missing> {
        let measured = self.sound(MATRIX)?;
        if !measured.plan.measures_speed_up() {
            let what = format!("{MATRIX}: needs two workers or more");
            return Err(Missing(what));
        }
        self.has_its_cores(MATRIX)?;
        let time = |workers| time(measured, model, workers, parts);
        let (one, all) = (time(1)?, time(measured.plan.workers)?);
        Ok(ratio(&one, &all))
    }

    /// Fails if other programs took much of the CPU time: then the number of
    /// cores used says nothing about the scenario's programs.
    fn has_its_cores(self, scenario: &str) -> Result<(), Missing> {
        let environment = self.results.environment.as_ref();
        match environment.and_then(|it| disturbance::taken(it, scenario)) {
            Some(share) if share > MOST_TAKEN => Err(Missing(format!(
                "{scenario}: other programs took {:.0} % of the CPU time: \
                 stop them and measure again",
                100.0 * share
            ))),
            _ => Ok(()),
        }
    }

    /// How many cores all workers kept busy: CPU seconds per second.
    ///
    /// # Errors
    ///
    /// It is missing if the scenario was not compared or was refused, or if
    /// other programs took the cores.
    pub fn busy_cores(self, model: Model) -> Result<Estimate, Missing> {
        let measured = self.sound(MATRIX)?;
        self.has_its_cores(MATRIX)?;
        let busy = measured.by_pair(model, measured.plan.workers, |sample| {
            let used = sample.outcome.resources;
            let cpu = used.cpu_user + used.cpu_system;
            Some(Some(cpu / sample.outcome.laps.total()))
        });
        Ok(stopping::estimate(&busy.unwrap_or_default()))
    }

    /// What stayed the same in all slices. Jobs are not divided: with six jobs
    /// for four workers, two workers idle while the last two jobs run.
    ///
    /// # Errors
    ///
    /// It is missing if the scenario was not compared or was refused, or if no
    /// job ran.
    pub fn setting(self, setting: Setting) -> Result<f64, Missing> {
        if setting == Setting::Others {
            return self.others("crash").map(|others| others as f64);
        }
        let measured = self.sound(MATRIX)?;
        let (workers, cores) = (measured.plan.workers, measured.cores());
        let number = match setting {
            Setting::Cores => cores,
            Setting::UsableCores => workers.min(cores),
            Setting::IdleCores => cores.saturating_sub(workers),
            Setting::Others => workers.saturating_sub(1),
            Setting::Jobs => self.jobs()?,
            Setting::JobsWithoutCore => self.jobs()?.saturating_sub(cores),
            Setting::JobsWithoutWorker => self.jobs()?.saturating_sub(workers),
            Setting::Limit => {
                let jobs = self.jobs()?;
                let by_jobs = jobs as f64 / jobs.div_ceil(workers) as f64;
                return Ok(by_jobs.min(cores as f64));
            }
        };
        Ok(number as f64)
    }

    /// How many other workers each worker has.
    ///
    /// # Errors
    ///
    /// It is missing if the scenario was not compared or was refused.
    pub fn others(self, scenario: &str) -> Result<usize, Missing> {
        Ok(self.sound(scenario)?.plan.workers.saturating_sub(1))
    }

    /// How many databases there were.
    fn jobs(self) -> Result<usize, Missing> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Databases {
            Rust(Vec<Database>),
            CPython { databases: Vec<Database> },
        }
        #[derive(Deserialize)]
        struct Database {}
        let rounds = self.summaries(MATRIX, Model::Processes)?;
        let jobs = rounds.first().map_or(0, |databases| match databases {
            Databases::Rust(databases) | Databases::CPython { databases } => {
                databases.len()
            }
        });
        match jobs {
            0 => Err(Missing(format!("{MATRIX}: no job ran"))),
            jobs => Ok(jobs),
        }
    }

    /// A side's result in each slice.
    ///
    /// # Errors
    ///
    /// It is missing if a slice has a result of a different form, or as above.
    pub fn summaries<T: DeserializeOwned>(
        self,
        scenario: &'static str,
        model: Model,
    ) -> Result<Vec<T>, Missing> {
        let measured = self.sound(scenario)?;
        measured
            .of(model)
            .map(|sample| T::deserialize(&sample.outcome.result))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| {
                let words = format!("have an unknown kind of result: {error}");
                Missing(format!("{scenario}: {model} {words}"))
            })
    }

    /// That a scenario lacks something, in these words.
    pub fn lacks(self, scenario: &str, words: String) -> Missing {
        match self.sound(scenario) {
            Ok(measured) => lacking(measured, words),
            Err(missing) => missing,
        }
    }

    fn sound(self, scenario: &str) -> Result<&'all Measured, Missing> {
        let words = match self.find(scenario) {
            Some(measured) if measured.is_sound() => return Ok(measured),
            Some(_) => "was refused",
            None if self.interpreter.is_some() && !has_script(scenario) => {
                "does not exist on CPython"
            }
            None => "was not compared",
        };
        Err(Missing(format!("{scenario} {words}")))
    }

    fn find(self, scenario: &str) -> Option<&'all Measured> {
        match self.interpreter {
            None => self.results.find(scenario),
            Some(number) => {
                self.results.find_beside(scenario)?.cpython.get(number)
            }
        }
    }
}

fn ratio(above: &[f64], below: &[f64]) -> Estimate {
    stopping::estimate(&estimate::ratios(above, below))
}

fn has_script(scenario: &str) -> bool {
    ALL.iter().any(|one| one.name == scenario && one.cpython_run.is_some())
}

/// A figure, pair by pair. None if a value is unknown.
fn values(
    measured: &Measured,
    model: Model,
    workers: usize,
    id: &str,
) -> Option<Vec<f64>> {
    let values = measured.by_pair(model, workers, |sample| {
        let mut figures = sample.figures.iter();
        figures.find(|metric| metric.id == id).map(|metric| metric.value)
    });
    values.filter(|values| !values.is_empty())
}

/// The time of these parts of the work together, pair by pair.
fn time(
    measured: &Measured,
    model: Model,
    workers: usize,
    parts: &[&'static str],
) -> Result<Vec<f64>, Missing> {
    if parts.is_empty() {
        let work = measured.by_pair(model, workers, |sample| {
            Some(Some(sample.outcome.laps.work))
        });
        return Ok(work.unwrap_or_default());
    }
    let mut time = Vec::new();
    for id in parts {
        let figure = Figure { model, scenario: MATRIX, id };
        let values = values(measured, model, workers, id)
            .ok_or_else(|| absent(measured, figure, id))?;
        time.resize(values.len(), 0.0);
        time.iter_mut().zip(values).for_each(|(all, one)| *all += one);
    }
    Ok(time)
}

/// The id that both sides have with this prefix and the greatest number after
/// it.
fn most(measured: &Measured, begin: &str) -> Option<String> {
    let ids = |model| -> BTreeSet<&str> {
        measured
            .of(model)
            .flat_map(|sample| &sample.figures)
            .map(|metric| metric.id.as_str())
            .collect()
    };
    let (threads, processes) = (ids(Model::Threads), ids(Model::Processes));
    let of_both = threads.intersection(&processes);
    let number = |id: &&str| id.strip_prefix(begin)?.parse::<usize>().ok();
    let most = of_both.filter_map(number).max()?;
    Some(format!("{begin}{most}"))
}

fn absent(measured: &Measured, figure: Figure, id: &str) -> Missing {
    let Figure { scenario, model, .. } = figure;
    lacking(measured, format!("{scenario}: {model} have no figure {id}"))
}

/// Adds how to see it, if `--quick` left it out.
fn lacking(measured: &Measured, words: String) -> Missing {
    Missing(if measured.plan.quick {
        format!("{words}; --quick leaves it out")
    } else {
        words
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use Model::{Processes, Threads};

    use super::*;
    use crate::{
        claims::{
            interpret::Source as _,
            quantity::{Quantity, by_processes, processes, threads},
        },
        judge::planted::Planted,
        run::environment::{Environment, Place, Reading},
    };

    const TORN: [f64; 6] = [0.5, 0.9, 1.0, 1.6, 1.9, 6.0];

    /// In both languages, which have the same evidence.
    fn found(
        planted: &Planted,
        quantity: Quantity,
    ) -> Result<[f64; 3], String> {
        let (rust, python) = (planted.results(), planted.results_in_cpython());
        let estimates = [
            Evidence::of_rust(&rust).estimate(&quantity),
            Evidence::of_cpython(&python, 0).estimate(&quantity),
        ];
        let [rust, python] = estimates.map(|estimate| {
            let in_order = |it: Estimate| [it.low, it.median, it.high];
            estimate.map(in_order).map_err(|Missing(words)| words)
        });
        assert_eq!(rust, python, "{quantity:?}");
        rust
    }

    #[test]
    fn a_figure_is_of_one_side_and_a_ratio_of_both() {
        let planted =
            Planted::nothing().both("ipc", "trip-64.ring", [2.0, 6.0]);
        let trip = |figure: Figure| found(&planted, figure.q());
        assert_eq!(trip(threads("ipc", "trip-64.ring")), Ok([2.0; 3]));
        assert_eq!(trip(processes("ipc", "trip-64.ring")), Ok([6.0; 3]));
        let ratio = by_processes("ipc", "trip-64.ring");
        assert_eq!(found(&planted, ratio), Ok([3.0; 3]));
        assert_eq!(
            trip(threads("ipc", "trip-64")),
            Err("ipc: threads have no figure trip-64".into())
        );
        assert_eq!(
            trip(threads("crash", "lost")),
            Err("crash was not compared".into())
        );
        let torn = Planted::nothing().rounds("ipc", Threads, "trip", &TORN);
        let trip = threads("ipc", "trip");
        assert_eq!(
            found(&torn, trip.q()).map(|it| [it[0], it[2]]),
            Ok([0.5, 6.0])
        );
        assert_eq!(found(&torn, Quantity::Most(trip)), Ok([6.0; 3]));
    }

    /// Both sides have it; the ids with a suffix or of one side only do not
    /// count.
    #[test]
    fn the_largest_crew_of_both_sides_is_asked() {
        let planted = Planted::nothing()
            .both("worker-cost", "private.idle-9", [1.0, 2.0])
            .both("worker-cost", "private.idle-80.with-tables", [1.0, 3.0])
            .both("worker-cost", "private.idle-10", [1.0, 9.0])
            .rounds("worker-cost", Threads, "private.idle-99", &[5.0; 6]);
        let ratio = by_processes("worker-cost", "private.idle-*");
        assert_eq!(found(&planted, ratio), Ok([9.0; 3]));
    }

    #[test]
    fn a_speed_up_is_of_all_work_or_of_parts_of_it() {
        let planted = Planted::nothing()
            .speed_up(MATRIX, Threads, 1.5)
            .speed_ups_of(MATRIX, Threads, "work.load", (&[2.0; 6], 1.0))
            .speed_ups_of(MATRIX, Threads, "work.pure", (&[1.0; 6], 1.0))
            .speed_ups_of(MATRIX, Processes, "work.pure", (&TORN, 1.0));
        let of =
            |model, parts| found(&planted, Quantity::SpeedUp(model, parts));
        assert_eq!(of(Threads, &[]), Ok([1.5; 3]));
        assert_eq!(of(Threads, &["work.load"]), Ok([2.0; 3]));
        assert_eq!(of(Threads, &["work.load", "work.pure"]), Ok([1.5; 3]));
        let torn = of(Processes, &["work.pure"]).unwrap();
        assert_eq!([torn[0], torn[2]], [0.5, 6.0]);
        assert!(of(Threads, &["work.native"]).is_err());
        let alone = Planted::nothing().speed_up(MATRIX, Threads, 1.0).on(1, 2);
        let words = found(&alone, Quantity::SpeedUp(Threads, &[]));
        assert_eq!(words, Err("matrix: needs two workers or more".into()));
    }

    #[test]
    fn the_most_is_by_jobs_and_by_cores() {
        let six = serde_json::json!(vec![serde_json::json!({}); 6]);
        for (workers, cores, limit, [usable, idle, no_core, no_worker]) in [
            (2, 2, 2.0, [2.0, 0.0, 4.0, 4.0]),
            (4, 4, 3.0, [4.0, 0.0, 2.0, 2.0]),
            (6, 4, 4.0, [4.0, 0.0, 2.0, 0.0]),
            (16, 16, 6.0, [16.0, 0.0, 0.0, 0.0]),
            (2, 8, 2.0, [2.0, 6.0, 0.0, 4.0]),
        ] {
            let planted = Planted::nothing()
                .result(MATRIX, Processes, six.clone())
                .on(workers, cores);
            for (setting, number) in [
                (Setting::Jobs, 6.0),
                (Setting::Limit, limit),
                (Setting::UsableCores, usable),
                (Setting::IdleCores, idle),
                (Setting::JobsWithoutCore, no_core),
                (Setting::JobsWithoutWorker, no_worker),
            ] {
                let found = found(&planted, Quantity::Setting(setting));
                assert_eq!(found, Ok([number; 3]), "{setting:?}");
            }
        }
        let none = Planted::nothing().busy_cores(MATRIX, Threads, &TORN);
        let busy = found(&none, Quantity::BusyCores(Threads)).unwrap();
        assert_eq!([busy[0], busy[2]], [0.5, 6.0]);
        assert!(found(&none, Quantity::Setting(Setting::Jobs)).is_err());
    }

    #[test]
    fn where_others_took_the_cores_their_use_is_not_known() {
        let planted = Planted::nothing().speed_up(MATRIX, Threads, 1.0);
        let mut results = planted.results();
        let busy = |time, busy| Reading {
            after: MATRIX.into(),
            time,
            busy: Some(busy),
            ..Reading::default()
        };
        let mut speed_up = |others| {
            let place = Place { cores_online: Some(2), ..Place::default() };
            let readings = vec![busy(0.0, 0.0), busy(10.0, others)];
            let dropped = Default::default();
            results.environment =
                Some(Environment { place, readings, dropped });
            let evidence = Evidence::of_rust(&results);
            evidence.speed_up(Threads, &[]).map(|it| it.median)
        };
        assert_eq!(speed_up(1.0), Ok(1.0));
        let Missing(words) = speed_up(10.0).unwrap_err();
        assert!(words.contains("other programs took 50 %"), "{words}");
    }

    #[test]
    fn an_interpreter_says_whether_it_has_a_gil() {
        for (planted, gil) in [
            (Planted::nothing(), true),
            (Planted::nothing().without_gil(), false),
        ] {
            let results = planted.results_in_cpython();
            assert_eq!(Evidence::of_cpython(&results, 0).has_gil(), gil);
            assert!(!Evidence::of_rust(&results).has_gil());
        }
    }
}
