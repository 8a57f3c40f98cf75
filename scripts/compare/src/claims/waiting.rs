//! Claims on those who wait: a person for a frame, a client for replies.

use common::{estimate::Estimate, scenarios::FRAME, units::human};

use crate::{
    claims::{
        Claim, Missing, Place, Ruling, Standing,
        evidence::{Evidence, Figure},
        ruling::exceeds,
    },
    verdict::{TIMES, times},
};

pub static CLAIMS: [Claim; 4] = [
    Claim {
        id: "C13",
        statement: "threads make a UI responsive",
        place: Place {
            scenario: SCREEN,
            file: "src/main.rs",
            function: "spawn_and_join",
        },
        rust: threads_make_it_responsive,
        cpython: threads_make_it_responsive,
    },
    Claim {
        id: "C15",
        statement: "threads are a great choice for I/O",
        place: Place {
            scenario: FETCH,
            file: "src/main.rs",
            function: "worker",
        },
        rust: threads_are_great_for_io,
        cpython: threads_are_great_for_io,
    },
    Claim {
        id: "C24",
        statement: "a query freezes the UI's only thread",
        place: Place { scenario: SCREEN, file: "src/main.rs", function: "run" },
        rust: a_query_freezes_the_screen,
        cpython: a_query_freezes_the_screen,
    },
    Claim {
        id: "C25",
        statement: "a worker thread keeps it responsive",
        place: Place {
            scenario: SCREEN,
            file: "src/main.rs",
            function: "worker",
        },
        rust: a_thread_keeps_it_responsive,
        cpython: a_thread_keeps_it_responsive_in_python,
    },
];

const SCREEN: &str = "responsive-ui";

/// From a key to the frame that shows it: for all keys but one in a hundred.
const LATENCY: Figure = Figure::threads(SCREEN, "input-to-frame-p99");

/// How long the database is busy while nobody helps.
const QUERY: Figure = Figure::threads(SCREEN, "query").of("no-worker");

const FETCH: &str = "fetch";

/// "Responsive": up to a tenth of a second, a person feels that the screen
/// answers at once (J. Nielsen, Usability Engineering, chapter 5).
const INSTANT: f64 = 0.1;

/// "Frozen": for nine tenths of the query or more, nothing moves.
const FROZEN: f64 = 0.9;

/// "Keeps": within a frame, a key also has to be read and drawn. Who waits for
/// half of it before that, for the GIL, is late for some frames.
const ROOM: f64 = 0.5;

/// "Great": waiting alone would take four fifths of the time, or more.
const GREAT: f64 = 0.8;

/// "Choice": what costs a quarter more is not chosen without a second look.
const DEARER: f64 = 1.25;

/// Without them it must not be: else it is not they who make it so.
fn threads_make_it_responsive(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    check_that_it_is_felt(QUERY, evidence)?;
    let alone = evidence.estimate(LATENCY.of("no-worker"))?;
    let helped = evidence.estimate(LATENCY.of("worker"))?;
    let figure =
        format!("threads p99 {}, alone {}", seconds(helped), seconds(alone));
    let is_made = exceeds(alone, INSTANT)? && !exceeds(helped, INSTANT)?;
    Ok(match is_made {
        true => Ruling::holds(figure),
        false => Ruling::does_not_hold(figure),
    })
}

/// Great is what comes near the ideal, and has no cheaper alternative.
fn threads_are_great_for_io(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let share = of_the_crowd(evidence, "share-of-ideal")?;
    let share = evidence.estimate(share)?;
    let near = format!("threads {} of ideal", human(share.median, "share"));
    if !exceeds(share, GREAT)? {
        return Ok(Ruling::does_not_hold(near));
    }
    Ok(match extra_cost(evidence)? {
        None => Ruling::holds(near),
        Some(cost) => Ruling::reworded(
            "they come near the ideal, but processes do it cheaper",
            format!("{near}, {cost}"),
        ),
    })
}

/// What threads take clearly more of than processes, and how much.
fn extra_cost(evidence: &Evidence<'_>) -> Result<Option<String>, Missing> {
    let costs = [("memory", "memory"), ("CPU", "cpu")];
    for (what, metric) in costs {
        let threads = of_the_crowd(evidence, metric)?;
        let cost = evidence.ratio(threads, threads.by_processes())?;
        if exceeds(cost, DEARER)? {
            let times = times(cost.median);
            return Ok(Some(format!("{times}{TIMES} the {what}")));
        }
    }
    Ok(None)
}

