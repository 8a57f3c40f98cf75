//! Claims on the use of cores, and on the lock that CPython holds while it
//! interprets (the GIL). Where threads run side by side there is no such
//! lock, and what is said of it is void. All of them rest on one scenario.
//!
//! CPython does that scenario's work twice, after loading: in pure Python,
//! which needs the GIL, and in native code, which gives it away. What is said
//! of the GIL is judged by the former, unless it is said of the latter.

use common::{estimate::Estimate, outcome::Model};

use crate::{
    claims::{
        Claim, Missing, Place, Ruling,
        evidence::{Evidence, Figure},
        ruling::exceeds,
    },
    verdict::{TIMES, times},
};

pub static CLAIMS: [Claim; 8] = [
    Claim {
        id: "C03",
        statement: "processes use every core",
        place: main("spawn_and_join"),
        rust: processes_use_every_core,
        cpython: processes_use_every_core,
    },
    Claim {
        id: "C04",
        statement: "processes avoid the GIL",
        place: main("worker"),
        rust: processes_avoid_the_lock,
        cpython: processes_avoid_the_lock,
    },
    Claim {
        id: "C08",
        statement: "processes are a must for CPU work",
        place: main("spawn_and_join"),
        rust: processes_are_a_must,
        cpython: processes_are_a_must_in_python,
    },
    Claim {
        id: "C14",
        statement: "code that releases the GIL scales",
        place: main("worker"),
        rust: native_code_scales,
        cpython: native_code_scales_in_python,
    },
    Claim {
        id: "C16",
        statement: "threads are subject to the GIL",
        place: main("spawn_and_join"),
        rust: threads_are_subject_to_the_lock,
        cpython: threads_are_subject_to_the_lock,
    },
    Claim {
        id: "C27",
        statement: "threads never do two things at once",
        place: main("worker"),
        rust: threads_do_one_thing_at_a_time,
        cpython: threads_do_one_thing_at_a_time,
    },
    Claim {
        id: "C28",
        statement: "threads help a little, while waiting",
        place: main("worker"),
        rust: threads_help_a_little,
        cpython: threads_help_a_little_in_python,
    },
    Claim {
        id: "C29",
        statement: "six processes at full efficiency",
        place: main("spawn_and_join"),
        rust: each_process_at_full_efficiency,
        cpython: each_process_at_full_efficiency,
    },
];

const fn main(function: &'static str) -> Place {
    Place { scenario: MATRIX, file: "src/main.rs", function }
}

/// Six databases, a matrix transformation of each: hardly any waiting.
const MATRIX: &str = "matrix";

/// "Every core": with a quarter of the speed missing, one core of four might
/// as well not be there.
const EVERY: f64 = 0.75;

/// "At once": a lock that lets one work at a time leaves a speed-up of one,
/// and two cores without a lock give two. This lies halfway, and so "a
/// little" help ends here as well.
const SEVERAL: f64 = 1.5;

/// "A must": who goes without would have two thirds of the speed, or less.
const MUST: f64 = 1.5;

/// "Further": what nobody would choose by is not further.
const FURTHER: f64 = 1.25;

/// "Full": of what a tenth is missing, that is not said.
const FULL: f64 = 0.9;

/// "A little": less than a tenth is hard to tell from no help at all.
const LITTLE: f64 = 1.1;

/// What CPython takes to read the databases.
const LOADING: Figure = Figure::threads(MATRIX, "work").of("load");

/// To transform them in Python.
const PURE: Figure = Figure::threads(MATRIX, "work").of("pure");

/// To do so in native code.
const NATIVE: Figure = Figure::threads(MATRIX, "work").of("native");

/// What the workers get of the cores meanwhile, in Python.
const CPU: Figure = Figure::threads(MATRIX, "cpu").of("pure");

/// A core for which there is no job is not held against anyone.
fn processes_use_every_core(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let crew = Crew::of(evidence)?;
    crew.has_every_core()?;
    let speed_up = speed_up(evidence, Model::Processes)?;
    let figure = of_at_most(evidence, speed_up, crew.limit());
    Ok(match exceeds(speed_up.divided_by(crew.limit()), EVERY)? {
        true => Ruling::holds(figure),
        false => Ruling::does_not_hold(figure),
    })
}