/// Of as many threads as were tried: one more is no news where many wait.
fn of_the_crowd<'all>(
    evidence: &Evidence<'all>,
    metric: &'static str,
) -> Result<Figure<'all>, Missing> {
    evidence.of_most(Figure::threads(FETCH, metric), |variant| {
        variant.strip_prefix("workers-")?.parse().ok()
    })
}

fn a_query_freezes_the_screen(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    check_that_it_is_felt(QUERY, evidence)?;
    let gap = Figure::threads(SCREEN, "longest-frame-gap");
    let gap = gap.of("no-worker");
    let share = evidence.ratio(gap, QUERY)?;
    let gap = seconds(evidence.estimate(gap)?);
    let figure =
        format!("{gap}, {} of the query", human(share.median, "share"));
    Ok(match exceeds(share, FROZEN)? {
        true => Ruling::holds(figure),
        false => Ruling::does_not_hold(figure),
    })
}

fn a_thread_keeps_it_responsive(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let latency = latency_during(evidence, "worker")?;
    let figure = format!("threads p99 {}", seconds(latency));
    if !exceeds(latency, FRAME.as_secs_f64())? {
        return Ok(Ruling::holds(figure));
    }
    Ok(match exceeds(latency, INSTANT)? {
        true => Ruling::does_not_hold(figure),
        false => Ruling::reworded(
            "nobody feels a wait, but frames are missed",
            figure,
        ),
    })
}

/// A database lets go of the GIL while it works; the same work in Python does
/// not, and is asked for it now and then.
fn a_thread_keeps_it_responsive_in_python(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let of_sql = a_thread_keeps_it_responsive(evidence)?;
    let latency = latency_during(evidence, "worker-pure-python")?;
    let figure = format!("{}, pure Python {}", of_sql.figure, seconds(latency));
    if of_sql.standing != Standing::Holds {
        return Ok(Ruling { figure, ..of_sql });
    }
    Ok(match exceeds(latency, FRAME.as_secs_f64() * ROOM)? {
        true => Ruling::reworded(
            "while it runs SQL: in pure Python it holds the GIL",
            figure,
        ),
        false => Ruling::holds(figure),
    })
}

/// What keys wait while this worker is at its query.
fn latency_during(
    evidence: &Evidence<'_>,
    worker: &'static str,
) -> Result<Estimate, Missing> {
    check_that_it_is_felt(QUERY.of(worker), evidence)?;
    evidence.estimate(LATENCY.of(worker))
}

/// # Errors
///
/// A query that is over in an instant lets nobody wait, however it is run.
fn check_that_it_is_felt(
    query: Figure<'_>,
    evidence: &Evidence<'_>,
) -> Result<(), Missing> {
    match exceeds(evidence.estimate(query)?, INSTANT)? {
        true => Ok(()),
        false => {
            Err(Missing(format!("{SCREEN}: too short a query to be felt")))
        }
    }
}

fn seconds(estimate: Estimate) -> String {
    human(estimate.median, "s")
}

#[cfg(test)]
mod tests {
    use common::outcome::Model;

    use super::*;
    use crate::claims::planted::Planted;

    const FRAME: f64 = 0.016_667;

    const CROWD: &str = "workers-64";

    fn said(planted: &Planted, id: &str) -> (Standing, String) {
        let ruling = planted.ruling(id);
        (ruling.standing, ruling.figure)
    }

    /// Of threads: processes are far too slow.
    fn screen(variant: &str, figures: &[(&str, f64)]) -> Planted {
        let variant = Some(variant);
        figures.iter().fold(Planted::nothing(), |planted, (name, value)| {
            planted.both(SCREEN, (name, variant), [*value, 9.0])
        })
    }

    fn latencies(alone: f64, helped: f64) -> Planted {
        during([0.7, 0.8], alone, helped)
    }

    /// During queries without a worker and with one.
    fn during([one, other]: [f64; 2], alone: f64, helped: f64) -> Planted {
        let (latency, worker) = ("input-to-frame-p99", Some("worker"));
        screen("no-worker", &[(latency, alone), ("query", one)])
            .both(SCREEN, (latency, worker), [helped, 9.0])
            .both(SCREEN, ("query", worker), [other, 9.0])
    }

    fn fetch(share: f64, memory: [f64; 2], cpu: [f64; 2]) -> Planted {
        let crowd = Some("workers-64");
        Planted::nothing()
            .both(FETCH, ("share-of-ideal", crowd), [share, 0.01])
            .both(FETCH, ("memory", crowd), memory)
            .both(FETCH, ("cpu", crowd), cpu)
    }

    #[test]
    fn threads_make_a_screen_responsive_that_was_not() {
        for (alone, helped, standing) in [
            (0.7, 0.001, Standing::Holds),
            (0.11, 0.09, Standing::Holds),
            (0.7, 0.11, Standing::DoesNotHold),
            (0.09, 0.001, Standing::DoesNotHold),
        ] {
            let found = latencies(alone, helped).ruling("C13").standing;
            assert_eq!(found, standing, "{alone} {helped}");
        }
        let (_, words) = said(&latencies(0.7, 0.001), "C13");
        assert_eq!(words, "threads p99 1.00 ms, alone 700 ms");
    }

    #[test]
    fn threads_are_great_if_nearly_ideal_and_not_dearer() {
        let (cheap, alike, dear) = ([1.0, 3.0], [1.2, 1.0], [1.3, 1.0]);
        for (share, memory, cpu, standing) in [
            (0.95, cheap, cheap, Standing::Holds),
            (0.81, alike, alike, Standing::Holds),
            (0.79, cheap, cheap, Standing::DoesNotHold),
            (0.95, dear, cheap, Standing::Reworded),
            (0.95, cheap, dear, Standing::Reworded),
        ] {
            let found = fetch(share, memory, cpu).ruling("C15").standing;
            assert_eq!(found, standing, "{share} {memory:?} {cpu:?}");
        }
        let words = |memory, cpu| said(&fetch(0.95, memory, cpu), "C15").1;
        assert_eq!(words(cheap, cheap), "threads 95.0 % of ideal");
        let dearer = "threads 95.0 % of ideal, 1.30× the memory";
        assert_eq!(words(dear, dear), dearer);
        assert!(words(cheap, dear).ends_with(", 1.30× the CPU"));
    }

    #[test]
    fn a_screen_is_frozen_for_as_long_as_the_query_takes() {
        for (gap, query, standing) in [
            (0.7, 0.7, Standing::Holds),
            (0.64, 0.7, Standing::Holds),
            (0.62, 0.7, Standing::DoesNotHold),
            (0.11, 0.11, Standing::Holds),
        ] {
            let figures = [("longest-frame-gap", gap), ("query", query)];
            let planted = screen("no-worker", &figures);
            let found = planted.ruling("C24").standing;
            assert_eq!(found, standing, "{gap} of {query}");
        }
        let figures = [("longest-frame-gap", 0.7), ("query", 0.7)];
        let (_, words) = said(&screen("no-worker", &figures), "C24");
        assert_eq!(words, "700 ms, 100 % of the query");
    }

    #[test]
    fn a_thread_keeps_within_a_frame_or_what_a_person_feels() {
        for (latency, standing) in [
            (0.001, Standing::Holds),
            (0.99 * FRAME, Standing::Holds),
            (1.01 * FRAME, Standing::Reworded),
            (0.09, Standing::Reworded),
            (0.11, Standing::DoesNotHold),
        ] {
            let found = latencies(0.7, latency).ruling("C25").standing;
            assert_eq!(found, standing, "{latency}");
        }
        let (_, words) = said(&latencies(0.7, 0.001), "C25");
        assert_eq!(words, "threads p99 1.00 ms");
    }

    #[test]
    fn in_python_it_matters_what_the_thread_runs() {
        for (sql, python, standing) in [
            (0.001, 0.49 * FRAME, Standing::Holds),
            (0.001, 0.51 * FRAME, Standing::Reworded),
            (0.001, 9.0, Standing::Reworded),
            (0.09, 0.09, Standing::Reworded),
            (0.11, 0.005, Standing::DoesNotHold),
        ] {
            let pure = Some("worker-pure-python");
            let ruling = latencies(0.7, sql)
                .both(SCREEN, ("query", pure), [0.7, 9.0])
                .both(SCREEN, ("input-to-frame-p99", pure), [python, 9.0])
                .ruling_in_cpython("C25");
            assert_eq!(ruling.standing, standing, "{sql} {python}");
            assert!(ruling.figure.contains(", pure Python "));
            let gil = ruling.correction.is_some_and(|it| it.contains("GIL"));
            let is_late = python > 0.5 * FRAME;
            assert_eq!(gil, sql < 0.01 && is_late, "{sql} {python}");
        }
        let ruling = latencies(0.7, 0.001).ruling_in_cpython("C25");
        assert_eq!(ruling.standing, Standing::NotMeasured);
    }