/// Where threads are under no lock there is nothing to avoid.
fn processes_avoid_the_lock(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let figure = both_speed_ups(evidence)?;
    Ok(match threads_take_turns(evidence, speed_up)? {
        true => Ruling::holds(figure),
        false => void(evidence, figure),
    })
}

fn processes_are_a_must(evidence: &Evidence<'_>) -> Result<Ruling, Missing> {
    let takes_turns = threads_take_turns(evidence, speed_up)?;
    let gain = gain_by_processes(evidence)?;
    let figure = format!("processes {}{TIMES} as fast", times(gain.median));
    Ok(match takes_turns || exceeds(gain, MUST)? {
        true => Ruling::holds(figure),
        false => Ruling::only_in_cpython(figure),
    })
}

/// What is native need not be a process.
fn processes_are_a_must_in_python(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let takes_turns = threads_take_turns(evidence, speed_up)?;
    let gain = evidence.ratio(PURE, PURE.by_processes())?;
    let gained = times(gain.median);
    let figure = threads_speed_up(evidence)?;
    let figure = format!("{figure}, processes {gained}{TIMES} as fast");
    if !takes_turns && !exceeds(gain, MUST)? {
        return Ok(Ruling::does_not_hold(figure));
    }
    Ok(match threads_take_turns(evidence, native_speed_up)? {
        true => Ruling::holds(figure),
        false => Ruling::reworded(
            "for pure Python: native code scales in threads as well",
            figure,
        ),
    })
}

/// Where threads are under no lock there is none to release.
fn native_code_scales(evidence: &Evidence<'_>) -> Result<Ruling, Missing> {
    let figure = threads_speed_up(evidence)?;
    Ok(match threads_take_turns(evidence, speed_up)? {
        true => Ruling::does_not_hold(figure),
        false => Ruling::only_in_cpython(figure),
    })
}

fn native_code_scales_in_python(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let threads = native_speed_up(evidence, Model::Threads)?;
    let figure = format!("native: threads {}{TIMES}", times(threads.median));
    Ok(match threads_take_turns(evidence, native_speed_up)? {
        true => Ruling::does_not_hold(figure),
        false => Ruling::holds(figure),
    })
}

fn threads_are_subject_to_the_lock(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let figure = threads_speed_up(evidence)?;
    Ok(match threads_take_turns(evidence, speed_up)? {
        true => Ruling::holds(figure),
        false => void(evidence, figure),
    })
}

/// By the time that the kernel says was used, not by what workers say: who
/// waits for a lock believes to be at work.
fn threads_do_one_thing_at_a_time(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let busy = busy_cores(evidence, Model::Threads)?;
    let cores = times(busy.median);
    let figure = format!("{}threads use {cores} cores", by(evidence));
    Ok(match threads_take_turns(evidence, busy_cores)? {
        true => Ruling::holds(figure),
        false => void(evidence, figure),
    })
}

fn threads_help_a_little(evidence: &Evidence<'_>) -> Result<Ruling, Missing> {
    let figure = both_speed_ups(evidence)?;
    if threads_take_turns(evidence, speed_up)? {
        return Ok(Ruling::holds(figure));
    }
    Ok(match exceeds(gain_by_processes(evidence)?, FURTHER)? {
        true => Ruling::reworded(
            "threads help more than a little, and processes further",
            figure,
        ),
        false => Ruling::does_not_hold(figure),
    })
}

/// By what takes waiting, which is loading, and what follows upon it.
fn threads_help_a_little_in_python(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    check_that_two_can_work(evidence)?;
    let [threads, processes] = [Model::Threads, Model::Processes]
        .map(|side| evidence.speed_up_of(&[LOADING.by(side), PURE.by(side)]));
    let (threads, processes) = (threads?, processes?);
    let figure = format!(
        "load and pure: threads {}{TIMES}, processes {}{TIMES}",
        times(threads.median),
        times(processes.median)
    );
    if exceeds(threads, SEVERAL)? {
        return Ok(Ruling::does_not_hold(figure));
    }
    Ok(match exceeds(threads, LITTLE)? {
        true => Ruling::holds(figure),
        false => Ruling::reworded(
            "not even a little: there is hardly a wait to overlap",
            figure,
        ),
    })
}