    #[test]
    fn most_is_judged_in_python_as_in_rust() {
        let gap = |gap| {
            let figures = [("longest-frame-gap", gap), ("query", 0.7)];
            screen("no-worker", &figures)
        };
        for (planted, id, standing) in [
            (latencies(0.7, 0.001), "C13", Standing::Holds),
            (latencies(0.7, 0.2), "C13", Standing::DoesNotHold),
            (gap(0.7), "C24", Standing::Holds),
            (gap(0.6), "C24", Standing::DoesNotHold),
        ] {
            assert_eq!(planted.ruling_in_cpython(id).standing, standing);
        }
    }

    #[test]
    fn the_largest_crowd_is_asked() {
        let crowd = |planted: Planted, crowd, share| {
            let name = ("share-of-ideal", Some(crowd));
            planted.both(FETCH, name, [share, share])
        };
        let planted = ["memory", "cpu"].into_iter().fold(
            crowd(Planted::nothing(), "workers-9", 0.1),
            |planted, name| {
                planted.both(FETCH, (name, Some("workers-16")), [1.0, 1.0])
            },
        );
        let planted = crowd(planted, "workers-16", 0.95);
        let found = planted.ruling_in_cpython("C15");
        assert_eq!(found.figure, "threads 95.0 % of ideal");
        assert_eq!(found.standing, Standing::Holds);
        assert_eq!(planted.ruling("C15").standing, Standing::Holds);
    }

    #[test]
    fn a_query_that_nobody_feels_tells_nothing() {
        let (short, long) = (0.09, 0.11);
        for (id, queries) in [
            ("C13", [short, long]),
            ("C24", [short, long]),
            ("C25", [long, short]),
        ] {
            let words = "responsive-ui: too short a query to be felt";
            let planted = during(queries, 0.2, 0.001);
            let found = said(&planted, id);
            assert_eq!(found, (Standing::NotMeasured, words.into()));
        }
    }

    /// Each with one figure whose rounds lie on both sides of its threshold.
    #[test]
    fn rounds_that_differ_tell_nothing() {
        const LATENCY: &str = "input-to-frame-p99";
        const GAP: &str = "longest-frame-gap";
        for (id, scenario, name, variant, torn) in [
            ("C13", SCREEN, LATENCY, "no-worker", [0.09, 0.2]),
            ("C13", SCREEN, LATENCY, "worker", [0.01, 0.2]),
            ("C15", FETCH, "share-of-ideal", CROWD, [0.7, 0.9]),
            ("C15", FETCH, "memory", CROWD, [1.0, 9.0]),
            ("C15", FETCH, "cpu", CROWD, [1.0, 9.0]),
            ("C13", SCREEN, "query", "no-worker", [0.09, 0.2]),
            ("C24", SCREEN, GAP, "no-worker", [0.5, 0.7]),
            ("C24", SCREEN, "query", "no-worker", [0.09, 0.2]),
            ("C25", SCREEN, "query", "worker", [0.09, 0.2]),
            ("C25", SCREEN, LATENCY, "worker", [0.01, 0.02]),
            ("C25", SCREEN, LATENCY, "worker", [0.02, 0.2]),
        ] {
            let [low, high] = torn;
            let rounds = [low, high, low, high, low, high];
            let variant = Some(variant);
            let planted = steady_but(name, variant).rounds(
                scenario,
                Model::Threads,
                (name, variant),
                &rounds,
            );
            let (standing, words) = said(&planted, id);
            assert_eq!(standing, Standing::NotMeasured, "{id}: {words}");
            assert!(words.starts_with("too noisy"), "{id}: {words}");
        }
    }

    /// What else the rules ask for, which lets them go on to this figure.
    fn steady_but(name: &str, variant: Option<&str>) -> Planted {
        let crowd = Some(CROWD);
        let all = [
            (SCREEN, "input-to-frame-p99", Some("no-worker"), [0.7, 0.7]),
            (SCREEN, "input-to-frame-p99", Some("worker"), [0.001, 0.001]),
            (SCREEN, "query", Some("no-worker"), [0.7, 0.7]),
            (SCREEN, "query", Some("worker"), [0.7, 0.7]),
            (FETCH, "share-of-ideal", crowd, [0.95, 0.95]),
            (FETCH, "memory", crowd, [2.0, 4.0]),
            (FETCH, "cpu", crowd, [2.0, 4.0]),
        ];
        let mut planted = Planted::nothing();
        for (scenario, metric, of, [threads, processes]) in all {
            let key = (metric, of);
            planted =
                planted.steady(scenario, Model::Processes, key, processes);
            if key != (name, variant) {
                planted =
                    planted.steady(scenario, Model::Threads, key, threads);
            }
        }
        planted
    }
}