/// Nobody has a core of its own where there are fewer cores than jobs: then
/// the most is as many as there are cores.
fn each_process_at_full_efficiency(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let crew = Crew::of(evidence)?;
    if crew.workers < crew.jobs {
        crew.has_every_core()?;
    }
    let speed_up = speed_up(evidence, Model::Processes)?;
    let figure = of_at_most(evidence, speed_up, crew.limit());
    let is_full = exceeds(speed_up.divided_by(crew.limit()), FULL)?;
    Ok(match (is_full, crew.cores < crew.jobs) {
        (true, false) => Ruling::holds(figure),
        (true, true) => Ruling::reworded(
            "as far as there are cores: no more can run at once",
            figure,
        ),
        (false, _) => Ruling::does_not_hold(figure),
    })
}

/// Whether threads work one at a time where processes do not, by this count
/// of how many work at once.
///
/// # Errors
///
/// If processes do no better, then it is not for being threads that threads
/// take turns, and nothing is to be learnt.
fn threads_take_turns(
    evidence: &Evidence<'_>,
    at_once: AtOnce,
) -> Result<bool, Missing> {
    check_that_two_can_work(evidence)?;
    let several = |model| exceeds(at_once(evidence, model)?, SEVERAL);
    if several(Model::Threads)? {
        Ok(false)
    } else if several(Model::Processes)? {
        Ok(true)
    } else {
        Err(Missing(format!("{MATRIX}: not even processes scale")))
    }
}

/// A figure that tells how many of a side work at once.
type AtOnce = fn(&Evidence<'_>, Model) -> Result<Estimate, Missing>;

/// How many times faster all workers are than one.
fn speed_up(
    evidence: &Evidence<'_>,
    model: Model,
) -> Result<Estimate, Missing> {
    match evidence.is_of_cpython() {
        true => evidence.speed_up_of(&[PURE.by(model)]),
        false => evidence.speed_up(MATRIX, model),
    }
}

/// Likewise.
fn native_speed_up(
    evidence: &Evidence<'_>,
    model: Model,
) -> Result<Estimate, Missing> {
    evidence.speed_up_of(&[NATIVE.by(model)])
}

/// CPU seconds a second, of all workers.
fn busy_cores(
    evidence: &Evidence<'_>,
    model: Model,
) -> Result<Estimate, Missing> {
    match evidence.is_of_cpython() {
        true => evidence.ratio(CPU.by(model), PURE.by(model)),
        false => evidence.busy_cores(MATRIX, model),
    }
}

/// What is said of a lock that is not there: CPython may be built without.
fn void(evidence: &Evidence<'_>, figure: String) -> Ruling {
    match evidence.is_of_cpython() {
        true => Ruling::does_not_hold(figure),
        false => Ruling::only_in_cpython(figure),
    }
}

/// By which work of several.
fn by(evidence: &Evidence<'_>) -> &'static str {
    match evidence.is_of_cpython() {
        true => "pure: ",
        false => "",
    }
}

/// # Errors
///
/// One at a time is all that one worker can do, or one core.
fn check_that_two_can_work(evidence: &Evidence<'_>) -> Result<(), Missing> {
    match evidence.usable_cores(MATRIX)? < 2 {
        true => {
            let what = "needs two workers and two cores";
            Err(Missing(format!("{MATRIX}: {what}")))
        }
        false => Ok(()),
    }
}

/// How many times as fast as threads processes are, with all workers.
fn gain_by_processes(evidence: &Evidence<'_>) -> Result<Estimate, Missing> {
    let threads = Figure::threads(MATRIX, "databases");
    evidence.ratio(threads.by_processes(), threads)
}

fn both_speed_ups(evidence: &Evidence<'_>) -> Result<String, Missing> {
    let threads = threads_speed_up(evidence)?;
    let processes = speed_up(evidence, Model::Processes)?;
    Ok(format!("{threads}, processes {}{TIMES}", times(processes.median)))
}

fn threads_speed_up(evidence: &Evidence<'_>) -> Result<String, Missing> {
    let threads = speed_up(evidence, Model::Threads)?;
    Ok(format!("{}threads {}{TIMES}", by(evidence), times(threads.median)))
}

fn of_at_most(
    evidence: &Evidence<'_>,
    speed_up: Estimate,
    limit: f64,
) -> String {
    let (speed_up, limit) = (times(speed_up.median), times(limit));
    format!("{}processes {speed_up}{TIMES} of {limit}{TIMES}", by(evidence))
}

/// Who works at what, on how many cores.
struct Crew {
    jobs: usize,
    workers: usize,
    cores: usize,
}

impl Crew {
    fn of(evidence: &Evidence<'_>) -> Result<Self, Missing> {
        check_that_two_can_work(evidence)?;
        let [workers, cores] = evidence.workers_and_cores(MATRIX)?;
        let pointer = match evidence.is_of_cpython() {
            true => "/databases",
            false => "",
        };
        let results = evidence.results(MATRIX, Model::Processes, pointer)?;
        let jobs = results.first().and_then(|jobs| jobs.as_array());
        let jobs = jobs.map_or(0, Vec::len);
        match jobs {
            0 => Err(Missing(format!("{MATRIX}: no job was done"))),
            _ => Ok(Crew { jobs, workers, cores }),
        }
    }

    /// How many times faster than one they can be at most. A job is not
    /// divided: with six for four workers, two idle while the last two are
    /// done.
    fn limit(&self) -> f64 {
        let turns = self.jobs.div_ceil(self.workers);
        let by_jobs = self.jobs as f64 / turns as f64;
        by_jobs.min(self.cores as f64)
    }

    /// # Errors
    ///
    /// With fewer workers than cores, cores idle by order.
    fn has_every_core(&self) -> Result<(), Missing> {
        let Crew { workers, cores, .. } = self;
        match workers < cores {
            true => Err(Missing(format!(
                "{MATRIX}: {workers} workers leave cores idle, of {cores}"
            ))),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::claims::{Standing, planted::Planted};

    const PROCESSES: Model = Model::Processes;

    /// Rounds that lie on both sides of each threshold.
    const TORN: [f64; 6] = [0.5, 0.9, 1.0, 1.6, 1.9, 6.0];

    fn six() -> Value {
        json!(["one", "two", "three", "four", "five", "six"])
    }

    fn nothing() -> Planted {
        let (threads, processes) = (Model::Threads, Model::Processes);
        let planted = Planted::nothing();
        let planted = planted.result(MATRIX, threads, six());
        planted.result(MATRIX, processes, six())
    }

    fn sped_up([threads, processes]: [f64; 2]) -> Planted {
        let rates = [10.0 * threads, 10.0 * processes];
        nothing()
            .speed_up(MATRIX, Model::Threads, threads)
            .speed_up(MATRIX, Model::Processes, processes)
            .both(MATRIX, ("databases", None), rates)
    }

    fn busy([threads, processes]: [[f64; 6]; 2]) -> Planted {
        let planted = sped_up([1.0, 1.0]);
        let planted = planted.busy_cores(MATRIX, Model::Threads, &threads);
        planted.busy_cores(MATRIX, Model::Processes, &processes)
    }

    fn said(planted: &Planted, id: &str) -> (Standing, String) {
        let ruling = planted.ruling(id);
        (ruling.standing, ruling.figure)
    }

    #[test]
    fn processes_use_every_core_that_has_a_job() {
        for (workers, cores, times, standing, words) in [
            (2, 2, 1.94, Standing::Holds, "processes 1.94× of 2.0×"),
            (2, 2, 1.51, Standing::Holds, "processes 1.51× of 2.0×"),
            (2, 2, 1.49, Standing::DoesNotHold, "processes 1.49× of 2.0×"),
            (4, 4, 2.9, Standing::Holds, "processes 2.9× of 3.0×"),
            (4, 4, 2.2, Standing::DoesNotHold, "processes 2.2× of 3.0×"),
            (6, 4, 3.9, Standing::Holds, "processes 3.9× of 4.0×"),
            (16, 16, 5.5, Standing::Holds, "processes 5.5× of 6.0×"),
            (16, 16, 4.4, Standing::DoesNotHold, "processes 4.4× of 6.0×"),
        ] {
            let planted = sped_up([9.0, times]).on(workers, cores);
            assert_eq!(said(&planted, "C03"), (standing, words.into()));
        }
    }

    #[test]
    fn each_process_at_full_efficiency_needs_a_core_each() {
        for (workers, cores, times, standing) in [
            (6, 6, 5.5, Standing::Holds),
            (6, 8, 5.5, Standing::Holds),
            (6, 6, 5.3, Standing::DoesNotHold),
            (16, 16, 5.3, Standing::DoesNotHold),
            (2, 2, 1.94, Standing::Reworded),
            (2, 2, 1.7, Standing::DoesNotHold),
            (4, 4, 2.8, Standing::Reworded),
            (6, 4, 3.7, Standing::Reworded),
            (6, 4, 2.8, Standing::DoesNotHold),
        ] {
            let planted = sped_up([9.0, times]).on(workers, cores);
            let found = planted.ruling("C29").standing;
            assert_eq!(found, standing, "{workers} on {cores}: {times}");
        }
    }

    #[test]
    fn who_leaves_cores_idle_learns_nothing_of_every_core() {
        for (id, workers, cores) in
            [("C03", 2, 8), ("C03", 6, 8), ("C29", 2, 8), ("C29", 5, 6)]
        {
            let planted = sped_up([1.9, 1.9]).on(workers, cores);
            let words = format!(
                "matrix: {workers} workers leave cores idle, of {cores}"
            );
            assert_eq!(said(&planted, id), (Standing::NotMeasured, words));
        }
    }

    /// How claims stand by the speed-ups of threads and processes.
    #[test]
    fn what_is_said_of_the_lock_is_void_where_threads_scale() {
        use Standing::{DoesNotHold, Holds, NotMeasured, OnlyInCPython};
        for (id, scale, take_turns) in [
            ("C04", OnlyInCPython, Holds),
            ("C08", OnlyInCPython, Holds),
            ("C14", OnlyInCPython, DoesNotHold),
            ("C16", OnlyInCPython, Holds),
            ("C28", DoesNotHold, Holds),
        ] {
            for (times, standing) in [
                ([1.98, 1.94], scale),
                ([1.51, 1.51], scale),
                ([1.98, 1.02], scale),
                ([1.02, 1.94], take_turns),
                ([1.49, 1.51], take_turns),
                ([1.49, 1.49], NotMeasured),
            ] {
                let found = sped_up(times).ruling(id).standing;
                assert_eq!(found, standing, "{id} {times:?}");
            }
        }
    }

    fn work(part: &str) -> (&str, Option<&str>) {
        ("work", Some(part))
    }

    /// A part of the work, sped up by threads and by processes. With all
    /// workers it takes a second of threads.
    fn part(planted: Planted, part: &str, times: [f64; 2]) -> Planted {
        let [threads, processes] = times.map(|times| [times; 6]);
        let seconds = times[0] / times[1];
        planted
            .speed_ups_of(MATRIX, Model::Threads, work(part), (&threads, 1.0))
            .speed_ups_of(
                MATRIX,
                Model::Processes,
                work(part),
                (&processes, seconds),
            )
    }

    fn python(pure: [f64; 2], native: [f64; 2]) -> Planted {
        let (threads, processes) = (Model::Threads, Model::Processes);
        let six = json!({ "databases": six() });
        let planted = Planted::nothing()
            .result(MATRIX, threads, six.clone())
            .result(MATRIX, processes, six);
        part(part(planted, "pure", pure), "native", native)
    }

    fn said_in_python(planted: &Planted, id: &str) -> (Standing, String) {
        let ruling = planted.ruling_in_cpython(id);
        (ruling.standing, ruling.figure)
    }

    /// Whether threads scale in Python and in native code, where processes do.
    #[test]
    fn what_is_said_of_the_lock_is_judged_by_both_kernels() {
        use Standing::{DoesNotHold, Holds, Reworded};
        let (scales, not) = ([1.98, 1.94], [1.02, 1.94]);
        for (id, expected) in [
            ("C04", [Holds, Holds, DoesNotHold, DoesNotHold]),
            ("C08", [Reworded, Holds, DoesNotHold, DoesNotHold]),
            ("C14", [Holds, DoesNotHold, Holds, DoesNotHold]),
            ("C16", [Holds, Holds, DoesNotHold, DoesNotHold]),
        ] {
            let kernels =
                [(not, scales), (not, not), (scales, scales), (scales, not)];
            for ((pure, native), standing) in kernels.into_iter().zip(expected)
            {
                let found = python(pure, native).ruling_in_cpython(id);
                assert_eq!(found.standing, standing, "{id} {pure:?}");
                assert_ne!(found.standing, Standing::OnlyInCPython);
            }
        }
    }

    #[test]
    fn figures_of_python_name_the_kernel() {
        let planted = python([1.0, 1.9], [1.8, 1.7]);
        for (id, words) in [
            ("C03", "pure: processes 1.90× of 2.0×"),
            ("C04", "pure: threads 1.00×, processes 1.90×"),
            ("C08", "pure: threads 1.00×, processes 1.90× as fast"),
            ("C14", "native: threads 1.80×"),
            ("C16", "pure: threads 1.00×"),
            ("C29", "pure: processes 1.90× of 2.0×"),
        ] {
            assert_eq!(said_in_python(&planted, id).1, words, "{id}");
        }
    }

    #[test]
    fn processes_of_python_use_cores_by_what_is_pure() {
        for (id, times, standing) in [
            ("C03", 1.51, Standing::Holds),
            ("C03", 1.49, Standing::DoesNotHold),
            ("C29", 1.94, Standing::Reworded),
            ("C29", 1.7, Standing::DoesNotHold),
        ] {
            let planted = python([9.0, times], [9.0, 9.0]);
            let found = planted.ruling_in_cpython(id).standing;
            assert_eq!(found, standing, "{id} {times}");
        }
    }

    #[test]
    fn a_must_is_also_what_is_much_faster() {
        let gain = |processes| {
            let planted = python([2.0, processes], [1.0, 4.0]).on(4, 4);
            planted.ruling_in_cpython("C08").standing
        };
        assert_eq!(gain(3.1), Standing::Holds);
        assert_eq!(gain(2.9), Standing::DoesNotHold);
    }

    #[test]
    fn threads_of_python_use_one_core_or_more() {
        for (cores, standing) in [
            ([1.0, 1.9], Standing::Holds),
            ([1.49, 1.51], Standing::Holds),
            ([1.51, 1.9], Standing::DoesNotHold),
            ([1.0, 1.0], Standing::NotMeasured),
        ] {
            let planted = python([1.0; 2], [1.0; 2]);
            let planted = planted.both(MATRIX, ("cpu", Some("pure")), cores);
            let found = planted.ruling_in_cpython("C27").standing;
            assert_eq!(found, standing, "{cores:?}");
        }
        let (standing, words) =
            said_in_python(&python([1.0, 1.9], [1.0; 2]), "C27");
        assert_eq!(standing, Standing::NotMeasured);
        assert_eq!(words, "matrix: threads have no cpu.pure");
    }

    /// Loading takes as long as what follows, by threads.
    #[test]
    fn threads_of_python_help_by_overlapping_waits() {
        for (load, pure, standing) in [
            (1.4, 1.0, Standing::Holds),
            (1.0, 1.4, Standing::Holds),
            (1.0, 1.0, Standing::Reworded),
            (1.1, 1.0, Standing::Reworded),
            (1.9, 1.9, Standing::DoesNotHold),
        ] {
            let planted = python([pure, 1.0], [9.0; 2]);
            let planted = part(planted, "load", [load, 1.0]);
            let found = planted.ruling_in_cpython("C28").standing;
            assert_eq!(found, standing, "{load} {pure}");
        }
        let planted = part(python([1.0; 2], [9.0; 2]), "load", [1.5, 1.0]);
        assert_eq!(
            said_in_python(&planted, "C28").1,
            "load and pure: threads 1.25×, processes 1.00×"
        );
    }

    #[test]
    fn kernels_whose_rounds_differ_tell_nothing() {
        let torn = |kernel: &str, side| {
            let jobs = json!({ "databases": six() });
            let jobs = Planted::nothing().result(MATRIX, PROCESSES, jobs);
            let mut others = vec!["load", "pure", "native"];
            others.retain(|name| *name != kernel);
            let planted = others
                .into_iter()
                .fold(jobs, |planted, name| part(planted, name, [1.0, 1.9]));
            let (steady, times) = match side {
                Model::Threads => (PROCESSES, 1.9),
                Model::Processes => (Model::Threads, 1.0),
            };
            planted
                .speed_ups_of(MATRIX, side, work(kernel), (&TORN, 1.0))
                .speed_ups_of(MATRIX, steady, work(kernel), (&[times; 6], 1.0))
        };
        for (id, kernel, side) in [
            ("C03", "pure", Model::Processes),
            ("C04", "pure", Model::Threads),
            ("C04", "pure", Model::Processes),
            ("C08", "pure", Model::Threads),
            ("C08", "native", Model::Threads),
            ("C14", "native", Model::Threads),
            ("C14", "native", Model::Processes),
            ("C16", "pure", Model::Threads),
            ("C28", "load", Model::Threads),
            ("C28", "pure", Model::Threads),
            ("C29", "pure", Model::Processes),
        ] {
            let (standing, words) = said_in_python(&torn(kernel, side), id);
            assert_eq!(standing, Standing::NotMeasured, "{id}: {words}");
            assert!(words.starts_with("too noisy"), "{id}: {words}");
        }
    }

    #[test]
    fn in_python_too_one_core_tells_nothing() {
        for Claim { id, .. } in &CLAIMS {
            let planted = python([1.98; 2], [1.98; 2]).on(2, 1);
            let (standing, words) = said_in_python(&planted, id);
            assert_eq!(standing, Standing::NotMeasured, "{id}: {words}");
        }
    }

    #[test]
    fn threads_use_one_core_or_more() {
        for (cores, standing, words) in [
            ([1.98, 1.9], Standing::OnlyInCPython, "threads use 1.98 cores"),
            ([1.51, 1.0], Standing::OnlyInCPython, "threads use 1.51 cores"),
            ([1.49, 1.51], Standing::Holds, "threads use 1.49 cores"),
            (
                [1.0, 1.49],
                Standing::NotMeasured,
                "matrix: not even processes scale",
            ),
        ] {
            let planted = busy(cores.map(|cores| [cores; 6]));
            assert_eq!(said(&planted, "C27"), (standing, words.into()));
        }
    }

    #[test]
    fn processes_that_go_much_further_are_a_must_all_the_same() {
        for (id, times, standing) in [
            ("C08", [2.0, 2.9], Standing::OnlyInCPython),
            ("C08", [2.0, 3.1], Standing::Holds),
            ("C28", [2.0, 2.4], Standing::DoesNotHold),
            ("C28", [2.0, 2.6], Standing::Reworded),
        ] {
            let found = sped_up(times).on(4, 4).ruling(id).standing;
            assert_eq!(found, standing, "{id} {times:?}");
        }
    }

    #[test]
    fn figures_name_the_side() {
        let planted = sped_up([1.98, 1.0]);
        for (id, words) in [
            ("C04", "threads 1.98×, processes 1.00×"),
            ("C08", "processes 0.51× as fast"),
            ("C14", "threads 1.98×"),
            ("C16", "threads 1.98×"),
            ("C28", "threads 1.98×, processes 1.00×"),
        ] {
            assert_eq!(planted.ruling(id).figure, words, "{id}");
        }
    }

    #[test]
    fn one_worker_or_one_core_tells_nothing() {
        for Claim { id, .. } in &CLAIMS {
            for (workers, cores) in [(1, 2), (2, 1)] {
                let planted = sped_up([1.98, 1.94]).on(workers, cores);
                let (standing, words) = said(&planted, id);
                assert_eq!(standing, Standing::NotMeasured, "{id}: {words}");
                assert!(words.contains("needs two"), "{id}: {words}");
            }
        }
    }

    #[test]
    fn rounds_that_differ_tell_nothing() {
        let [threads, processes] = [Model::Threads, Model::Processes];
        let steady = || sped_up([1.98, 1.94]);
        let torn_threads = || steady().speed_ups(MATRIX, threads, &TORN);
        let torn_processes = || steady().speed_ups(MATRIX, processes, &TORN);
        let torn_rates = || {
            let planted = nothing().speed_up(MATRIX, threads, 1.98);
            let planted = planted.speed_up(MATRIX, processes, 1.98);
            let name = ("databases", None);
            let planted = planted.steady(MATRIX, threads, name, 1.0);
            planted.rounds(MATRIX, processes, name, &TORN)
        };
        for (id, planted) in [
            ("C03", torn_processes()),
            ("C04", torn_threads()),
            ("C08", torn_threads()),
            ("C08", torn_rates()),
            ("C14", torn_threads()),
            ("C16", torn_threads()),
            ("C27", busy([TORN, [1.9; 6]])),
            ("C27", busy([[1.0; 6], TORN])),
            ("C28", torn_threads()),
            ("C28", torn_rates()),
            ("C29", torn_processes()),
        ] {
            let (standing, words) = said(&planted, id);
            assert_eq!(standing, Standing::NotMeasured, "{id}: {words}");
            assert!(words.starts_with("too noisy"), "{id}: {words}");
        }
    }
}
